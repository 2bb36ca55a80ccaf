"""The tests' own dialogs in all four modes, and the keys under which their effects ran."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.script.lint import lint
from bot.script.texts import HOST, Texts
from bot.testing import MODES, Case, read
from bot.testing.looking import Differs
from bot.testing.player import Mode, Player
from tests.worlds.demo import ROOT, all_dialogs
from tests.worlds.own import OwnWorld

CASES = read(Path(__file__).parents[1] / "transcripts" / "own" / "several.md")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_own_dialogs(case: Case, mode: Mode) -> None:
    world = OwnWorld(case.given)
    await Player(world, mode).play(case)
    effects = await world.store.query("SELECT key, status, reference, arguments FROM effect ORDER BY arguments")
    if case.name.startswith("Two mandates"):
        assert len({row["key"] for row in effects}) == 2
        assert [(row["status"], row["reference"]) for row in effects] == [("done", "DD-7781"), ("done", "DD-7782")]
        hashes = {row.key_hash for row in await world.demo.audit()}
        assert len(hashes) == 2 and "" not in hashes
    await world.close()


async def test_a_transcript_that_goes_otherwise_fails() -> None:
    case = CASES[0]
    wrong = replace(case, lines=[replace(line, text=line.text.replace("DD-7781", "DD-9")) for line in case.lines])
    world = OwnWorld(case.given)
    with pytest.raises(Differs):
        await Player(world, "plain").play(wrong)
    await world.close()


def test_every_dialog_passes_the_lint() -> None:
    world_texts = Texts({"en-GB": [HOST / "en.ftl", ROOT / "dialogs/text/en.ftl"]}, {}, lambda: None)
    assert lint(all_dialogs(), world_texts) == []


def test_every_text_of_the_catalogue_is_used() -> None:
    """A copywriter should not polish words that nobody ever sees."""
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "dialogs").glob("*.py"))
    composed = ("dialog-", "action-", "receipt-", "unlink-done")
    used = source.replace(".", "-").replace("_", "-")
    texts = Texts({"en-GB": [ROOT / "dialogs/text/en.ftl"]}, {}, lambda: None)
    unused = [id for id in texts.messages["en-GB"] if not id.startswith(composed) and f'"{id}"' not in used]
    assert unused == []
