"""Messenger's rig: our edge, the fake Graph API, and the customer's app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from adapters.fakes.messenger import HEADER, FakeMessenger
from adapters.messenger import Messenger, MessengerSettings
from bot.model import Address
from bot.ports import Sql, Store
from tests.contract.rigs.base import Fault, Files, Links, Shown, World, edge, world_or

VERIFY = "verify-token-of-the-tests"
CAN = frozenset({"press"})


@dataclass
class Linked:
    """Notes whose link would be revoked; knows one code of Messenger's own linking."""

    unlinked: list[tuple[Address, str]] = field(default_factory=list)
    codes: list[tuple[Address, str]] = field(default_factory=list)

    def unlink(self, *, address: Address, now: Any, reason: str) -> Sequence[Sql]:
        self.unlinked.append((address, reason))
        return ()

    async def linked(self, *, address: Address, code: str, now: Any) -> Sequence[Sql] | None:
        self.codes.append((address, code))
        return () if code == "known" else None


@dataclass
class MessengerRig:
    """See `Rig`."""

    messenger: Messenger
    fake: FakeMessenger
    store: Store
    clock: Any
    links: Links
    linked: Linked
    client: aiohttp.ClientSession
    closes: timedelta | None = timedelta(hours=24)

    @property
    def channel(self) -> Any:
        return self.messenger.channel

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
        if group:
            return await self.fake.post(self.fake.page.comments_on(user, text))
        how = self.fake.page.edits if edited else self.fake.page.says
        return await self.fake.post(how(user, text, mid=key and f"m_{key}"))

    async def presses(self, shown: Shown, button: int, *, user: str = "1001", key: str = "") -> int:
        message, at = shown.buttons[button][1]
        return await self.fake.post(self.fake.page.taps(user, message, at, mid=key and f"m_{key}"))

    async def shown(self, *, user: str = "1001", thread: str = "") -> list[Shown]:
        return [
            Shown(
                message.content.text,
                tuple((title, (message, at)) for at, (title, _) in enumerate(message.content.replies)),
                tuple((one["title"], one["url"]) for one in message.content.buttons if "url" in one),
            )
            for message in self.fake.shown(user)
        ]

    async def forged(self) -> list[int]:
        body = self.fake.body(self.fake.page.says("1001", "hello"))
        self.fake.page.owed.clear()
        right = self.fake.signature(body)
        given = [None, "", "sha256=", right[:-1], right.upper(), right.removeprefix("sha256="), "sha1=00", "caf\u00e9"]
        return [await self.post(body, one) for one in given] + [await self.post(body + b" ", right)]

    async def garbage(self, body: bytes) -> int:
        return await self.post(body, self.fake.signature(body))

    async def post(self, body: bytes, signature: str | None) -> int:
        """Post a body to our webhook."""
        headers = {} if signature is None else {HEADER: signature}
        async with self.client.post(self.fake.webhook, data=body, headers=headers) as response:
            return response.status

    def fault(self, *kinds: Fault) -> None:
        self.fake.faults.extend(kinds)


@asynccontextmanager
async def opened(world: World | None = None, **settings: Any) -> AsyncIterator[MessengerRig]:
    """Messenger on a fresh fake platform, its webhook set."""
    links, linked = Links(), Linked()
    async with world_or(world) as at:
        fake = FakeMessenger(now=at.clock.now)
        try:
            async with edge(fake.routes()) as platform, _page(at, fake, platform, links, linked, settings) as rig:
                yield rig
        finally:
            await fake.close()


@asynccontextmanager
async def _page(
    at: World, fake: FakeMessenger, platform: TestServer, links: Links, linked: Linked, settings: dict[str, Any]
) -> AsyncIterator[MessengerRig]:
    messenger = Messenger(
        store=at.store,
        clock=at.clock,
        settings=MessengerSettings(
            brand="larkspur",
            page=fake.page.id,
            token=fake.token,
            app_id=fake.app_id,
            app_secret=fake.app_secret,
            verify_token=VERIFY,
            api=str(platform.make_url("/")).rstrip("/"),
            **{"echo": 1.0, **settings},
        ),
        control=at.control,
        links=links,
        files=Files(),
        unlinks=linked,
        codes=linked,
    )
    try:
        async with edge(messenger.routes()) as server, aiohttp.ClientSession() as client:
            await messenger.connect(str(server.make_url("/")).rstrip("/"))
            yield MessengerRig(messenger, fake, at.store, at.clock, links, linked, client)
            await fake.close()
    finally:
        await messenger.close()
