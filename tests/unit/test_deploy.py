"""The container files say what is so: settings that exist, stages that exist, files that exist, the locks by hash."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.configuration import load_settings
from nlu.rasa.training import train_command

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text("utf-8"))


def filled(value: str) -> str:
    """`${NAME:-default}` as its default."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def test_the_environment_of_parley_is_of_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPOSE["services"]["parley"]["environment"].items():
        monkeypatch.setenv(name, filled(value))
    settings = load_settings(ROOT / "config.yml")
    assert settings.store_url.startswith("postgresql://parley:parley@postgres:5432/")
    assert settings.nlu.rasa.url == "http://rasa:5005"
    assert settings.nlu.backend == "rasa-then-embedded"
    assert COMPOSE["services"]["migrate"]["environment"] == COMPOSE["services"]["parley"]["environment"]


def test_what_is_waited_for_is_there_and_can_say_so() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "test" in services[other]["healthcheck"]
    # Parley does not wait for Rasa: the embedded recogniser reads until it is there.
    assert "rasa" not in services["parley"]["depends_on"]
    named = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert named == COMPOSE["volumes"].keys()


def test_only_parley_is_published_and_on_this_machine_alone() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert published == {"parley": ["127.0.0.1:8080:8080"]}


def test_every_stage_and_file_is_there() -> None:
    stages = re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert stages == ["parley", "lesson", "rasa"]
    built = [service["build"]["target"] for service in COMPOSE["services"].values() if "build" in service]
    assert set(built) <= set(stages)
    for files in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / file).exists() for file in files.split()), files
    for by_hash in ("--require-hashes --requirement requirements-uv.lock", "--require-hashes requirements.lock"):
        assert DOCKERFILE.count(by_hash) == 2


def test_rasa_is_trained_as_make_rasa_trains_it() -> None:
    command = [str(part) for part in train_command(Path("p"), Path("lesson"), Path("models"), "NAME")]
    flags = [part for part in command if part.startswith("--")]
    line = next(line for line in DOCKERFILE.replace("\\\n", "").splitlines() if "rasa train nlu" in line)
    assert all(flag in line for flag in flags)
    assert "lesson/config.yml" in command and "lesson/nlu.yml" in command
