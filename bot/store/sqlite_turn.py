"""The hot path on SQLite: accept, claim, write. Each function is one job of the writer thread."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bot.errors import Conflict, Fenced
from bot.model import Accepted, Control, Inbound
from bot.ports import Claim, Sql, Work
from bot.store.claims import CLAIMED, NEXT, Said, allowed, claim_after, claim_of, control_after
from bot.store.codec import CUSTOMER_KINDS, dump, key_hash, shown_body
from bot.store.drive import drive, run
from bot.store.outbox import WITHHELD, pass_party
from bot.store.sqlite_writer import Touch

_SEEN = "INSERT OR IGNORE INTO seen (connection, key_hash, at) VALUES (?, ?, ?)"
# An upsert's right-hand sides read the row as it was: NULL due means idle, and a mark ends a back-off.
_DUE = "due = CASE WHEN due IS NULL OR (leased = 0 AND ?2 IS NOT NULL) THEN ?1 ELSE due END"
_MARKS = (
    f" seq = seq + 1, pos = pos + ?3, {_DUE}, locale = coalesce(locale, ?4),"
    " last_inbound_at = coalesce(?5, last_inbound_at), control = coalesce(?2, control),"
    " control_seq = CASE WHEN ?2 IS NULL THEN control_seq ELSE seq + 1 END"
)
_ARRIVED = " RETURNING id, seq, pos, person, case_id, due = ?1"
_UPSERT = (
    "INSERT INTO conversation (id, brand, connection, channel, kind, user_id, thread, state, seq, pos, due, locale,"
    " last_inbound_at, control, control_seq, created_at)"
    " VALUES (?6, ?7, ?8, ?9, ?10, ?11, ?12, x'7b7d', 1, ?3, ?1, ?4, ?5, ?2, CASE WHEN ?2 IS NULL THEN NULL ELSE 1 END,"
    f" ?13) ON CONFLICT (connection, user_id, thread) DO UPDATE SET{_MARKS}{_ARRIVED}"
)
_UPDATE = f"UPDATE conversation SET{_MARKS} WHERE id = ?6{_ARRIVED}"
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
    "UPDATE conversation SET state = ?1, needs = ?2, pos = pos + ?3, person = nullif(coalesce(?4, person), ''),"
    " case_id = nullif(coalesce(?5, case_id), ''), locale = coalesce(?6, locale)"
)
_FENCE = (
    " WHERE id = ?7 AND epoch = ?8 AND done = ?9 - 1 AND leased = 1"
    " RETURNING party, party_epoch, person, case_id, locale, control, control_seq, last_inbound_at, pos, seq"
)
_CHECKPOINT = _WRITE + _FENCE
_COMMIT = (
    f"{_WRITE}, done = ?9, tries = 0, leased = seq > ?9, due = CASE WHEN seq > ?9 THEN ?10 END,"
    " control = CASE WHEN control_seq > ?9 THEN control END,"
    f" control_seq = CASE WHEN control_seq > ?9 THEN control_seq END{_FENCE}"
)
_OUTBOUND = (
    "INSERT INTO outbound (conversation, seq, n, purpose, status, body, reason, person, case_id, expires_at,"
    " created_at, sent_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_OUT_DUE = "UPDATE conversation SET out_due = ?2 WHERE id = ?1 AND out_due IS NULL"
_OUT_DUE_AGENT = (
    "UPDATE conversation SET out_due = ?2 WHERE id = ?1"
    " AND NOT EXISTS (SELECT 1 FROM outbound WHERE conversation = ?1 AND status = 'sending')"
)
_WAITING = f"SELECT {NEXT} FROM inbound i WHERE i.conversation = ? AND i.seq = ?"


def accept(con: sqlite3.Connection, touch: Touch, inbound: Inbound, control: Control | None, now: float) -> Accepted:
    """Write one inbound with its log entry, or nothing if its key is known."""
    at = inbound.at.timestamp()
    address = inbound.address
    conversation = inbound.conversation
    if conversation is not None:
        found = con.execute(_CONNECTION, (conversation,)).fetchone()
        if found is None:
            raise Conflict(f"There is no conversation {conversation}.")
        connection = found[0]
    elif address is not None:
        connection = address.connection
    else:
        raise Conflict("An inbound names an address or a conversation.")
    if con.execute(_SEEN, (connection, key_hash(inbound.key), at)).rowcount == 0:
        return original(con, inbound)
    shown = inbound.kind in CUSTOMER_KINDS
    marks = (now, control, int(shown), inbound.locale, at if shown else None)
    if conversation is not None:
        arrived = con.execute(_UPDATE, (*marks, conversation)).fetchone()
    else:
        assert address is not None
        arrived = con.execute(
            _UPSERT,
            (
                *marks, uuid4().hex, address.brand, connection, address.channel, address.kind, address.user,
                address.thread, at,
            ),
        ).fetchone()  # fmt: skip
    conversation, seq, pos, person, case_id, ready = arrived
    key = inbound.key
    data = dump(inbound.data) if inbound.data else "{}"
    con.execute(_INBOUND, (conversation, seq, inbound.kind, key, inbound.text, data, inbound.locale, person, at))
    if shown:
        con.execute(
            _ENTRY, (conversation, pos, "customer", inbound.kind, shown_body(inbound), key, person, case_id, at)
        )
        touch(f"log:{conversation}")
    if ready:
        touch("turns")
    return Accepted(conversation, seq, pos, True)


def original(con: sqlite3.Connection, inbound: Inbound) -> Accepted:
    """What was made of an inbound whose key is known."""
    if inbound.conversation is not None:
        row = con.execute(_FIRST_BY_ID, {"key": inbound.key, "id": inbound.conversation}).fetchone()
    else:
        address = inbound.address
        assert address is not None
        names = {"connection": address.connection, "user": address.user, "thread": address.thread}
        row = con.execute(_FIRST_BY_ADDRESS, {"key": inbound.key, **names}).fetchone()
    conversation, seq, pos = row or ("", 0, 0)
    return Accepted(conversation, seq or 0, pos or 0, False)


def claim(con: sqlite3.Connection, limit: int, lease: float, release: int, now: float, until: float) -> list[Claim]:
    """Take ready conversations; a lease that has run out counts as a try of its inbound."""
    taken: list[tuple[int, float, str]] = []
    idle: list[tuple[str]] = []
    claims: list[Claim] = []
    for row in con.execute(_READY, (now, release, limit)).fetchall():
        if row[20] is None:
            idle.append((row[0],))
            continue
        tries = row[14] + row[15]
        taken.append((tries, now + lease, row[0]))
        claims.append(claim_of(row, epoch=row[7] + 1, tries=tries, until=until))
    if taken:
        con.executemany(_TAKE, taken)
    if idle:
        con.executemany(_IDLE, idle)
    return claims


@dataclass(frozen=True, slots=True)
class Writing:
    """A checkpoint or commit, ready for the writer thread: `at` is meaning's clock, `now` and `lease_end` liveness'."""

    claim: Claim
    work: Work
    said: list[Said]
    log: bool
    at: float
    now: float
    lease_end: float
    until: float

    def checkpoint(self, con: sqlite3.Connection, touch: Touch) -> Control | None:
        """A part of the turn; a mark that arrived meanwhile."""
        row = self._write(con, touch, _CHECKPOINT, ())
        return control_after(row[5], row[6], self.claim.seq + 1)

    def commit(self, con: sqlite3.Connection, touch: Touch) -> Claim | None:
        """The rest of the turn; the next claim if another inbound waits."""
        claim = self.claim
        row = self._write(con, touch, _COMMIT, (self.lease_end,))
        if row[9] <= claim.seq:
            return None
        inbound = con.execute(_WAITING, (claim.conversation, claim.seq + 1)).fetchone()
        standing = row[:8]
        if self.work.party is not None:
            standing = self._passed(con, standing)
        return claim_after(claim, self.work.state, standing, inbound, self.until)

    def _write(self, con: sqlite3.Connection, touch: Touch, text: str, more: tuple[Any, ...]) -> Any:
        claim, work = self.claim, self.work
        conversation, seq = claim.conversation, claim.seq
        row = con.execute(
            text,
            (
                work.state, work.needs, len(self.said), work.person, work.case_id, work.locale, conversation,
                claim.epoch, seq, *more,
            ),
        ).fetchone()  # fmt: skip
        if row is None:
            raise Fenced
        if self.said:
            outs: list[tuple[Any, ...]] = []
            entries: list[tuple[Any, ...]] = []
            self.say(con, touch, row, outs, entries)
            con.executemany(_OUTBOUND, outs)
            con.executemany(_ENTRY, entries)
        for statement in work.changes:
            run(con, statement, self.now)
        if work.party is not None:
            drive(con, touch, pass_party(conversation, work.party, seq, self.at), self.now)
        if self.said or work.changes:
            touch(f"log:{conversation}")
        return row

    def say(
        self,
        con: sqlite3.Connection,
        touch: Touch,
        row: Any,
        outs: list[tuple[Any, ...]],
        entries: list[tuple[Any, ...]],
    ) -> None:
        """Add the rows of `outbound` and `entry`; `row` is what the fence returned."""
        conversation, seq = self.claim.conversation, self.claim.seq
        party, person, case_id = row[0], row[2], row[3]
        first = row[8] - len(self.said) + 1
        at = self.at
        queued = set()
        for pos, (n, purpose, side, body, expires_at, ref) in enumerate(self.said, first):
            if not allowed(purpose, party, self.work.party):
                outs.append(
                    (conversation, seq, n, purpose, "withheld", body, WITHHELD[purpose == "agent"], person, case_id,
                     expires_at, at, None)
                )  # fmt: skip
                entries.append((conversation, pos, "system", "withheld", body, ref, person, case_id, at))
                continue
            if not self.log:
                queued.add(purpose)
            status, sent_at = ("sent", at) if self.log else ("queued", None)
            outs.append((conversation, seq, n, purpose, status, body, None, person, case_id, expires_at, at, sent_at))
            entries.append((conversation, pos, side, "message", body, ref, person, case_id, at))
        if queued:
            con.execute(_OUT_DUE_AGENT if "agent" in queued else _OUT_DUE, (conversation, self.now))
            touch("outbox")

    def _passed(self, con: sqlite3.Connection, standing: Any) -> Any:
        held = con.execute("SELECT party, party_epoch FROM conversation WHERE id = ?", (self.claim.conversation,))
        return (*held.fetchone(), *standing[2:])


def change(
    con: sqlite3.Connection, touch: Touch, statements: list[Sql], inbounds: list[Inbound], now: float
) -> tuple[Accepted, ...]:
    """A neighbour's writes and the inbounds that tell of them."""
    for statement in statements:
        run(con, statement, now)
    return tuple(accept(con, touch, inbound, None, now) for inbound in inbounds)
