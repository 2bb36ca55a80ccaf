"""The embedded store: one SQLite file, one writer, which is a thread or a process of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from bot.model import Accepted, Address, Control, Entry, Inbound
from bot.ports import Claim, Clock, OutboxClaim, Sql, Work
from bot.store import outbox, sqlite_open, sqlite_orders, sqlite_turn, turns
from bot.store.claims import Held, claim_after, claim_of, control_after, held_until
from bot.store.codec import entry_of, epoch
from bot.store.faults import ReadOnly, from_sqlite
from bot.store.lock import FileLock
from bot.store.sqlite_apart import WriterApart
from bot.store.sqlite_plain import Writing, arrival, changes, writing
from bot.store.sqlite_turn import Touch
from bot.store.sqlite_writer import Writer, Writes
from bot.store.system_clock import SystemClock
from bot.store.wake import Hub, LocalWatch

T = TypeVar("T")
P = ParamSpec("P")

READERS = 2

_ENTRIES = (
    "SELECT conversation, pos, side, kind, at, body, ref FROM entry WHERE conversation = ? AND pos > ?"
    " ORDER BY pos LIMIT ?"
)


class SqliteStore:
    """See `bot.ports.Store`. `now` is liveness' clock, which in a test may be driven by hand."""

    def __init__(
        self,
        hub: Hub,
        *,
        writer: Writes | None,
        read: Callable[[], sqlite3.Connection] | None,
        lock: FileLock | None,
        clock: Clock,
        log_channels: frozenset[str],
        now: Callable[[], float],
    ) -> None:
        self._hub = hub
        self._writer = writer
        self._read = read
        self._readers = None if read is None else ThreadPoolExecutor(READERS, "parley-sqlite-reader")
        self._reading: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._lock = lock
        self._clock = clock
        self._log_channels = log_channels
        self._now = now

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        """Write an inbound with its log entry; a known key changes nothing. Raises `Conflict`."""
        there = inbound.conversation is not None or inbound.address is None
        job = sqlite_turn.accept if there else sqlite_turn.arrive
        return Accepted(*await self._do(job, arrival(inbound, control, self._now())))

    async def change(self, statements: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> tuple[Accepted, ...]:
        """Apply statements and accept inbounds, all or nothing. Raises `Conflict`."""
        now = self._now()
        arrivals = [arrival(inbound, None, now) for inbound in inbounds]
        return tuple(Accepted(*row) for row in await self._do(sqlite_turn.change, changes(statements), arrivals, now))

    async def query(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """A SELECT's rows by column name."""

        def select(con: sqlite3.Connection) -> list[dict[str, Any]]:
            cursor = con.execute(text, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self._select(select)

    async def claim(self, limit: int, *, lease: float, release: int = 1) -> list[Claim]:
        """Take up to `limit` ready conversations for `lease` seconds."""
        until = held_until(lease)
        rows = await self._do(sqlite_turn.claim, limit, lease, release, self._now())
        return [claim_of(row, epoch=row[7], tries=row[14], until=until) for row in rows]

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        """Extend the lease. Raises `Fenced`."""
        until = held_until(lease)
        return turns.renewed(claim, await self._do(sqlite_orders.renew, _held(claim), lease, self._now()), until)

    async def checkpoint(self, claim: Claim, work: Work) -> Control | None:
        """Write a part of the turn. Raises `Fenced`, `Conflict`."""
        return control_after(*await self._do(sqlite_turn.checkpoint, self._writing(claim, work, 0.0)), claim.seq + 1)

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> Claim | None:
        """Write the rest of the turn; the next claim if another inbound waits. Raises `Fenced`, `Conflict`."""
        until = held_until(lease)
        plain = not work.changes and work.party is None
        job = sqlite_turn.finish if plain else sqlite_turn.commit
        following = await self._do(job, self._writing(claim, work, lease))
        return None if following is None else claim_after(claim, work.state, *following, until)

    async def release(self, claim: Claim, *, delay: float, failed: bool = True) -> None:
        """Give the conversation back, ready again in `delay` seconds."""
        known = claim.control is not None
        await self._do(sqlite_orders.release, _held(claim), delay, failed, known, self._now())

    async def claim_outbox(self, limit: int, *, lease: float) -> list[OutboxClaim]:
        """Take the heads of up to `limit` outboxes and mark them as being sent."""
        rows = await self._do(sqlite_orders.claim_outbox, limit, lease, self._now())
        return [outbox.claimed(row) for row in rows]

    async def sent(self, held: OutboxClaim, *, platform_id: str, at: datetime) -> None:
        """The row was sent. Raises `Fenced`."""
        await self._do(sqlite_orders.sent, _row(held), platform_id, epoch(at), self._now())

    async def unsent(self, held: OutboxClaim, *, delay: float, reason: str, uncertain: bool) -> None:
        """Try again in `delay` seconds. Raises `Fenced`."""
        await self._do(sqlite_orders.unsent, _row(held), delay, reason, uncertain, self._now())

    async def dead(self, held: OutboxClaim, *, status: Literal["dead", "expired", "withheld"], reason: str) -> None:
        """The row and the rest of its turn will not be sent. Raises `Fenced`."""
        await self._do(sqlite_orders.dead, _row(held), status, reason, self._at(), self._now())

    async def due_timers(self, now: datetime, limit: int = 100) -> int:
        """Turn due timers into inbounds; returns how many."""
        return await self._do(sqlite_orders.due_timers, epoch(now), limit, self._now())

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """The log behind position `after`, in order."""
        rows = await self._select(lambda con: con.execute(_ENTRIES, (conversation, after, limit)).fetchall())
        return [entry_of(*row) for row in rows]

    async def conversation_of(self, address: Address) -> str:
        """The conversation's id for this address, made if it is new."""
        place = (address.brand, address.connection, address.channel, address.user, address.kind, address.thread)
        return await self._do(sqlite_orders.conversation_of, place, self._at(), self._now())

    def watch(self, topic: str) -> LocalWatch:
        """Woken when the topic is touched in this process, the only one that writes."""
        return self._hub.watch(topic)

    async def database_now(self) -> float:
        """Epoch seconds: this machine's clock, as the database is in this process."""
        return self._now()

    async def close(self) -> None:
        """Finish what is queued, close, and let go of the lock."""
        if self._writer is not None:
            await self._writer.close()
        if self._readers is not None:
            await asyncio.to_thread(self._readers.shutdown)
            for con in self._reading:
                con.close()
            self._reading.clear()
        if self._lock is not None:
            self._lock.release()

    def _at(self) -> float:
        return epoch(self._clock.now())

    def _writing(self, claim: Claim, work: Work, lease: float) -> Writing:
        log = claim.address.channel in self._log_channels
        return writing(claim, work, log=log, at=self._at(), now=self._now(), lease=lease)

    def _do(
        self, job: Callable[Concatenate[sqlite3.Connection, Touch, P], T], *values: P.args, **_: P.kwargs
    ) -> asyncio.Future[T]:
        if self._writer is None:
            raise ReadOnly
        return self._writer.submit((job, values))

    async def _select(self, select: Callable[[sqlite3.Connection], T]) -> T:
        if self._readers is None:  # In memory there is one connection, the writer's.
            return await self._do(_here, select)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._selected, select)

    def _selected(self, select: Callable[[sqlite3.Connection], T]) -> T:
        con: sqlite3.Connection | None = getattr(self._local, "con", None)
        try:
            if con is None:
                assert self._read is not None
                con = self._local.con = self._read()
                self._reading.append(con)
            return select(con)
        except sqlite3.Error as error:
            raise from_sqlite(error) from error


def _here(con: sqlite3.Connection, touch: Touch, select: Callable[[sqlite3.Connection], T]) -> T:
    return select(con)


def _held(claim: Claim) -> Held:
    return Held(claim.conversation, claim.epoch, claim.seq)


def _row(held: OutboxClaim) -> Held:
    return Held(held.conversation, held.epoch, held.seq, held.n)


def open_sqlite(
    path: Path | str,
    *,
    clock: Clock | None = None,
    log_channels: frozenset[str] = frozenset(),
    fsync: sqlite_open.Fsync = "full",
    readonly: bool = False,
    writer: sqlite_open.Place = "thread",
    now: Callable[[], float] = time.time,
) -> SqliteStore:
    """Open a migrated database, or ":memory:". A reader needs no lock, and its writes raise `ReadOnly`. `writer`: where
    a file is written from.

    Raises `SchemaBehind`, `StoreLocked`, `StoreUnavailable`. Call it on the event loop.
    """
    hub = Hub()
    make = partial(SqliteStore, hub, clock=clock or SystemClock(), log_channels=log_channels, now=now)
    if str(path) == ":memory:":
        return make(writer=Writer(sqlite_open.memory(), hub), read=None, lock=None)
    path = Path(path)
    if readonly:
        sqlite_open.reader(path).close()
        return make(writer=None, read=partial(sqlite_open.reader, path), lock=None)
    lock = FileLock(path)
    try:
        con = sqlite_open.writer(path, fsync)
        try:
            sqlite_open.take_up(con, path)
            if writer == "process":
                con.close()
                writes: Writes = WriterApart(path, fsync, hub, lock.handle)
            else:
                writes = Writer(con, hub)
        except BaseException:  # As below: the file would stay open.
            con.close()
            raise
    except BaseException:  # Interrupted as well: the lock would else be held by a store that nobody has.
        lock.release()
        raise
    return make(writer=writes, read=partial(sqlite_open.reader, path), lock=lock)
