"""The demo brand as a world for transcripts: its dialogs, texts, recogniser and backend, over a store in memory."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

import dialogs
from backends.demo import fixtures
from backends.receipts import EffectReceipts
from bot.bridge import Bridge
from bot.ports import Handoff, Recogniser, Store
from bot.script.catalogue import Dialogs, Services, dialogs_in
from bot.script.scope import Host
from bot.script.texts import HOST, Texts
from bot.settings import DeskHours, DeskSettings
from bot.store import open_sqlite
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.testing.player import CHANNEL
from desk.builtin import BuiltInDesk
from desk.callback import CallbackDesk
from desk.hours import hours_of
from desk.presence import Seen
from dialogs import services
from nlu.factory import build

ROOT = Path(__file__).resolve().parents[2]
BRAND = ROOT / "brands" / "larkspur"


@cache
def recogniser() -> Recogniser:
    """The brand's recogniser, trained once per test run and cached by content."""
    files = sorted((BRAND / "nlu").glob("nlu*.yml"))
    encoder = ROOT / ".encoder"
    found = encoder if encoder.is_dir() else None
    return build(files, ROOT / "var" / "nlu", lambda: SetClock().now().date(), encoder=found)


@cache
def all_dialogs() -> Dialogs:
    """Every dialog that ships."""
    modules = [importlib.import_module(f"dialogs.{m.name}") for m in pkgutil.iter_modules(dialogs.__path__)]
    return Dialogs(dialogs_in(*modules))


def texts(clock: SetClock) -> Texts:
    """The catalogue that ships, with the brand's values."""
    brand = yaml.safe_load((BRAND / "brand.yml").read_text("utf-8"))
    values = {key: str(value) for key, value in brand.items() if isinstance(value, (str, int))}
    return Texts({"en-GB": [HOST / "en.ftl", ROOT / "dialogs" / "text" / "en.ftl"]}, values, lambda: clock.now().date())


def desk_of(given: list[str]) -> Handoff:
    """`given desk open`: an agent is there and free; `given desk closed`: nobody is, until Monday to Saturday, 8am."""
    found = [line.removeprefix("desk ") for line in given if line.startswith("desk ")]
    if not found:
        return CallbackDesk()
    if found[0] == "open":
        desk = BuiltInDesk(DeskSettings(), hours_of(DeskSettings()))
        desk.seen = Seen(there=1, free=1)
        return desk
    shifts = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), ("08:00-20:00",))
    settings = DeskSettings(hours=DeskHours(**shifts), closed=(date(2026, 11, 16),))
    return BuiltInDesk(settings, hours_of(settings))


class DemoWorld:
    """One conversation's world."""

    def __init__(self, given: list[str]) -> None:
        self.clock = SetClock()
        self.store = open_sqlite(
            ":memory:", clock=self.clock, log_channels=frozenset({CHANNEL}), now=lambda: self.clock.now().timestamp()
        )
        self.login = ScriptedLogin(self.store, self.clock, "larkspur")
        lines = [line.replace(", known", "").replace(", linked", "") for line in given]
        self.demo = fixtures.from_lines([line for line in lines if fixtures.understands(line)], self.clock)
        self._texts = texts(self.clock)
        self.handoff: Handoff = desk_of(given)

    def process(self, wrap: Callable[[Services], Services], store: Store) -> tuple[Host, Bridge]:
        """A fresh process's engine."""
        dialogs = all_dialogs()
        receipts = EffectReceipts(store, "larkspur", self._texts)
        given: dict[type[Any], Any] = {
            services.Accounts: self.demo.accounts,
            services.Billing: self.demo.billing,
            services.DirectDebits: self.demo.direct_debits,
            services.Payg: self.demo.payg,
            services.Receipts: receipts,
        }
        host = Host(
            store=store,
            clock=self.clock,
            texts=self._texts,
            dialogs=dialogs,
            services=wrap(Services(given)),
            recogniser=recogniser(),
            identity=self.login,
            login=self.login,
            handoff=self.handoff,
            secret=b"transcripts",
            brand="larkspur",
            reference_prefix="LM",
        )
        return host, Bridge(dialogs)

    def deploy(self) -> None:
        """Nothing newer than what there is."""

    async def effects(self) -> list[str]:
        """From the backend's own audit."""
        done = [row for row in await self.demo.audit() if row.outcome.startswith("done")]
        given = [msgspec.json.decode(row.arguments) for row in done]
        return [f"{row.what} {' '.join(f'{k}={v}' for k, v in g.items())}" for row, g in zip(done, given, strict=True)]

    async def backend(self, words: str) -> None:
        """Set the failure switch, or let something befall a mandate."""
        fixtures.happen(self.demo, words, self.clock)

    async def close(self) -> None:
        """Close store and backend."""
        await self.store.close()
        self.demo.close()
