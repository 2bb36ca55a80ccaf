"""A second brand, an energy supplier: a folder of its own, and not one line of Parley's changed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import compose
from bot.assembly import close_backends, failures_of, parts, recogniser_of
from bot.configuration import load_settings
from bot.dev.scaffold import new_brand
from bot.dev.world import BrandWorld
from bot.testing.player import Player
from bot.testing.transcripts import Case, Line
from tests.brands.energy_brand import free_port, make, provider
from tests.brands.serving import CLEAN, ROOT, serving

pytestmark = pytest.mark.slow

TREE = ("app.py", "compose.py", "commands.py", "config.yml", "bot", "dialogs", "adapters", "auth", "nlu", "desk",
        "backends", "brands")  # fmt: skip


def app(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "app.py", *arguments],
        cwd=ROOT, env=CLEAN, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=180,
    )  # fmt: skip


def tree(paths: Sequence[str] = TREE) -> dict[str, tuple[int, float]]:
    """Size and time of every file of the engine's, except compiled ones."""
    files = [file for path in paths for file in (ROOT / path, *(ROOT / path).rglob("*"))]
    return {
        str(file): (file.stat().st_size, file.stat().st_mtime)
        for file in files
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def energy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The brand's configuration; what is learnt for one test serves the next."""
    return make(tmp_path_factory.mktemp("brand"))


def test_its_transcripts_pass_in_four_modes_and_leave_the_engine_as_it_was(energy: Path) -> None:
    before = tree()
    ran = app("transcripts", "--config", str(energy))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    played = [line for line in ran.stdout.splitlines() if line.startswith("ok ")]
    cases = (energy.parent / "transcripts" / "submit_reading.md").read_text("utf-8").count("\n## ")
    assert len(played) == 4 * cases > 0
    assert tree() == before
    assert (energy.parent / "var" / "nlu").is_dir()


def test_a_transcript_that_no_longer_fits_is_told_apart(energy: Path, tmp_path: Path) -> None:
    other = tmp_path / "differs.md"
    said = (energy.parent / "transcripts" / "submit_reading.md").read_text("utf-8")
    other.write_text(said.replace("Recorded: 04821", "Recorded: 99999"), "utf-8")
    ran = app("transcripts", str(other), "--config", str(energy))
    assert ran.returncode == 1
    differs = [line for line in ran.stdout.splitlines() if line.startswith("differs")]
    assert len(differs) == 4, ran.stdout
    assert "99999" in ran.stdout


async def test_check_finds_all_of_it_right_while_its_provider_is_up(tmp_path: Path, energy: Path) -> None:
    port = free_port()
    config = make(tmp_path, f"http://127.0.0.1:{port}")
    shutil.copytree(energy.parent / "var", tmp_path / "energy" / "var", dirs_exist_ok=True)
    async with provider(port, "http://127.0.0.1:8080"):
        ran = await asyncio.to_thread(app, "check", "--config", str(config))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Meters, Receipts" in ran.stdout
    # Without its provider nobody could sign in, and it says so.
    ran = await asyncio.to_thread(app, "check", "--config", str(config))
    assert ran.returncode == 1
    assert "hearth: The sign-in provider does not answer." in ran.stdout


async def test_a_button_for_a_dialog_that_is_no_longer_there_is_said_to_be_old(energy: Path) -> None:
    settings = load_settings(energy, {})
    recogniser = await asyncio.to_thread(recogniser_of, parts(settings), lambda line: None)
    world = BrandWorld(settings, ["customer H-2001"], recogniser, compose.services)
    player, case = Player(world, "plain"), Case("a deploy", energy)
    try:
        [said] = await player.act(Line(">", "what can you do?", 1), case)
        assert "[What was done for me]" in said
        fewer = settings.dialogs.model_copy(update={"disable": (*settings.dialogs.disable, "receipts")})
        world._settings = settings.model_copy(update={"dialogs": fewer})
        world.reload(recogniser)
        player.restart()
        [said] = await player.act(Line(">", "[What was done for me]", 2), case)
        assert said == "That button is from earlier and no longer works."
    finally:
        await world.close()


def test_its_own_backend_may_bring_a_failure_switch_for_developers(tmp_path: Path) -> None:
    config = make(tmp_path)
    meters = config.parent / "services" / "meters.py"
    switch = (
        "\n\nclass Shared:\n    def __init__(self, path: str) -> None:\n        self.failures = path\n"
        "\n\ndef shared(settings: Mapping[str, Any], clock: Any) -> Shared:\n    return Shared(settings['path'])\n"
    )
    meters.write_text(meters.read_text("utf-8") + switch, "utf-8")
    made = parts(load_settings(config, {}))
    # It is given its own settings, under the name that the configuration has for it.
    assert failures_of(made) == str(config.parent / "./var/meters.db")
    close_backends(made)


async def test_a_brand_just_made_says_its_name_and_answers(tmp_path: Path) -> None:
    new_brand(tmp_path, "acme")
    async with serving(tmp_path / "acme" / "config.yml") as site:
        await site.ready()
        status, page = await site.ask("GET", "/chat")
        assert (status, "Acme" in page) == (200, True)
        status, look = await site.ask("GET", "/brand/theme.css")
        assert (status, "--brand-colour" in look) == (200, True)
        await site.open()
        assert (await site.post("hello"))[0] == 200
        assert any("Acme" in text for text in await site.heard("Acme"))
        assert "Traceback" not in site.said()
