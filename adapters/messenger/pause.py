"""A limit or a dead token concerns the whole Page: its other messages wait with the one that was refused."""

from __future__ import annotations

import time
from collections.abc import Callable

from adapters.messenger.errors import TooFast
from bot.errors import SendTemporary
from bot.ports import OutboxClaim, Sql, Store

_LONGEST = 300.0
_LOOK = 1.0
"""How often a process asks whether another one was refused."""
_BEGIN = (
    "INSERT INTO rate (bucket, tokens, held) VALUES (:bucket, 0, :db_now + :seconds) ON CONFLICT (bucket)"
    " DO UPDATE SET held = CASE WHEN rate.held > excluded.held THEN rate.held ELSE excluded.held END"
)
_END = "UPDATE rate SET held = :db_now WHERE bucket = :bucket"
_READ = "SELECT held FROM rate WHERE bucket = :bucket"


class Pause:
    """In the store, for all processes that send for this connection."""

    def __init__(self, store: Store, connection: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._bucket, self._monotonic = store, f"rest:{connection}", monotonic
        self._until = self._looked = 0.0
        self._probe: tuple[str, int, int] | None = None

    async def check(self, held: OutboxClaim) -> None:
        """Raises `TooFast` while the Page rests. The row that was refused is let through: its retry tells how it is."""
        if (held.conversation, held.seq, held.n) == self._probe:
            return
        now = self._monotonic()
        if now >= self._looked:
            self._looked = now + _LOOK
            rows = await self._store.query(_READ, bucket=self._bucket)
            self._until = now + (rows[0]["held"] - await self._store.database_now()) if rows else 0.0
        if self._until > now:
            raise TooFast(retry_after=self._until - now)

    async def begin(self, held: OutboxClaim, error: SendTemporary) -> None:
        """The platform refused this row for the Page's sake."""
        seconds = min(error.retry_after or 1.0, _LONGEST)
        self._probe = held.conversation, held.seq, held.n
        self._until = self._monotonic() + seconds
        await self._store.change([Sql(_BEGIN, {"bucket": self._bucket, "seconds": seconds})])

    async def end(self, held: OutboxClaim) -> None:
        """This row went through; if it is the one that was refused, so will others."""
        if (held.conversation, held.seq, held.n) == self._probe:
            self._probe, self._until = None, 0.0
            await self._store.change([Sql(_END, {"bucket": self._bucket})])
