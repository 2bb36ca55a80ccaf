"""What the contract of a push channel drives: the customer's app on one side, the store on the other."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.model import Control, File
from bot.ports import Channel, Store
from bot.store import open_sqlite
from bot.web import Drain, Health, build_app

Fault = Literal["fine", "busy", "gone", "silent", "lost"]
"""The platform's next answer: as usual; refused for now (7 s), or for good; done, or not done, without an answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as the customer's app shows it. A button is (label, what its press sends: the rig's own)."""

    text: str
    buttons: tuple[tuple[str, Any], ...] = ()
    links: tuple[tuple[str, str], ...] = ()


class Rig(Protocol):
    """One channel between a fake platform and a real store in memory. Statuses are what our edge answered."""

    channel: Channel
    store: Store
    clock: Any
    links: Links
    closes: timedelta | None
    """How long after the customer's last message the window stays open."""

    async def says(
        self,
        text: str,
        *,
        user: str = "1001",
        key: str = "",
        edited: bool = False,
        group: bool = False,
        thread: str = "",
    ) -> int:
        """The customer writes (`group`: where others read along). The same `key` again is the same event."""
        ...

    async def presses(self, shown: Shown, button: int, *, user: str = "1001", key: str = "") -> int:
        """The customer presses a button they were shown. The same `key` again is the same event."""
        ...

    async def shown(self, *, user: str = "1001", thread: str = "") -> list[Shown]:
        """What the customer's app has been sent by us, oldest first."""
        ...

    async def forged(self) -> list[int]:
        """Events that did not come from the platform: no proof, a wrong one, one that is not even ASCII."""
        ...

    async def garbage(self, body: bytes) -> int:
        """A body that the platform would never send, with the right proof."""
        ...

    def fault(self, *kinds: Fault) -> None:
        """How the platform answers the next sends."""
        ...


@dataclass
class HandClock:
    """Meaning's clock, moved by hand."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 3, 9, 30, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


@dataclass
class Links:
    """Link pages that may have ended."""

    ended: set[str] = field(default_factory=set)

    async def url(self, transaction: str, conversation: str) -> str | None:
        return None if transaction in self.ended else f"https://chat.example/link/{transaction}-{conversation[:4]}"


class Files:
    """Mints file addresses."""

    async def mint(self, conversation: str, file: File) -> str:
        return f"https://chat.example/files/{file.ref}"


def control(text: str, locale: str | None) -> Control | None:
    return "human" if text.lower() == "talk to a person" else None


@dataclass(frozen=True, slots=True)
class World:
    """Where a channel is opened, if not on a fresh store: a store, a clock and a rule for "human" and "stop"."""

    store: Store
    clock: Any
    control: Callable[[str, str | None], Control | None] = control


@asynccontextmanager
async def world_or(world: World | None) -> AsyncIterator[World]:
    """The given world, or a fresh one in memory that ends with the rig."""
    if world is not None:
        yield world
        return
    clock = HandClock()
    async with memory_store(clock) as store:
        yield World(store, clock)


@asynccontextmanager
async def memory_store(clock: HandClock) -> AsyncIterator[Store]:
    """A fresh store in memory."""
    store = open_sqlite(":memory:", clock=clock, log_channels=frozenset())
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def edge(routes: list[web.RouteDef]) -> AsyncIterator[TestServer]:
    """Our web application with a channel's routes."""
    drain = Drain()
    server = TestServer(build_app(routes=routes, health=Health({}, drain=drain), drain=drain), host="127.0.0.1")
    await server.start_server(access_log=None)
    try:
        yield server
    finally:
        await server.close()


@dataclass(frozen=True, slots=True)
class Joined:
    """A channel that takes part. `can`: press, where it has buttons; thread, where private chats have threads."""

    opened: Callable[..., AbstractAsyncContextManager[Rig]]
    """`opened(world: World | None = None)`."""
    can: frozenset[str]


def rigs() -> dict[str, Joined]:
    """Every module beside this one that has an `opened` and a `CAN` of its own, by name."""
    found: dict[str, Joined] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        rig = importlib.import_module(f"tests.contract.rigs.{module.name}")
        if hasattr(rig, "CAN"):
            found[module.name] = Joined(rig.opened, rig.CAN)
    return found
