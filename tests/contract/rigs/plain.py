"""The plain channel's rig."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec

from adapters.fakes.plain import HEADER, PlainChannel, PlainPlatform
from adapters.intake import Intake
from bot.ports import Store
from tests.contract.rigs.base import Fault, Files, Links, Shown, World, edge, world_or

SECRET = "plain-secret-of-the-tests"
CAN = frozenset({"thread"})


@dataclass
class PlainRig:
    """See `Rig`."""

    channel: PlainChannel
    store: Store
    clock: Any
    links: Links
    platform: PlainPlatform
    client: aiohttp.ClientSession
    closes: timedelta | None = timedelta(hours=1)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

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
        event = {
            "id": key or f"e{next(self.numbers)}",
            "user": user,
            "at": self.clock.now().timestamp(),
            "text": text,
            "thread": thread,
            "group": group,
            "edited": edited,
        }
        return await self.garbage(msgspec.json.encode(event))

    async def presses(self, shown: Shown, button: int, *, user: str = "1001", key: str = "") -> int:
        raise AssertionError("this channel has no buttons")

    async def shown(self, *, user: str = "1001", thread: str = "") -> list[Shown]:
        return [Shown(text) for _, text in self.platform.threads.get((user, thread), [])]

    async def forged(self) -> list[int]:
        body = msgspec.json.encode({"id": "f1", "user": "1001", "at": 0, "text": "hello"})
        return [await self._post(body, given) for given in (None, "", "wrong", SECRET + "x", "caf\u00e9")]

    async def garbage(self, body: bytes) -> int:
        return await self._post(body, SECRET)

    async def _post(self, body: bytes, secret: str | None) -> int:
        headers = {} if secret is None else {HEADER: secret}
        async with self.client.post("/channels/plain", data=body, headers=headers) as response:
            return response.status

    def fault(self, *kinds: Fault) -> None:
        self.platform.faults.extend(kinds)


@asynccontextmanager
async def opened(world: World | None = None) -> AsyncIterator[PlainRig]:
    """The plain channel on a fresh platform."""
    links, platform = Links(), PlainPlatform()
    async with world_or(world) as at:
        intake = Intake(at.store, at.control, "plain")
        channel = PlainChannel(platform, intake, brand="larkspur", secret=SECRET, links=links, files=Files())
        async with edge(channel.routes()) as server, aiohttp.ClientSession(server.make_url("/")) as client:
            yield PlainRig(channel, at.store, at.clock, links, platform, client)
