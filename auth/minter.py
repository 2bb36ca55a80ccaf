"""The address of a sign-in, made when it is shown and never stored."""

from __future__ import annotations

from auth.keys import Keys
from bot.ports import Clock, Store

_LIVE = """
SELECT handle_hash FROM link_txn
WHERE id = :transaction AND conversation = :conversation AND ended_at IS NULL AND expires_at > :now"""


class LinkMinter:
    """Mints addresses for live sign-ins of one conversation."""

    __slots__ = ("_clock", "_keys", "_public_url", "_store")

    def __init__(self, store: Store, clock: Clock, keys: Keys, public_url: str) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys
        self._public_url = public_url.rstrip("/")

    async def url(self, transaction: str, conversation: str) -> str | None:
        """The address, or None once the sign-in has ended or run out, or where it is not this conversation's."""
        rows = await self._store.query(
            _LIVE, transaction=transaction, conversation=conversation, now=self._clock.now().timestamp()
        )
        handle = self._keys.handle_of(transaction, rows[0]["handle_hash"]) if rows else None
        return f"{self._public_url}/link/{handle}" if handle else None
