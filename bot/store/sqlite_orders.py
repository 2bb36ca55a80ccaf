"""All that a writer can be told to do, each by a name that can be sent to another process. What is given and what
comes back are plain values."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from bot.store import outbox, sqlite_bulk, sqlite_turn, turns
from bot.store.claims import Held
from bot.store.codec import address_of, moment
from bot.store.drive import drive, run
from bot.store.sqlite_plain import arrival
from bot.store.sqlite_turn import Touch

Job = Callable[..., Any]
"""Does one thing on a connection: `job(con, touch, *values)`."""
Order = tuple[Job, tuple[Any, ...]]
Many = Callable[[sqlite3.Connection, Touch, Sequence[Any]], Sequence[Any]]
"""Does what many orders ask for, in order. Returns each one's result, or its `Fenced` or `Conflict`."""


def renew(con: sqlite3.Connection, touch: Touch, held: Sequence[Any], lease: float, now: float) -> tuple[Any, Any]:
    """`turns.renew`."""
    return drive(con, touch, turns.renew(Held(*held), lease), now)


def release(
    con: sqlite3.Connection, touch: Touch, held: Sequence[Any], delay: float, failed: bool, known: bool, now: float
) -> None:
    """`turns.release`."""
    drive(con, touch, turns.release(Held(*held), delay, failed=failed, known=known), now)


def claim_outbox(con: sqlite3.Connection, touch: Touch, limit: int, lease: float, now: float) -> list[Any]:
    """`outbox.claim_outbox`."""
    return drive(con, touch, outbox.claim_outbox(limit, lease), now)


def sent(con: sqlite3.Connection, touch: Touch, held: Sequence[Any], platform_id: str, at: float, now: float) -> None:
    """`outbox.sent`."""
    drive(con, touch, outbox.sent(Held(*held), platform_id, at), now)


def unsent(
    con: sqlite3.Connection, touch: Touch, held: Sequence[Any], delay: float, reason: str, uncertain: bool, now: float
) -> None:
    """`outbox.unsent`."""
    drive(con, touch, outbox.unsent(Held(*held), delay, reason, uncertain), now)


def dead(
    con: sqlite3.Connection,
    touch: Touch,
    held: Sequence[Any],
    status: Literal["dead", "expired", "withheld"],
    reason: str,
    at: float,
    now: float,
) -> None:
    """`outbox.dead`."""
    drive(con, touch, outbox.dead(Held(*held), status, reason, at), now)


def due_timers(con: sqlite3.Connection, touch: Touch, at: float, limit: int, now: float) -> int:
    """Turn timers that are due into inbounds; how many."""
    fired = 0
    for conversation, op, due in run(con, turns.due_timers(moment(at), limit), now):
        run(con, turns.fire(conversation, op, due), now)
        if con.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,)).fetchone() is None:
            continue  # The conversation was erased; its timer goes with it.
        inbound = turns.timer_inbound(conversation, op, due, moment(at))
        fired += sqlite_turn.accept(con, touch, arrival(inbound, None, now))[3]
    return fired


def conversation_of(con: sqlite3.Connection, touch: Touch, address: Sequence[Any], at: float, now: float) -> str:
    """`turns.conversation_of`."""
    return drive(con, touch, turns.conversation_of(address_of(*address), at), now)


_JOBS: tuple[Job, ...] = (
    sqlite_turn.accept,
    sqlite_turn.arrive,
    sqlite_turn.change,
    sqlite_turn.claim,
    sqlite_turn.checkpoint,
    sqlite_turn.commit,
    sqlite_turn.finish,
    renew,
    release,
    claim_outbox,
    sent,
    unsent,
    dead,
    due_timers,
    conversation_of,
)
JOBS: Mapping[str, Job] = {job.__name__: job for job in _JOBS}
MANY: Mapping[Job, Many] = {sqlite_turn.arrive: sqlite_bulk.accept_all, sqlite_turn.finish: sqlite_bulk.finish_all}
"""What of these is done for all orders of a group at once, before its others."""
