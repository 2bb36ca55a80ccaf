"""Slack's rig: our edge, the fake Slack, and a member's app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from adapters.fakes.slack import SIGNATURE, STAMP, FakeSlack
from adapters.slack import Slack, SlackSettings
from auth.revocation import of_address
from bot.model import Address
from bot.ports import Sql, Store
from tests.contract.rigs.base import Fault, Files, Links, Shown, World, edge, world_or

CAN = frozenset({"press", "thread"})


class Revoking:
    """The real rows that revoke a link."""

    def unlink(self, *, address: Address, now: datetime, reason: str) -> Sequence[Sql]:
        return of_address(address.connection, address.user, now, reason)


@dataclass
class SlackRig:
    """See `Rig`."""

    slack: Slack
    fake: FakeSlack
    store: Store
    clock: Any
    links: Links
    client: aiohttp.ClientSession
    closes: timedelta | None = None

    @property
    def channel(self) -> Any:
        return self.slack.channel

    def _ts(self, key: str) -> str:
        return f"{int(self.clock.now().timestamp())}.{int(key):06d}" if key else ""

    @staticmethod
    def _thread(thread: str) -> str:
        return f"17000000{int(thread.strip('t')):02d}.000100" if thread else ""

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
        here = self.fake.workspace
        if group:
            statuses = [await self.fake.post(one) for one in here.mentions(user, text)]
            return max(statuses)
        if edited:
            return await self.fake.post(here.edits(user, text, ts=self._ts(key)))
        return await self.fake.post(here.says(user, text, thread=self._thread(thread), ts=self._ts(key)))

    async def presses(self, shown: Shown, button: int, *, user: str = "1001", key: str = "") -> int:
        message, at = shown.buttons[button][1]
        return await self.fake.post(self.fake.workspace.presses(user, message, at, ts=self._ts(key)))

    async def shown(self, *, user: str = "1001", thread: str = "") -> list[Shown]:
        return [
            Shown(
                message.content.text,
                tuple(
                    (b.label, (message, at)) for at, b in enumerate(message.content.buttons) if "url" not in b.element
                ),
                tuple((b.label, b.element["url"]) for b in message.content.buttons if "url" in b.element),
            )
            for message in self.fake.shown(user, self._thread(thread))
        ]

    async def forged(self) -> list[int]:
        body = msgspec.json.encode(self.fake.workspace.says("1001", "hello").body)
        self.fake.workspace.owed.clear()
        right = self.fake.signed(body)
        now = self.clock.now().timestamp()
        old, future = self.fake.signed(body, now - 301), self.fake.signed(body, now + 301)
        given = [
            {},
            {STAMP: right[STAMP]},
            {SIGNATURE: right[SIGNATURE]},
            {**right, SIGNATURE: right[SIGNATURE][:-1]},
            {**right, SIGNATURE: "v0=caf\u00e9"},
            {**right, STAMP: str(int(right[STAMP]) - 1)},
            {**right, STAMP: "abc"},
            {**right, STAMP: ""},
            {**right, STAMP: "-1"},
            {**right, STAMP: "\u0661"},
            {**right, STAMP: "1" * 400},
            old,
            future,
        ]
        return [await self.post(body, headers) for headers in given] + [await self.post(body + b" ", right)]

    async def garbage(self, body: bytes) -> int:
        return await self.post(body, self.fake.signed(body))

    async def post(self, body: bytes, headers: dict[str, str], kind: str = "application/json") -> int:
        """Post a body to our edge."""
        async with self.client.post(self.fake.url, data=body, headers={"Content-Type": kind, **headers}) as response:
            return response.status

    def fault(self, *kinds: Fault) -> None:
        self.fake.faults.extend(kinds)


@asynccontextmanager
async def opened(world: World | None = None, **settings: Any) -> AsyncIterator[SlackRig]:
    """Slack on a fresh fake platform, its request URL set."""
    links = Links()
    async with world_or(world) as at:
        fake = FakeSlack(now=at.clock.now)
        # The contract's longest reply is longer than any burst into one chat.
        fake.workspace.rate = (1000.0, 1000.0)
        try:
            async with edge(fake.routes()) as platform, _workspace(at, fake, platform, links, settings) as rig:
                yield rig
        finally:
            await fake.close()


@asynccontextmanager
async def _workspace(
    at: World, fake: FakeSlack, platform: TestServer, links: Links, settings: dict[str, Any]
) -> AsyncIterator[SlackRig]:
    slack = Slack(
        store=at.store,
        clock=at.clock,
        settings=SlackSettings(
            brand="larkspur",
            token=fake.token,
            signing_secret=fake.signing_secret,
            app_token=fake.app_token,
            api=f"{platform.make_url('/')}api",
            **settings,
        ),
        control=at.control,
        links=links,
        unlinks=Revoking(),
        files=Files(),
    )
    try:
        async with edge(slack.routes()) as server, aiohttp.ClientSession() as client:
            fake.url = f"{server.make_url('/')}channels/slack"
            yield SlackRig(slack, fake, at.store, at.clock, links, client)
    finally:
        await slack.close()
