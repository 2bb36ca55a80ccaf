"""Telegram as a channel: each outbound as plain-text messages with buttons, in the private chat it belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from adapters.render import Part, Progress, Renderer
from adapters.telegram.client import Client
from adapters.telegram.shape import LIMITS
from bot.errors import NotPrivate
from bot.model import Address, Window
from bot.pace import Pace
from bot.ports import Capabilities, OutboxClaim


class TelegramChannel:
    """Always open: who has written once may be written to until they block the bot."""

    name = "telegram"
    capabilities = Capabilities(
        buttons=LIMITS.buttons, button_label=LIMITS.label, text=LIMITS.text, cards=False, files=False, typing=True
    )

    def __init__(self, client: Client, renderer: Renderer, answering: Callable[[Address], None], pace: Pace) -> None:
        self._client, self._renderer, self._answering, self._pace = client, renderer, answering, pace
        self._progress = Progress()

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Open: a bot may write at any time to whoever has written to it."""
        return "open"

    async def send(self, held: OutboxClaim) -> str:
        """Send the parts that have not gone out yet; returns the messages' ids. Raises the channel's send errors."""
        address = held.address
        if address.kind != "private":
            raise NotPrivate
        chat, thread = int(address.user), int(address.thread) if address.thread else None
        self._answering(address)

        async def one(part: Part) -> str:
            await self._turn(address.connection)
            return await self._client.say(chat, part, thread=thread)

        return await self._progress.send(held, await self._renderer.parts(held.said, held.conversation), one)

    async def _turn(self, connection: str) -> None:
        """Wait until the bot may send one more: the client's own limiter counts in this process, this over all."""
        wait = (await self._pace.take(connection)).wait
        while wait > 0:
            await asyncio.sleep(wait)
            wait = (await self._pace.take(connection)).wait

    async def types(self, address: Address) -> None:
        """Show for five seconds that a person types (sendChatAction)."""
        await self._client.typing(int(address.user), int(address.thread) if address.thread else None)

    async def find(self, held: OutboxClaim) -> str | None:
        """Never asked: the Bot API cannot tell what was sent."""
        return None
