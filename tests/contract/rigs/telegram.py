"""Telegram's rig: our edge, the fake Bot API, and the customer's app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer

from adapters.fakes.telegram import HEADER, FakeTelegram
from adapters.telegram import Telegram, TelegramSettings
from bot.model import Address
from bot.ports import Sql, Store
from tests.contract.rigs.base import Fault, Files, Links, Shown, World, edge, world_or

SECRET = "telegram_secret-of-the-tests"
GROUP = -1001234
CAN = frozenset({"press", "thread"})


@dataclass
class Unlinked:
    """Notes whose link would be revoked."""

    addresses: list[tuple[Address, str]] = field(default_factory=list)

    def unlink(self, *, address: Address, now: Any, reason: str) -> Sequence[Sql]:
        self.addresses.append((address, reason))
        return ()


@dataclass
class TelegramRig:
    """See `Rig`."""

    telegram: Telegram
    fake: FakeTelegram
    store: Store
    clock: Any
    links: Links
    unlinked: Unlinked
    client: aiohttp.ClientSession
    closes: timedelta | None = None

    @property
    def channel(self) -> Any:
        return self.telegram.channel

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
        update = self.fake.chats.says(
            int(user),
            f"@larkspur_bot {text}" if group else text,
            chat=GROUP if group else None,
            thread=int(thread.strip("t")) if thread else None,
            edited=edited,
            update_id=int(key) if key else None,
        )
        return await self.deliver(update)

    async def deliver(self, update: Mapping[str, Any]) -> int:
        """Post an update as the platform would."""
        return await self.fake.post(self.client, dict(update))

    async def presses(self, shown: Shown, button: int, *, user: str = "1001", key: str = "") -> int:
        message, at = shown.buttons[button][1]
        number = int(key) if key else None
        return await self.deliver(self.fake.chats.presses_button(int(user), message, at, update_id=number))

    async def shown(self, *, user: str = "1001", thread: str = "") -> list[Shown]:
        found = self.fake.shown(int(user), int(thread.strip("t")) if thread else None)
        return [
            Shown(
                message.text,
                tuple((b["text"], (message, at)) for at, b in enumerate(message.buttons) if "callback_data" in b),
                tuple((b["text"], b["url"]) for b in message.buttons if "url" in b),
            )
            for message in found
        ]

    async def forged(self) -> list[int]:
        update = self.fake.chats.says(1001, "hello")
        self.fake.chats.updates.remove(update)
        body = msgspec.json.encode(update)
        return [await self.post(body, given) for given in (None, "", "wrong", SECRET + "x", SECRET[:-1], "caf\u00e9")]

    async def garbage(self, body: bytes) -> int:
        return await self.post(body, SECRET)

    async def post(self, body: bytes, secret: str | None) -> int:
        """Post a body to our webhook."""
        headers = {} if secret is None else {HEADER: secret}
        async with self.client.post(self.fake.webhook["url"], data=body, headers=headers) as response:
            return response.status

    def fault(self, *kinds: Fault) -> None:
        self.fake.faults.extend(kinds)


@asynccontextmanager
async def opened(world: World | None = None, **settings: Any) -> AsyncIterator[TelegramRig]:
    """Telegram on a fresh fake platform, its webhook set."""
    links, unlinked = Links(), Unlinked()
    async with world_or(world) as at:
        fake = FakeTelegram(now=at.clock.now)
        # The contract's longest reply is longer than any burst that a person's chat would be sent.
        fake.chats.chat_rate = fake.chats.overall_rate = (1000.0, 1000.0)
        async with edge(fake.routes()) as platform, _bot(at, fake, platform, links, unlinked, settings) as rig:
            yield rig


@asynccontextmanager
async def _bot(
    at: World, fake: FakeTelegram, platform: TestServer, links: Links, unlinked: Unlinked, settings: dict[str, Any]
) -> AsyncIterator[TelegramRig]:
    telegram = Telegram(
        store=at.store,
        clock=at.clock,
        settings=TelegramSettings(
            brand="larkspur",
            token=fake.token,
            secret=SECRET,
            api=str(platform.make_url("/")).rstrip("/"),
            **{"sends": 1000.0, **settings},
        ),
        control=at.control,
        links=links,
        files=Files(),
        unlinks=unlinked,
    )
    try:
        async with edge(telegram.routes()) as server, aiohttp.ClientSession() as client:
            await telegram.client.me()
            if settings.get("mode") != "polling":
                await telegram.client.set_webhook(str(server.make_url("/channels/telegram")))
            yield TelegramRig(telegram, fake, at.store, at.clock, links, unlinked, client)
    finally:
        await telegram.close()
