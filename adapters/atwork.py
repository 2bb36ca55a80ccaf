"""Whether the bot has something to do in a chat: only then may "typing…" stand there in its name."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import StoreUnavailable
from bot.model import Address
from bot.ports import Store

_AT_WORK = (
    "SELECT 1 FROM conversation WHERE connection = :connection AND user_id = :user AND thread = :thread"
    " AND party = 'bot' AND (due IS NOT NULL OR out_due IS NOT NULL)"
)


@dataclass(frozen=True, slots=True)
class AtWork:
    """Asks the store."""

    store: Store

    async def __call__(self, address: Address) -> bool:
        """False while a person holds the conversation, and when its turns and messages are through."""
        try:
            where = {"connection": address.connection, "user": address.user, "thread": address.thread}
            return bool(await self.store.query(_AT_WORK, **where))
        except StoreUnavailable:
            return False
