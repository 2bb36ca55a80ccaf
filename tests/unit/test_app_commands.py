"""The command line: clear errors instead of tracebacks, and new brands and dialogs that work at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot import assembly
from bot.brand import modules_in, named, package_of
from bot.checking import NotWhole, of_dialogs, require_whole
from bot.configuration import load_settings
from bot.dev.scaffold import BadName, ExistsAlready, Reserved, WouldReplace, new_brand, new_dialog
from bot.errors import SettingsError
from bot.script.lock import read_lock, write_lock

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}


def app(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=ROOT, env={**CLEAN, **env}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"PARLEY_SERVER__PROT": "1"}, "Did you mean `port`?"),
        ({"PARLEY_BRAND__FOLDER": "/nowhere"}, "there is no folder /nowhere"),
        ({"PARLEY_DATA": "/proc/nowhere"}, "/proc/nowhere cannot be written"),
        ({"PARLEY_STORE__URL": "mysql://x"}, "sqlite:/// or postgresql://"),
        ({"PARLEY_SERVICES": '{"Billing": "backends.nowhere:billing"}'}, "There is no module backends.nowhere"),
    ],
)
def test_what_is_wrong_is_one_clear_line_and_exit_code_1(env: dict[str, str], said: str, tmp_path: Path) -> None:
    kept = {"PARLEY_PORT": "0", "PARLEY_DATA": str(tmp_path), "PARLEY_STORE__URL": f"sqlite:///{tmp_path}/p.db"}
    ran = app("run", **{**kept, **env})
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr + ran.stdout
    assert [line for line in ran.stderr.splitlines() if line.startswith("Error: ")]


@pytest.mark.slow
def test_help_and_check_never_import_botbuilder(tmp_path: Path) -> None:
    code = (
        "import sys, runpy\n"
        "try:\n    runpy.run_path('app.py', run_name='__main__')\n"
        "except SystemExit as ended:\n    print('exit', ended.code)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'botbuilder', 'sklearn'}))"
    )
    for arguments in (["--help"], ["check"]):
        env = {**CLEAN, "PARLEY_DATA": str(tmp_path), "PARLEY_NLU__RECOGNISER": "tests.unit.test_app_commands:nothing"}
        ran = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
        )
        assert ran.stdout.splitlines()[-1] == "[]", ran.stdout + ran.stderr
        assert "exit" in ran.stdout.splitlines()[-2]


def nothing(*_: object) -> object:
    """A recogniser that takes no time to build."""
    return object()


@pytest.mark.slow
def test_check_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    brand = tmp_path / "acme"
    new_brand(tmp_path, "acme")
    (brand / "dialogs").mkdir()
    (brand / "dialogs" / "greeting.py").write_text(
        "from bot import Convo, dialog\n\n\n@dialog('greeting')\nasync def greeting(c: Convo) -> None:\n"
        "    await c.say('greeting.nowhere')\n"
    )
    config, reader = str(brand / "config.yml"), "tests.unit.test_app_commands:nothing"
    ran = app("check", "--config", config, PARLEY_NLU__RECOGNISER=reader)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    wrong = [line for line in ran.stdout.splitlines() if line.startswith("WRONG")]
    assert [line.split()[1] for line in wrong] == ["dialogs"]
    assert "greeting-nowhere" in ran.stdout or "greeting.nowhere" in ran.stdout


@pytest.mark.slow
def test_a_new_brand_with_a_new_dialog_passes_its_transcript_at_once(tmp_path: Path) -> None:
    assert app("new", "brand", "acme", "--folder", str(tmp_path)).returncode == 0
    config = str(tmp_path / "acme" / "config.yml")
    assert app("new", "dialog", "change_address", "--config", config).returncode == 0
    ran = app("transcripts", "--config", config)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("ok         change_address.md") == 8
    again = app("new", "dialog", "change_address", "--config", config)
    assert again.returncode == 1
    assert "there already" in again.stderr


@pytest.mark.slow
def test_a_conversation_in_the_terminal_becomes_a_transcript_that_passes(tmp_path: Path) -> None:
    assert app("new", "brand", "acme", "--folder", str(tmp_path)).returncode == 0
    config = str(tmp_path / "acme" / "config.yml")
    said = ["why is my bill higher?", "% signs in as C-1001", "cancel the mobile one", "[Yes, cancel it]"]
    typed = "\n".join([*said, "% approves as C-1001", ""])
    ran = subprocess.run(
        [sys.executable, "app.py", "chat", "--config", config, "--record", "story"],
        cwd=ROOT, env=CLEAN, capture_output=True, text=True, input=typed, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    story = (tmp_path / "acme" / "transcripts" / "story.md").read_text()
    assert "< Done. The Direct Debit for Mobile" in story
    played = app("transcripts", "--config", config)
    assert (played.returncode, played.stdout.count("ok  ")) == (0, 4), played.stdout + played.stderr


def test_a_dialogs_service_is_added_to_the_configuration_and_nothing_else_is_touched(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    file = tmp_path / "acme" / "config.yml"
    before = file.read_text().splitlines()
    new_dialog(load_settings(file, {}), "change_address")
    after = file.read_text().splitlines()
    line = '  ".services.change_address:ChangeAddress": .services.change_address:build'
    assert [one for one in after if one != line] == before
    assert ".services.change_address:ChangeAddress" in load_settings(file, {}).services


@pytest.mark.parametrize("name", ["Change", "change-address", "1st", "", "x" * 60, "../etc"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadName):
        new_brand(tmp_path, name)


def test_an_existing_brand_is_not_overwritten(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    (tmp_path / "acme" / "brand.yml").write_text("id: mine\n")
    with pytest.raises(ExistsAlready):
        new_brand(tmp_path, "acme")
    assert (tmp_path / "acme" / "brand.yml").read_text() == "id: mine\n"


def test_two_brands_modules_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    for brand in ("one", "two"):
        (tmp_path / brand / "inner").mkdir(parents=True)
        (tmp_path / brand / "inner" / "thing.py").write_text(f"WHO = '{brand}'\n")
    first, second = package_of("one", tmp_path / "one"), package_of("two", tmp_path / "two")
    assert (named(".inner.thing:WHO", first), named(".inner.thing:WHO", second)) == ("one", "two")
    assert [module.__name__ for module in modules_in(".inner", first)] == ["brand_one.inner.thing"]
    with pytest.raises(SettingsError, match=r"no module \.nowhere"):
        named(".nowhere:x", first)
    with pytest.raises(SettingsError, match="has no `X`"):
        named(".inner.thing:X", first)


def test_a_module_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = = 1\n")
    with pytest.raises(SettingsError, match=r"broken\.py line 1"):
        named(".broken:x", package_of("broken_brand", tmp_path))


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "versions.lock"
    locked = {("bill", 1): "aa", ("bill", 2): "bb"}
    write_lock(file, locked.items())
    assert read_lock(file) == locked
    file.write_text("bill one aa\n")
    with pytest.raises(SettingsError, match="line 1"):
        read_lock(file)


@pytest.mark.parametrize(("name", "error"), [("import", Reserved), ("human", WouldReplace), ("bill", WouldReplace)])
def test_a_dialog_that_could_not_be_read_or_would_replace_another_is_not_written(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    new_brand(tmp_path, "acme")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error):
        new_dialog(load_settings(tmp_path / "acme" / "config.yml", {}), name)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_brand_has_a_desk(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    assert load_settings(tmp_path / "acme" / "config.yml", {}).desk.handoff == "desk.builtin:build"


@pytest.mark.promise("human")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("dialogs:\n  disable: [human]\n", "human is missing"),
        ("assurance:\n  human: known\n", "human requires known"),
        ("assurance:\n  stop: linked\n", "stop requires linked"),
    ],
)
async def test_no_brand_is_served_whose_customers_cannot_reach_a_person(more: str, said: str, tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    file = tmp_path / "acme" / "config.yml"
    require_whole(assembly.parts(load_settings(file, {})))
    file.write_text(f"{file.read_text()}\n{more}")
    made = assembly.parts(load_settings(file, {}))
    with pytest.raises(NotWhole, match=said):
        require_whole(made)
    assert any(said in line for line in (await of_dialogs(made)()).wrong)
