"""The hot path on SQLite: accept, claim, write. Each function is one job of the writer thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from bot.errors import Conflict, Fenced
from bot.ports import Sql
from bot.store.claims import CLAIMED, NEXT, allowed
from bot.store.codec import key_hash
from bot.store.drive import drive, run
from bot.store.outbox import WITHHELD, pass_party
from bot.store.sqlite_plain import Arrival, Writing

Touch = Callable[[str], None]

_SEEN = "INSERT OR IGNORE INTO seen (connection, key_hash, at) VALUES (?, ?, ?)"
# An upsert's right-hand sides read the row as it was: NULL due means idle, and a mark ends a back-off.
_DUE = "due = CASE WHEN due IS NULL OR (leased = 0 AND :control IS NOT NULL) THEN :now ELSE due END"
_MARKS = (
    f" seq = seq + 1, pos = pos + :entered, {_DUE}, locale = coalesce(locale, :locale),"
    " last_inbound_at = coalesce(:wrote, last_inbound_at), control = coalesce(:control, control),"
    " control_seq = CASE WHEN :control IS NULL THEN control_seq ELSE seq + 1 END"
)
_ARRIVED = " RETURNING id, seq, pos, person, case_id, due = :now"
_UPSERT = (
    "INSERT INTO conversation (id, brand, connection, channel, kind, user_id, thread, state, seq, pos, due, locale,"
    " last_inbound_at, control, control_seq, created_at)"
    " VALUES (:id, :brand, :connection, :channel, :kind, :user, :thread, x'7b7d', 1, :entered, :now, :locale, :wrote,"
    " :control, CASE WHEN :control IS NULL THEN NULL ELSE 1 END, :at)"
    f" ON CONFLICT (connection, user_id, thread) DO UPDATE SET{_MARKS}{_ARRIVED}"
)
_UPDATE = f"UPDATE conversation SET{_MARKS} WHERE id = :id{_ARRIVED}"
_PLACE = ("brand", "connection", "channel", "kind", "user", "thread")
_CONNECTION = "SELECT connection FROM conversation WHERE id = ?"
_INBOUND = (
    "INSERT INTO inbound (conversation, seq, kind, key, text, data, locale, person, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ENTRY = (
    "INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FIRST = (
    "SELECT c.id, i.seq, e.pos FROM conversation c LEFT JOIN inbound i ON i.conversation = c.id AND i.key = :key"
    " LEFT JOIN entry e ON e.conversation = c.id AND e.side = 'customer' AND e.ref = :key"
)
_FIRST_BY_ID = f"{_FIRST} WHERE c.id = :id"
_FIRST_BY_ADDRESS = f"{_FIRST} WHERE c.connection = :connection AND c.user_id = :user AND c.thread = :thread"
_READY = (
    f"SELECT {CLAIMED}, {NEXT} FROM conversation c LEFT JOIN inbound i ON i.conversation = c.id AND i.seq = c.done + 1"
    " WHERE c.due <= ? AND c.needs <= ? ORDER BY c.due LIMIT ?"
)
_TAKE = "UPDATE conversation SET epoch = epoch + 1, tries = ?, leased = 1, due = ? WHERE id = ?"
_IDLE = "UPDATE conversation SET due = NULL, leased = 0 WHERE id = ?"
_WRITE = (
    "UPDATE conversation SET state = :state, needs = :needs, pos = pos + :rows,"
    " person = nullif(coalesce(:person, person), ''), case_id = nullif(coalesce(:case_id, case_id), ''),"
    " locale = coalesce(:locale, locale)"
)
_FENCE = (
    " WHERE id = :conversation AND epoch = :epoch AND done = :seq - 1 AND leased = 1"
    " RETURNING party, party_epoch, person, case_id, locale, control, control_seq, last_inbound_at, pos, seq"
)
_CHECKPOINT = _WRITE + _FENCE
_COMMIT = (
    f"{_WRITE}, done = :seq, tries = 0, leased = seq > :seq, due = CASE WHEN seq > :seq THEN :lease_end END,"
    " control = CASE WHEN control_seq > :seq THEN control END,"
    f" control_seq = CASE WHEN control_seq > :seq THEN control_seq END{_FENCE}"
)
_OUTBOUND = (
    "INSERT INTO outbound (conversation, seq, n, purpose, status, body, reason, person, case_id, expires_at,"
    " created_at, sent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OUT_DUE = "UPDATE conversation SET out_due = :now WHERE id = :conversation AND out_due IS NULL"
_OUT_DUE_AGENT = (
    "UPDATE conversation SET out_due = :now WHERE id = :conversation"
    " AND NOT EXISTS (SELECT 1 FROM outbound WHERE conversation = :conversation AND status = 'sending')"
)
_WAITING = f"SELECT {NEXT} FROM inbound i WHERE i.conversation = ? AND i.seq = ?"


def accept(con: sqlite3.Connection, touch: Touch, values: Sequence[Any]) -> tuple[str, int, int, bool]:
    """Write one `Arrival` with its log entry, or nothing if its key is known: conversation, seq, pos, whether fresh."""
    arrived = Arrival._make(values)
    place, conversation, key, at = arrived.place, arrived.conversation, arrived.key, arrived.at
    if conversation is not None:
        found = con.execute(_CONNECTION, (conversation,)).fetchone()
        if found is None:
            raise Conflict(f"There is no conversation {conversation}.")
        connection = found[0]
    elif place is not None:
        connection = place[1]
    else:
        raise Conflict("An inbound names an address or a conversation.")
    if con.execute(_SEEN, (connection, key_hash(key), at)).rowcount == 0:
        return original(con, arrived)
    entered = arrived.body is not None
    marks = {
        "now": arrived.now,
        "control": arrived.control,
        "entered": int(entered),
        "locale": arrived.locale,
        "wrote": at if entered else None,
    }
    if conversation is not None:
        row = con.execute(_UPDATE, {**marks, "id": conversation}).fetchone()
    else:
        assert place is not None
        where = dict(zip(_PLACE, place, strict=True))
        row = con.execute(_UPSERT, {**marks, **where, "id": uuid4().hex, "at": at}).fetchone()
    conversation, seq, pos, person, case_id, ready = row
    inbound = (conversation, seq, arrived.kind, key, arrived.text, arrived.data, arrived.locale, person, at)
    con.execute(_INBOUND, inbound)
    if entered:
        con.execute(_ENTRY, (conversation, pos, "customer", arrived.kind, arrived.body, key, person, case_id, at))
        touch(f"log:{conversation}")
    if ready:
        touch("turns")
    return conversation, seq, pos, True


def arrive(con: sqlite3.Connection, touch: Touch, values: Sequence[Any]) -> tuple[str, int, int, bool]:
    """The same, at a place: many of these are written together."""
    return accept(con, touch, values)


def original(con: sqlite3.Connection, arrived: Arrival) -> tuple[str, int, int, bool]:
    """What was made of an inbound whose key is known."""
    if arrived.conversation is not None:
        row = con.execute(_FIRST_BY_ID, {"key": arrived.key, "id": arrived.conversation}).fetchone()
    else:
        assert arrived.place is not None
        _, connection, _, _, user, thread = arrived.place
        names = {"connection": connection, "user": user, "thread": thread}
        row = con.execute(_FIRST_BY_ADDRESS, {"key": arrived.key, **names}).fetchone()
    conversation, seq, pos = row or ("", 0, 0)
    return conversation, seq or 0, pos or 0, False


def claim(
    con: sqlite3.Connection, touch: Touch, limit: int, lease: float, release: int, now: float
) -> list[tuple[Any, ...]]:
    """Take ready conversations: CLAIMED and NEXT as they now stand, `tries` counting a lease that has run out."""
    taken: list[tuple[int, float, str]] = []
    idle: list[tuple[str]] = []
    claims: list[tuple[Any, ...]] = []
    for row in con.execute(_READY, (now, release, limit)).fetchall():
        if row[20] is None:
            idle.append((row[0],))
            continue
        tries = row[14] + row[15]
        taken.append((tries, now + lease, row[0]))
        claims.append((*row[:7], row[7] + 1, *row[8:14], tries, *row[15:]))
    if taken:
        con.executemany(_TAKE, taken)
    if idle:
        con.executemany(_IDLE, idle)
    return claims


def checkpoint(con: sqlite3.Connection, touch: Touch, values: Sequence[Any]) -> tuple[Any, Any]:
    """Write a part of a turn; its mark and where that came."""
    row = _write(con, touch, _CHECKPOINT, Writing._make(values))
    return row[5], row[6]


def commit(con: sqlite3.Connection, touch: Touch, values: Sequence[Any]) -> tuple[Any, Any] | None:
    """Write the rest of a turn; if another inbound waits, how the conversation stands and that inbound."""
    one = Writing._make(values)
    row = _write(con, touch, _COMMIT, one)
    if row[9] <= one.seq:
        return None
    inbound = con.execute(_WAITING, (one.conversation, one.seq + 1)).fetchone()
    standing = row[:8]
    if one.party is not None:
        held = con.execute("SELECT party, party_epoch FROM conversation WHERE id = ?", (one.conversation,))
        standing = (*held.fetchone(), *standing[2:])
    return standing, inbound


def finish(con: sqlite3.Connection, touch: Touch, values: Sequence[Any]) -> tuple[Any, Any] | None:
    """The same, where nothing but the conversation and its log is written: many of these are written together."""
    return commit(con, touch, values)


def _write(con: sqlite3.Connection, touch: Touch, text: str, one: Writing) -> Any:
    conversation, said = one.conversation, one.said
    row = con.execute(text, {**one._asdict(), "rows": len(said)}).fetchone()
    if row is None:
        raise Fenced
    if said:
        outs: list[tuple[Any, ...]] = []
        entries: list[tuple[Any, ...]] = []
        say(con, touch, one, row, outs, entries)
        con.executemany(_OUTBOUND, outs)
        con.executemany(_ENTRY, entries)
    for change in one.changes:
        run(con, Sql(*change), one.now)
    if one.party is not None:
        drive(con, touch, pass_party(conversation, one.party, one.seq, one.at), one.now)
    if said or one.changes:
        touch(f"log:{conversation}")
    return row


def say(
    con: sqlite3.Connection,
    touch: Touch,
    one: Writing,
    row: Any,
    outs: list[tuple[Any, ...]],
    entries: list[tuple[Any, ...]],
) -> None:
    """Add the rows of `outbound` and `entry`; `row` is what the fence returned."""
    conversation, seq, at = one.conversation, one.seq, one.at
    party, person, case_id = row[0], row[2], row[3]
    first = row[8] - len(one.said) + 1
    queued = set()
    for pos, (n, purpose, side, body, expires_at, ref) in enumerate(one.said, first):
        if not allowed(purpose, party, one.party):
            outs.append(
                (conversation, seq, n, purpose, "withheld", body, WITHHELD[purpose == "agent"], person, case_id,
                 expires_at, at, None)
            )  # fmt: skip
            entries.append((conversation, pos, "system", "withheld", body, ref, person, case_id, at))
            continue
        if not one.log:
            queued.add(purpose)
        status, sent_at = ("sent", at) if one.log else ("queued", None)
        outs.append((conversation, seq, n, purpose, status, body, None, person, case_id, expires_at, at, sent_at))
        entries.append((conversation, pos, side, "message", body, ref, person, case_id, at))
    if queued:
        con.execute(_OUT_DUE_AGENT if "agent" in queued else _OUT_DUE, {"conversation": conversation, "now": one.now})
        touch("outbox")


def change(
    con: sqlite3.Connection, touch: Touch, statements: Sequence[Any], arrivals: Sequence[Sequence[Any]], now: float
) -> list[tuple[str, int, int, bool]]:
    """A neighbour's writes and the inbounds that tell of them."""
    for statement in statements:
        run(con, Sql(*statement), now)
    return [accept(con, touch, one) for one in arrivals]
