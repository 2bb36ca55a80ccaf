"""What a channel asks of whoever knows how its chats are linked to accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.model import Address
from bot.ports import Sql


class Unlinks(Protocol):
    """Whoever knows how a chat is linked to an account: `bot.ports.Login` is one."""

    def unlink(self, *, address: Address, now: datetime, reason: str) -> Sequence[Sql]:
        """Rows that revoke an address's link, its tokens and its live transactions."""
        ...
