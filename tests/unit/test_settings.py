"""The configuration: every setting is written down, every mistake gets one clear line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from bot.configuration import load_settings
from bot.errors import SettingsError
from bot.secret import derive, server_secret
from bot.settings import HOME, Settings

CONFIG = HOME / "config.yml"

DEMO = {
    "brand.folder", "services", "backends", "identity.demo", "identity.personas",
    "desk.handoff", "desk.acts", "desk.bank_holidays", "desk.skills",
}  # fmt: skip
"""What the demo brand sets otherwise than the default."""


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every setting and its default."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, (*path, name))
        else:
            yield ".".join((*path, name)), field.get_default(call_default_factory=True)


def written(text: str) -> dict[str, Any]:
    """The file's settings, those kept as `#name:` included."""
    found: dict[str, Any] = yaml.safe_load(re.sub(r"^(\s*)#(?=[a-z_]+:)", r"\1", text, flags=re.MULTILINE))
    return found


def at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree[part]
    return tree


def plain(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value)
    return [plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def test_every_setting_stands_in_the_file_with_its_default() -> None:
    tree = written(CONFIG.read_text("utf-8"))
    wrong = []
    for path, default in leaves(Settings):
        try:
            found = at(tree, path)
        except (KeyError, TypeError):
            wrong.append(f"{path} is missing")
            continue
        if path not in DEMO and plain(default) != found:
            wrong.append(f"{path} is {found!r}, its default is {plain(default)!r}")
    assert not wrong


def test_every_setting_has_a_comment_above_it() -> None:
    lines = CONFIG.read_text("utf-8").splitlines()
    own_names = {"services", "backends", "idle"}
    inside = ""
    bare = []
    for before, line in pairwise(lines):
        found = re.match(r"^(\s*)#?([a-z_]+):", line)
        if not found:
            continue
        depth = len(found[1])
        inside = found[2] if depth == 0 or found[2] in own_names else inside
        within_own = inside in own_names and found[2] not in own_names and depth > 0
        if not within_own and not re.match(r"^\s*# \S", before):
            bare.append(found[2])
    assert not bare


def test_the_demo_configuration_is_read() -> None:
    settings = load_settings(CONFIG, {})
    assert settings.brand.id == "larkspur"
    assert settings.brand.name == "Larkspur Mobile"
    assert settings.brand_folder == HOME / "brands" / "larkspur"
    assert settings.store_url == f"sqlite:///{HOME}/var/parley.db"
    assert settings.public_url == "http://127.0.0.1:8080"


def config(folder: Path, text: str) -> Path:
    file = folder / "config.yml"
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("server:\n  prot: 1\n", "config.yml line 2: server.prot: there is no such setting. Did you mean `port`?"),
        ("identty: {}\n", "config.yml line 1: identty: there is no such setting. Did you mean `identity`?"),
        ("channels:\n  webchat:\n    orgins: []\n", "line 3: channels.webchat.orgins: there is no such setting."),
        ("limits:\n  turn: soon\n", "config.yml line 2: limits.turn: "),
        ("limits:\n  turn: 0\n", "limits.turn: input should be greater than 0"),
        ("identity:\n  providers: [{id: x, issuer: https://x}]\n", "providers.0.client_id: it is required and missing"),
        ("services:\n  Billing: nowhere\n", "services.Billing: it must be `module:function`"),
        ("server:\n  public_url: chat.example\n", "public_url: it must be an address that begins with http:// or https://"),
        ("server:\n  public_url: https://a.example/chat\n", "such as https://chat.example.com"),
        ("desk:\n  timezone: Mars/X\n", "desk.timezone: there is no time zone Mars/X"),
        ("desk:\n  hours: {mon: [9-5]}\n", "desk.hours.mon.0: it must be two times of day, such as 08:00-12:30"),
        ("desk:\n  hours: {mon: ['22:00-06:00']}\n", "22:00-06:00 ends before it begins"),
        ("channels:\n  webchat:\n    embed_origins: ['*']\n", "embed_origins.0: * is no site"),
        ("channels:\n  webchat:\n    origins: ['https://a.example; script-src *']\n", "is no site"),
        ("server: [\n", "config.yml line "),
        ("- 1\n", "it must be a list of `name: value` lines"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_a_way_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(config(tmp_path, text), {})
    assert said in str(error.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yml: No such file.*--config"):
        load_settings(tmp_path / "none.yml", {})


def test_the_environment_is_over_the_file(tmp_path: Path) -> None:
    file = config(tmp_path, "server:\n  port: 1000\n  host: 0.0.0.0\n")
    settings = load_settings(file, {"PARLEY_SERVER__PORT": "2000"})
    assert (settings.server.port, settings.server.host) == (2000, "0.0.0.0")
    assert load_settings(file, {"PARLEY_PORT": "3000"}).server.port == 3000
    assert load_settings(file, {"PARLEY_PUBLIC_URL": "https://a.example"}).public_url == "https://a.example"


def test_a_wrong_variable_is_named_itself(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"PARLEY_SERVER__PROT: server\.prot: there is no such setting"):
        load_settings(config(tmp_path, ""), {"PARLEY_SERVER__PROT": "1"})


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PARLEY_SECRT", "PARLEY_SECRT: there is no such setting. Did you mean PARLEY_SECRET?"),
        ("PARLEY_PROT", "PARLEY_PROT: there is no such setting. Did you mean PARLEY_PORT?"),
        ("PARLEY_SERVR__PORT", "Did you mean PARLEY_SERVER?"),
        ("PARLEY_NOTHING__OF_THAT", "PARLEY_NOTHING__OF_THAT: there is no such setting."),
    ],
)
def test_a_mistyped_variable_is_not_passed_over(variable: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        load_settings(config(tmp_path, ""), {variable: "1"})
    assert said in str(error.value)
    load_settings(config(tmp_path, ""), {"PARLEY_PYTHON": "1", "PARLEY_RASA_TOKEN": "1", "PARLEY_TEST_POSTGRES": "1"})


@pytest.mark.parametrize("name", ["PARLEY_PORT", "PARLEY_SERVER__PORT"])
def test_a_value_that_is_wrong_is_told_by_the_name_it_was_given_under(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "abc")
    with pytest.raises(SettingsError, match=rf" {name}: server\.port: "):
        load_settings(config(tmp_path, ""))


def test_a_secret_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("x" * 40 + "\n")
    settings = load_settings(config(tmp_path, ""), {"PARLEY_SECRET_FILE": str(tmp_path / "s")})
    assert settings.secret.get_secret_value() == "x" * 40
    assert "x" * 40 not in repr(settings)
    with pytest.raises(SettingsError, match=r"PARLEY_SECRET_FILE names .*which cannot be read"):
        load_settings(config(tmp_path, ""), {"PARLEY_SECRET_FILE": str(tmp_path / "none")})


def test_the_real_environment_is_left_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_PORT", "4000")
    import os

    before = dict(os.environ)
    assert load_settings(config(tmp_path, "")).server.port == 4000
    assert dict(os.environ) == before


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load_settings(config(tmp_path, "brand:\n  folder: mine\nnlu:\n  data: ['{parley}/x']\n"), {})
    assert settings.brand_folder == tmp_path / "mine"
    assert settings.at(settings.nlu.data[0]) == HOME / "x"
    assert settings.store_url == f"sqlite:///{tmp_path}/var/parley.db"


def test_what_the_configuration_says_of_the_brand_is_over_brand_yml(tmp_path: Path) -> None:
    (tmp_path / "brand.yml").write_text("id: one\nname: One\n")
    settings = load_settings(config(tmp_path, "brand:\n  name: Two\n"), {})
    assert (settings.brand.id, settings.brand.name) == ("one", "Two")


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    first = server_secret("", folder)
    assert len(first) == 32
    assert server_secret("", folder) == first
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in folder.iterdir()] == ["secret"]


def test_a_damaged_or_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="at least 32"):
        server_secret("short", tmp_path)
    (tmp_path / "secret").write_bytes(b"damaged")
    with pytest.raises(SettingsError, match="does not hold 32 bytes"):
        server_secret("", tmp_path)


def test_a_data_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        server_secret("", tmp_path / "file" / "var")


def test_keys_for_two_purposes_have_nothing_in_common() -> None:
    keys = {derive(b"s" * 32, purpose) for purpose in ("links", "vault", "webchat")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
