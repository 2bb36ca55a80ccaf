"""The durable ground."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from bot.model import Accepted, Address, Control, Entry, Inbound
from bot.ports.work import Claim, OutboxClaim, Sql, Work


class Watch(Protocol):
    """A wake-up: returns when the topic was touched since the last wait, or after `timeout` seconds."""

    async def wait(self, timeout: float) -> bool:
        """True if woken, False on time-out. Never misses a touch between two waits."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Store(Protocol):
    """The durable ground: one schema, two implementations. Every method is one transaction; raises
    `StoreUnavailable`."""

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        """Write an inbound, its log entry (customer's kinds) and its sequence number; a known key changes nothing."""
        ...

    async def change(self, statements: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> tuple[Accepted, ...]:
        """Apply a neighbour's own writes and accept inbounds with them, all or nothing; raises `Conflict`."""
        ...

    async def query(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """A portable SELECT with `:named` parameters, on a read-only connection where the store has one."""
        ...

    async def claim(self, limit: int, *, lease: float, release: int = 1) -> list[Claim]:
        """Take up to `limit` ready conversations for `lease` seconds; skips those whose `needs` is over `release`."""
        ...

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        """Extend the lease; raises `Fenced`."""
        ...

    async def checkpoint(self, claim: Claim, work: Work) -> Control | None:
        """Write a part of the turn; returns a control mark that has arrived meanwhile. Raises `Fenced`, `Conflict`."""
        ...

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> Claim | None:
        """Write the rest and mark the inbound done; returns the next claim if another inbound waits. Raises as
        above."""
        ...

    async def release(self, claim: Claim, *, delay: float, failed: bool = True) -> None:
        """Give the conversation back without a commit, ready again in `delay` seconds; counts a try if `failed`."""
        ...

    async def claim_outbox(self, limit: int, *, lease: float) -> list[OutboxClaim]:
        """Take the head rows of up to `limit` conversations with something to send, and mark them as being sent."""
        ...

    async def sent(self, held: OutboxClaim, *, platform_id: str, at: datetime) -> None:
        """The row was sent. Raises `Fenced`."""
        ...

    async def unsent(self, held: OutboxClaim, *, delay: float, reason: str, uncertain: bool) -> None:
        """The send failed for now: try again in `delay` seconds. Raises `Fenced`."""
        ...

    async def dead(self, held: OutboxClaim, *, status: Literal["dead", "expired", "withheld"], reason: str) -> None:
        """The row will not be sent: dead letter; the rest of its turn becomes `superseded`. Raises `Fenced`."""
        ...

    async def due_timers(self, now: datetime, limit: int = 100) -> int:
        """Turn timers that are due into inbounds (kind timer); returns how many."""
        ...

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """The log behind position `after`, in order."""
        ...

    async def conversation_of(self, address: Address) -> str:
        """The conversation's id for this address, made if it is new."""
        ...

    def watch(self, topic: str) -> Watch:
        """Topics: "turns", "outbox", "log:<conversation>". Woken across processes."""
        ...

    async def database_now(self) -> float:
        """Liveness' clock: epoch seconds by the database."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close."""
        ...
