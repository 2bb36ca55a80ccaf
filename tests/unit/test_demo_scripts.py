"""The tests' own dialogs in all four modes, and the keys under which their effects ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.bridge import Bridge
from bot.model import Control, Entity, Parse
from bot.ports import Recogniser, Store
from bot.script.catalogue import Dialogs, Services, dialogs_in
from bot.script.lint import lint
from bot.script.scope import Host
from bot.script.texts import HOST, Texts
from bot.testing import MODES, Case, read
from bot.testing.looking import Differs
from bot.testing.player import Mode, Player
from tests.worlds import scripts
from tests.worlds.demo import ROOT, DemoWorld, all_dialogs, recogniser

CASES = read(Path(__file__).parents[1] / "transcripts" / "own" / "several.md")
SAID = {"cancel everything": "cancel_all", "count them": "count_debits"}
PAYEE = Entity("payee", "Netflix", "netflix", 10, 17)


class Knows:
    """The brand's recogniser, with the tests' own intents and a payee's name."""

    def __init__(self, real: Recogniser) -> None:
        self._real = real

    def control(self, text: str, locale: str | None = None) -> Control | None:
        return self._real.control(text, locale)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        if text in SAID:
            return Parse(SAID[text], 1.0, backend="rules")
        parse = await self._real.parse(text, locale)
        return replace(parse, entities=(PAYEE,)) if "netflix" in text else parse


class OwnWorld(DemoWorld):
    """The demo world with more dialogs."""

    def process(self, wrap: Callable[[Services], Services], store: Store) -> tuple[Host, Bridge]:
        host, _ = super().process(wrap, store)
        dialogs = Dialogs([*all_dialogs().by_id.values(), *dialogs_in(scripts)])
        files = [HOST / "en.ftl", ROOT / "dialogs/text/en.ftl", ROOT / "tests/worlds/scripts.ftl"]
        brand = {"name": "Larkspur Mobile", "phone": "0800 496 0150", "hours": "Monday to Saturday, 8am to 8pm"}
        texts = Texts({"en-GB": files}, brand, lambda: self.clock.now().date())
        return replace(host, dialogs=dialogs, texts=texts, recogniser=Knows(recogniser())), Bridge(dialogs)


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
