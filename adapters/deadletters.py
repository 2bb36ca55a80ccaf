"""Events that a platform really sent and that could not be read: kept, so that none is lost or sent for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from bot.observe import logger
from bot.observe.metrics import REFUSED
from bot.ports import Clock, Sql, Store

log = logger("parley.intake")

_KEEP = (
    "INSERT INTO dead_letter (id, connection, reason, body, at) VALUES (:id, :connection, :reason, :body, :at)"
    " ON CONFLICT (id) DO NOTHING"
)
_LIST = "SELECT id, connection, reason, body, at FROM dead_letter ORDER BY at DESC, id LIMIT :limit"
BODY = 64 * 1024
"""Bytes of an event that are kept."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that could not be read. `body` may hold a customer's words."""

    id: str
    connection: str
    reason: str
    body: bytes
    at: datetime


class DeadLetters:
    """Where such events go. The same event again is the same letter."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def keep(self, *, channel: str, connection: str, reason: str, body: bytes) -> None:
        """Keep one; `reason` is a short name without anybody's words. Raises `StoreUnavailable`."""
        id_ = sha256(connection.encode() + b"\0" + body).hexdigest()[:24]
        values = {"id": id_, "connection": connection, "reason": reason[:200], "body": body[:BODY]}
        await self._store.change([Sql(_KEEP, {**values, "at": self._clock.now().timestamp()})])
        REFUSED.labels(channel, "dead_letter").inc()
        log.error("event kept as a dead letter", channel=channel, letter=id_, reason=reason[:200])

    async def newest(self, limit: int = 100) -> list[DeadLetter]:
        """The newest letters first."""
        rows = await self._store.query(_LIST, limit=limit)
        return [
            DeadLetter(
                row["id"], row["connection"], row["reason"], bytes(row["body"]), datetime.fromtimestamp(row["at"], UTC)
            )
            for row in rows
        ]
