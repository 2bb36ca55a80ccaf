"""A brand as a world for transcripts and for talking in the terminal.

Its own dialogs, texts and recogniser run over a store in memory, with a clock that is moved by hand and a customer who
signs in by a line of text. `given` lines set the brand's backend up, where its module offers `from_lines(lines, clock)`
and `understands(line)`; the result's attributes are then named as the functions in `services`. `given brand data` takes
what the factories themselves make, in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import msgspec

from bot import assembly
from bot.assembly import Parts
from bot.brand import module
from bot.bridge import Bridge
from bot.dev.saving import BRAND_DATA
from bot.errors import Permanent
from bot.ports import Recogniser, Store
from bot.script.catalogue import Services
from bot.script.scope import Host
from bot.settings import Settings
from bot.store import open_sqlite
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin
from bot.testing.player import CHANNEL

_MARKS = (", known", ", linked")
_DONE = "SELECT function, arguments FROM effect WHERE status = 'done' ORDER BY settled_at"

MakeServices = Callable[[Parts, Store, Callable[[Parts, str], Any]], Services]


class UnknownGiven(Permanent):
    """A `given` line is not understood by any of the brand's backends."""


class NoSuchEvent(Permanent):
    """The brand's backend has nothing of this kind that could happen to it."""


class BrandWorld:
    """Implements `bot.testing.World` for whatever the configuration names."""

    def __init__(
        self, settings: Settings, given: Sequence[str], recogniser: Recogniser, services: MakeServices
    ) -> None:
        self.clock = SetClock()
        self.recogniser = recogniser
        self.store: Store = open_sqlite(
            ":memory:", clock=self.clock, log_channels=frozenset({CHANNEL}), now=lambda: self.clock.now().timestamp()
        )
        self.login = ScriptedLogin(self.store, self.clock, settings.brand.id)
        self._settings, self._services = settings, services
        self._parts = assembly.parts(settings, self.clock)
        self._seeded = BRAND_DATA in given
        self._fixtures = {} if self._seeded else self._from_lines(given)
        self._made: dict[str, Any] = {}

    def process(self, wrap: Callable[[Services], Services], store: Store) -> tuple[Host, Bridge]:
        """A fresh process's engine; what lies behind the services outlives it."""
        return assembly.engine(
            self._parts,
            store=store,
            services=wrap(self._services(self._parts, store, self._instance)),
            recogniser=self.recogniser,
            identity=self.login,
            login=self.login,
            secret=b"for transcripts alone",
        )

    def reload(self, recogniser: Recogniser) -> None:
        """Take the dialogs' and texts' present files for the next process."""
        self.recogniser = recogniser
        self._parts = assembly.parts(self._settings, self.clock)

    def deploy(self) -> None:
        """Nothing newer than what there is."""

    async def effects(self) -> list[str]:
        """From the backends' own audits, or else from the engine's record."""
        told: list[str] = []
        for backend in self._fixtures.values():
            for row in await backend.audit():
                if row.outcome.startswith("done"):
                    told.append(_effect(row.what, msgspec.json.decode(row.arguments)))
        if told:
            return told
        rows = await self.store.query(_DONE)
        return [_effect(row["function"], msgspec.json.decode(row["arguments"])) for row in rows]

    async def backend(self, words: str) -> None:
        """Something happens at the backend, in its own words; raises `NoSuchEvent`."""
        for found, backend in self._fixtures.items():
            happen = getattr(module(found, self._parts.package), "happen", None)
            if happen is not None:
                happen(backend, words, self.clock)
                return
        raise NoSuchEvent(words)

    async def close(self) -> None:
        """Close the store and what the factories opened."""
        await self.store.close()
        for backend in self._fixtures.values():
            backend.close()
        if self._made:
            assembly.close_backends(self._parts)

    def _from_lines(self, given: Sequence[str]) -> dict[str, Any]:
        modules: dict[str, ModuleType] = {}
        for factory in self._settings.services.values():
            name = factory.partition(":")[0]
            found = module(name, self._parts.package)
            if hasattr(found, "from_lines") and hasattr(found, "understands"):
                modules[name] = found
        lines = [_plain(line) for line in given]
        for line in lines:
            if not line.startswith("customer ") and not any(one.understands(line) for one in modules.values()):
                raise UnknownGiven(line)
        return {
            name: found.from_lines([line for line in lines if found.understands(line)], self.clock)
            for name, found in modules.items()
        }

    def _instance(self, made: Parts, factory: str) -> Any:
        """The same object for every process of this world."""
        if factory not in self._made:
            name, _, function = factory.partition(":")
            if name in self._fixtures:
                return getattr(self._fixtures[name], function)
            given = {**assembly.backend_settings(made.settings, name), "path": ":memory:"}
            self._made[factory] = getattr(module(name, made.package), function)(given, self.clock)
        return self._made[factory]


def _plain(line: str) -> str:
    for mark in _MARKS:
        line = line.replace(mark, "")
    return line


def _effect(what: str, arguments: dict[str, Any]) -> str:
    return " ".join([what, *(f"{name}={value}" for name, value in arguments.items())])
