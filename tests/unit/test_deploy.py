"""The image and the composition of containers, held against the tree: no engine is at hand to build them with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_group

import app
from bot import assembly
from bot.configuration import load_settings

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text("utf-8"))
LINES = [
    line
    for line in re.sub(
        r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    ).splitlines()
    if line.strip()
]
COMMANDS = set(get_group(app.cli).commands)


def stages() -> dict[str, list[tuple[str, str]]]:
    """Each target's instructions, those of what it is built on first."""
    found: dict[str, list[tuple[str, str]]] = {}
    for line in LINES:
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            here = found[name or "(default)"] = list(found.get(base, ()))
        here.append((word, rest.strip()))
    return found


STAGES = stages()


def env_of(stage: str) -> dict[str, str]:
    pairs = [pair for word, rest in STAGES[stage] if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def ignored() -> set[str]:
    return set((ROOT / ".dockerignore").read_text("utf-8").split())


def test_whatever_is_copied_is_there_and_an_environment_of_this_machine_is_not() -> None:
    copied = [shlex.split(rest) for word, rest in (one for stage in STAGES.values() for one in stage) if word == "COPY"]
    sources = {name for words in copied if not words[0].startswith("--from") for name in words[:-1]}
    assert {"requirements-uv.lock", "requirements.lock", "."} <= sources
    assert [name for name in sources if not (ROOT / name).exists()] == []
    assert {".venv", "var", ".git"} <= ignored()
    for words in copied:
        if words[0].startswith("--from"):
            assert words[0].removeprefix("--from=") in STAGES


def test_locks_named_in_a_step_were_copied_before_it() -> None:
    for name, stage in STAGES.items():
        there: set[str] = set()
        for word, rest in stage:
            if word == "COPY":
                there |= {Path(one).name for one in shlex.split(rest)[:-1]}
            if word == "RUN":
                needed = set(re.findall(r"[\w-]+\.lock", rest))
                assert needed <= there, (name, needed - there)


def test_the_interpreter_is_one_that_is_supported() -> None:
    versions = {
        stage: re.search(r"python:([\d.]+)-slim", rest) for stage in ("parley",) for _, rest in STAGES[stage][:1]
    }
    assert versions["parley"] is not None
    assert versions["parley"][1] in ("3.11", "3.12")


def test_what_it_starts_is_a_command_with_a_configuration() -> None:
    stage = STAGES["(default)"]
    entry = yaml.safe_load(next(rest for word, rest in stage if word == "ENTRYPOINT"))
    assert entry == ["/parley/.venv/bin/python", "app.py"]
    started = [yaml.safe_load(next(rest for word, rest in stage if word == "CMD"))]
    started += [one["command"] for one in COMPOSE["services"].values() if "command" in one]
    for words in started:
        assert words[0] in COMMANDS
        assert (ROOT / words[words.index("--config") + 1]).is_file()


def test_its_health_is_asked_where_health_is_told() -> None:
    asked = next(rest for word, rest in STAGES["parley"] if word == "HEALTHCHECK")
    where = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", asked)
    assert where is not None
    exposed = [rest for word, rest in STAGES["parley"] if word == "EXPOSE"]
    assert [where[1]] == exposed
    assert where[2] == "/readyz"
    assert load_settings(ROOT / "config.yml", {}).server.port == int(where[1])
    compile(yaml.safe_load(asked[asked.index("[") :])[2], "the check", "exec")


def test_the_images_settings_are_settings() -> None:
    given = {name: value for name, value in env_of("parley").items() if name.startswith("PARLEY_")}
    assert len(given) == 3
    settings = load_settings(ROOT / "config.yml", given)
    assert (settings.server.host, str(settings.data_folder)) == ("0.0.0.0", "/data")
    volumes = [rest for word, rest in STAGES["parley"] if word == "VOLUME"]
    assert volumes == ["/data"]
    assert settings.store_url.startswith("sqlite:////data/")
    # Nothing else of the image may be written: it is another user's.
    demo = assembly.backend_settings(settings, "backends.demo")
    assert demo["path"] == "/data/larkspur.db"
    assert Path(demo["seed"]).is_file()


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_service_is_built_and_set_as_the_tree_has_it(name: str) -> None:
    service = COMPOSE["services"][name]
    if "build" in service:
        build = service["build"]
        context = (ROOT / "deploy" / build["context"]).resolve()
        assert (context / build["dockerfile"]).is_file()
        assert build["target"] in STAGES
    else:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"]), "an image without a version is another one tomorrow"
    for on, how in service.get("depends_on", {}).items():
        assert on in COMPOSE["services"]
        if how["condition"] == "service_healthy":
            assert "healthcheck" in COMPOSE["services"][on]
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / "deploy" / source).exists()
    given = {key: filled(value) for key, value in service.get("environment", {}).items() if key.startswith("PARLEY_")}
    if given:
        settings = load_settings(ROOT / "config.yml", {**env_of("parley"), **given})
        at = re.search(r"@(\w+):5432/", settings.store_url)
        assert at is not None
        assert at[1] in COMPOSE["services"]


def test_only_loopback_is_published_by_default() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:8080:8080"]


def filled(value: str) -> str:
    """`${NAME:-default}` as it is where NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
