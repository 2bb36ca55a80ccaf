"""The demo world with the tests' own dialogs beside those that ship."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.bridge import Bridge
from bot.model import Control, Entity, Parse
from bot.ports import Recogniser, Store
from bot.script.catalogue import Dialogs, Services, dialogs_in
from bot.script.scope import Host
from bot.script.texts import HOST, Texts
from tests.worlds import scripts
from tests.worlds.demo import ROOT, DemoWorld, all_dialogs, recogniser

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
