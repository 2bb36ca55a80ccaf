"""Shows the customer, on a platform that has it, that whoever holds the conversation is writing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.errors import ParleyError
from bot.model import Address
from bot.ports import Channel, Clock, ShowsTyping, Store
from desk.staff import Agent

AGAIN = 4.0
"""Seconds before it is shown again: Telegram shows it for five, Messenger for twenty."""
PATIENCE = 3.0
"""Seconds that the platform has to take it."""

_HELD = (
    "SELECT c.id, c.brand, c.connection, c.channel, c.kind, c.user_id, c.thread, c.last_inbound_at FROM desk_item i"
    " JOIN conversation c ON c.id = i.conversation"
    " WHERE i.id = :case AND i.agent = :agent AND i.state = 'held' AND c.party = 'agent' AND c.kind = 'private'"
)


class Typing:
    """Best effort: what fails only means that nothing is shown."""

    def __init__(self, store: Store, clock: Clock, channels: Mapping[str, Channel]) -> None:
        self._store, self._clock, self._channels = store, clock, channels
        self._shown: dict[str, float] = {}

    async def show(self, case: str, me: Agent) -> None:
        """They type in the conversation of this case. Nothing is shown unless they hold it, or where no reply may go
        out now."""
        found = await self._store.query(_HELD, case=case, agent=me.id)
        channel = self._channels.get(str(found[0]["channel"])) if found else None
        if channel is None or not isinstance(channel, ShowsTyping):
            return
        row, at = found[0], time.monotonic()
        self._shown = {id: shown for id, shown in self._shown.items() if at - shown < AGAIN}
        last = datetime.fromtimestamp(row["last_inbound_at"], UTC) if row["last_inbound_at"] else None
        if row["id"] in self._shown or channel.window(last, self._clock.now()) != "open":
            return
        self._shown[row["id"]] = at
        address = Address(
            row["brand"], row["connection"], row["channel"], row["user_id"], kind=row["kind"], thread=row["thread"]
        )
        try:
            async with asyncio.timeout(PATIENCE):
                await channel.types(address)
        except (ParleyError, TimeoutError):
            return
