"""What a group of transactions has in common is written by one statement for all of them.

A statement has its price whatever it writes. Where the writer is a thread, it also gives up the interpreter once a
statement: with one a turn, it and the event loop would wait for each other hundreds of times a group.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

from bot.errors import Conflict, Fenced
from bot.store.claims import NEXT
from bot.store.codec import key_hash
from bot.store.sqlite_plain import Arrival, Writing
from bot.store.sqlite_turn import Touch, original, say

T = TypeVar("T")

SIZES = (64, 16, 4, 1)
"""How many rows a statement takes: few texts, so that all stay prepared."""

_SEEN = "INSERT OR IGNORE INTO seen (connection, key_hash, at) VALUES {rows} RETURNING connection, key_hash"
# In the update `excluded` is the row that was not inserted: what has arrived, its `seq` and `due` those of a first.
_ARRIVE = (
    "INSERT INTO conversation AS c (id, brand, connection, channel, kind, user_id, thread, state, seq, pos, due,"
    " locale, last_inbound_at, control, control_seq, created_at) VALUES {rows}"
    " ON CONFLICT (connection, user_id, thread) DO UPDATE SET seq = c.seq + 1, pos = c.pos + excluded.pos,"
    " due = CASE WHEN c.due IS NULL OR (c.leased = 0 AND excluded.control IS NOT NULL) THEN excluded.due"
    " ELSE c.due END, locale = coalesce(c.locale, excluded.locale),"
    " last_inbound_at = coalesce(excluded.last_inbound_at, c.last_inbound_at),"
    " control = coalesce(excluded.control, c.control),"
    " control_seq = CASE WHEN excluded.control IS NULL THEN c.control_seq ELSE c.seq + 1 END"
    " RETURNING connection, user_id, thread, id, seq, pos, person, case_id, due"
)
_INBOUND = "INSERT INTO inbound (conversation, seq, kind, key, text, data, locale, person, at) VALUES {rows}"
_ENTRY = "INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at) VALUES {rows}"
_OUTBOUND = (
    "INSERT INTO outbound (conversation, seq, n, purpose, status, body, reason, person, case_id, expires_at,"
    " created_at, sent_at) VALUES {rows}"
)
_COMMIT = (
    "WITH w (id, epoch, seq, state, needs, said, person, case_id, locale, lease_end) AS (VALUES {rows})"
    " UPDATE conversation AS c SET state = w.state, needs = w.needs, pos = c.pos + w.said,"
    " person = nullif(coalesce(w.person, c.person), ''), case_id = nullif(coalesce(w.case_id, c.case_id), ''),"
    " locale = coalesce(w.locale, c.locale), done = w.seq, tries = 0, leased = c.seq > w.seq,"
    " due = CASE WHEN c.seq > w.seq THEN w.lease_end END,"
    " control = CASE WHEN c.control_seq > w.seq THEN c.control END,"
    " control_seq = CASE WHEN c.control_seq > w.seq THEN c.control_seq END"
    " FROM w WHERE c.id = w.id AND c.epoch = w.epoch AND c.done = w.seq - 1 AND c.leased = 1"
    " RETURNING party, party_epoch, person, case_id, locale, control, control_seq, last_inbound_at, pos, seq, id"
)
_WAITING = (
    f"WITH w (id, seq) AS (VALUES {{rows}}) SELECT i.conversation, {NEXT} FROM w CROSS JOIN inbound i"
    " ON i.conversation = w.id AND i.seq = w.seq"
)


def accept_all(
    con: sqlite3.Connection, touch: Touch, arriving: Sequence[Sequence[Any]]
) -> list[tuple[str, int, int, bool] | Conflict]:
    """Take `Arrival`s in, in order; what was known before, or came twice, changes nothing."""
    results: list[Any] = [None] * len(arriving)
    left = [(at, Arrival._make(one)) for at, (one,) in enumerate(arriving)]
    while left:
        # A conversation's next inbound takes its number from the one before, so it waits for another round.
        now, later, places = [], [], set()
        for one in left:
            assert one[1].place is not None
            _, connection, _, _, user, thread = one[1].place
            if (connection, user, thread) in places:
                later.append(one)
            else:
                places.add((connection, user, thread))
                now.append(one)
        for part in _parts(now):
            _accept(con, touch, part, results)
        left = later
    return results


def _accept(con: sqlite3.Connection, touch: Touch, part: Sequence[tuple[int, Arrival]], results: list[Any]) -> None:
    hashes = [(one.place[1], key_hash(one.key), one.at) for _, one in part if one.place is not None]
    unseen = {(row[0], row[1]) for row in _run(con, _SEEN, hashes)}
    fresh: dict[tuple[str, str, str], tuple[int, Arrival]] = {}
    values: list[tuple[Any, ...]] = []
    for (at, one), (connection, hashed, sent) in zip(part, hashes, strict=True):
        if (connection, hashed) not in unseen:
            results[at] = original(con, one)
            continue
        # The same key twice in one statement is written once: the first of them has it.
        unseen.discard((connection, hashed))
        assert one.place is not None
        fresh[connection, one.place[4], one.place[5]] = (at, one)
        values.append(
            (
                uuid4().hex, *one.place, b"{}", 1, int(one.body is not None), one.now, one.locale,
                None if one.body is None else sent,
                one.control, None if one.control is None else 1, sent,
            )
        )  # fmt: skip
    if not values:
        return
    inbounds: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    for connection, user, thread, conversation, seq, pos, person, case_id, due in _run_all(con, _ARRIVE, values):
        at, one = fresh[connection, user, thread]
        inbounds.append((conversation, seq, one.kind, one.key, one.text, one.data, one.locale, person, one.at))
        if one.body is not None:
            entries.append((conversation, pos, "customer", one.kind, one.body, one.key, person, case_id, one.at))
            touch(f"log:{conversation}")
        if due == one.now:
            touch("turns")
        results[at] = (conversation, seq, pos, True)
    _run_all(con, _INBOUND, inbounds)
    _run_all(con, _ENTRY, entries)


def finish_all(
    con: sqlite3.Connection, touch: Touch, ending: Sequence[Sequence[Any]]
) -> list[tuple[Any, Any] | Fenced | None]:
    """End the turns of these `Writing`s, each by its own fence; they change only their conversation and its log."""
    writings = [Writing._make(one) for (one,) in ending]
    standing: dict[str, Any] = {}
    for part in _parts(writings):
        rows = [
            (
                one.conversation, one.epoch, one.seq, one.state, one.needs, len(one.said), one.person, one.case_id,
                one.locale, one.lease_end,
            )
            for one in part
        ]  # fmt: skip
        standing.update((row[10], row) for row in _run(con, _COMMIT, rows))
    outs: list[tuple[Any, ...]] = []
    entries: list[tuple[Any, ...]] = []
    following: list[tuple[str, int]] = []
    for one in writings:
        row = standing.get(one.conversation)
        if row is None:
            continue
        if one.said:
            say(con, touch, one, row, outs, entries)
            touch(f"log:{one.conversation}")
        if row[9] > one.seq:
            following.append((one.conversation, one.seq + 1))
    _run_all(con, _OUTBOUND, outs)
    _run_all(con, _ENTRY, entries)
    waiting = {row[0]: row[1:] for row in _run_all(con, _WAITING, following)}
    results: list[tuple[Any, Any] | Fenced | None] = []
    for one in writings:
        row = standing.get(one.conversation)
        if row is None:
            results.append(Fenced())
        elif row[9] > one.seq:
            results.append((row[:8], waiting[one.conversation]))
        else:
            results.append(None)
    return results


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    at = 0
    for size in SIZES:
        while len(items) - at >= size:
            yield items[at : at + size]
            at += size


def _run(con: sqlite3.Connection, text: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """One statement over as many rows as one of SIZES says."""
    return con.execute(_text(text, len(rows), len(rows[0])), [value for row in rows for value in row]).fetchall()


def _run_all(con: sqlite3.Connection, text: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    """The same over any number of rows."""
    return [found for part in _parts(rows) for found in _run(con, text, part)]


@cache
def _text(text: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return text.format(rows=", ".join([row] * rows))
