"""The cold half of a turn, for both stores: renewal, release, timers, a conversation's first row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from bot.errors import Fenced
from bot.model import Address, Inbound
from bot.ports import Claim, Sql
from bot.store.claims import Held, control_after
from bot.store.codec import epoch
from bot.store.procedure import Procedure, Wake

_HELD = " WHERE id = :id AND epoch = :epoch AND done = :seq - 1 AND leased = 1"
_RENEW = f"UPDATE conversation SET due = :db_now + :lease{_HELD} RETURNING control, control_seq"
# A mark that came during the turn is not kept waiting by the back-off of the inbound before it.
_RELEASE = (
    "UPDATE conversation SET leased = 0, tries = tries + :failed,"
    f" due = CASE WHEN control_seq > :seq AND :known = 0 THEN :db_now ELSE :db_now + :delay END{_HELD}"
    " RETURNING due <= :db_now"
)
_TIMERS = "SELECT conversation, op, at FROM timer WHERE at <= :now ORDER BY at LIMIT :limit"
_FIRE = "DELETE FROM timer WHERE conversation = :id AND op = :op AND at = :at RETURNING op"
_MADE = (
    "INSERT INTO conversation (id, brand, connection, channel, kind, user_id, thread, state, created_at)"
    " VALUES (:id, :brand, :connection, :channel, :kind, :user, :thread, :state, :at)"
    " ON CONFLICT (connection, user_id, thread) DO NOTHING"
)
_FOUND = "SELECT id FROM conversation WHERE connection = :connection AND user_id = :user AND thread = :thread"


def renew(claim: Claim | Held, lease: float) -> Procedure[tuple[Any, Any]]:
    """Extend the lease; its mark and where that came."""
    rows = yield Sql(_RENEW, {"id": claim.conversation, "epoch": claim.epoch, "seq": claim.seq, "lease": lease})
    if not rows:
        raise Fenced
    control, control_seq = rows[0]
    return control, control_seq


def renewed(claim: Claim, mark: Sequence[Any], until: float) -> Claim:
    """The same claim with a longer lease and the mark that stands now."""
    control, control_seq = mark
    return replace(claim, held_until=until, control=control_after(control, control_seq, claim.seq))


def release(claim: Claim | Held, delay: float, *, failed: bool, known: bool) -> Procedure[None]:
    """Give it back; nothing to do where another worker has it already. `known`: its mark was seen by this turn."""
    held = {"id": claim.conversation, "epoch": claim.epoch, "seq": claim.seq}
    rows = yield Sql(_RELEASE, {**held, "delay": delay, "failed": int(failed), "known": int(known)})
    if rows and rows[0][0]:
        yield Wake("turns")


def due_timers(now: datetime, limit: int) -> Sql:
    """Which timers are due."""
    return Sql(_TIMERS, {"now": epoch(now), "limit": limit})


def fire(conversation: str, op: str, at: float) -> Sql:
    """Take a timer out; no row where another worker was first or it was set anew."""
    return Sql(_FIRE, {"id": conversation, "op": op, "at": at})


def timer_inbound(conversation: str, op: str, at: float, now: datetime) -> Inbound:
    """The inbound that a timer becomes."""
    key = f"timer:{conversation}:{op}:{at!r}"
    return Inbound(key=key, kind="timer", at=now, conversation=conversation, data={"op": op})


def conversation_of(address: Address, at: float) -> Procedure[str]:
    """The conversation's id, made if it is new."""
    names = {"connection": address.connection, "user": address.user, "thread": address.thread}
    rows = yield Sql(_FOUND, names)
    if not rows:
        made = {"id": uuid4().hex, "brand": address.brand, "channel": address.channel, "kind": address.kind}
        yield Sql(_MADE, {**names, **made, "state": b"{}", "at": at})
        rows = yield Sql(_FOUND, names)
    found: str = rows[0][0]
    return found
