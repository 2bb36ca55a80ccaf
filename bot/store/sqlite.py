"""The embedded store: one SQLite file, one writing process, one writer thread."""

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
from typing import Any, Literal, TypeVar

from bot.model import Accepted, Address, Control, Entry, Inbound
from bot.ports import Claim, Clock, OutboxClaim, Sql, Work
from bot.store import outbox, sqlite_open, sqlite_turn, turns
from bot.store.claims import held_until, said_rows
from bot.store.codec import entry_of, epoch
from bot.store.drive import drive, run
from bot.store.faults import ReadOnly, from_sqlite
from bot.store.lock import FileLock
from bot.store.procedure import Procedure
from bot.store.sqlite_bulk import Arriving, accept_all, commit_all
from bot.store.sqlite_turn import Writing
from bot.store.sqlite_writer import Many, Touch, Writer
from bot.store.system_clock import SystemClock
from bot.store.wake import Hub, LocalWatch

T = TypeVar("T")

READERS = 2

_ENTRIES = (
    "SELECT conversation, pos, side, kind, at, body, ref FROM entry WHERE conversation = ? AND pos > ?"
    " ORDER BY pos LIMIT ?"
)


class SqliteStore:
    """See `bot.ports.Store`. `now` is liveness' clock, which in a test may be driven by hand."""

    def __init__(
        self,
        *,
        write: sqlite3.Connection | None,
        read: Callable[[], sqlite3.Connection] | None,
        lock: FileLock | None,
        clock: Clock,
        log_channels: frozenset[str],
        now: Callable[[], float],
    ) -> None:
        self._hub = Hub()
        self._writer = None if write is None else Writer(write, self._hub)
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
        arriving = Arriving(inbound, control, self._now())
        if inbound.conversation is not None or inbound.address is None:
            return await self._job(arriving.one)
        return await self._job(arriving.one, accept_all, arriving)

    async def change(self, statements: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> tuple[Accepted, ...]:
        """Apply statements and accept inbounds, all or nothing. Raises `Conflict`."""
        parts = (list(statements), list(inbounds))
        return await self._job(lambda con, touch: sqlite_turn.change(con, touch, *parts, self._now()))

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
        return await self._job(lambda con, _: sqlite_turn.claim(con, limit, lease, release, self._now(), until))

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        """Extend the lease. Raises `Fenced`."""
        return await self._drive(turns.renew(claim, lease, held_until(lease)))

    async def checkpoint(self, claim: Claim, work: Work) -> Control | None:
        """Write a part of the turn. Raises `Fenced`, `Conflict`."""
        return await self._job(self._writing(claim, work, 0.0).checkpoint)

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> Claim | None:
        """Write the rest of the turn; the next claim if another inbound waits. Raises `Fenced`, `Conflict`."""
        writing = self._writing(claim, work, lease)
        if work.changes or work.party is not None:
            return await self._job(writing.commit)
        return await self._job(writing.commit, commit_all, writing)

    async def release(self, claim: Claim, *, delay: float, failed: bool = True) -> None:
        """Give the conversation back, ready again in `delay` seconds."""
        await self._drive(turns.release(claim, delay, failed))

    async def claim_outbox(self, limit: int, *, lease: float) -> list[OutboxClaim]:
        """Take the heads of up to `limit` outboxes and mark them as being sent."""
        return await self._drive(outbox.claim_outbox(limit, lease))

    async def sent(self, held: OutboxClaim, *, platform_id: str, at: datetime) -> None:
        """The row was sent. Raises `Fenced`."""
        await self._drive(outbox.sent(held, platform_id, epoch(at)))

    async def unsent(self, held: OutboxClaim, *, delay: float, reason: str, uncertain: bool) -> None:
        """Try again in `delay` seconds. Raises `Fenced`."""
        await self._drive(outbox.unsent(held, delay, reason, uncertain))

    async def dead(self, held: OutboxClaim, *, status: Literal["dead", "expired", "withheld"], reason: str) -> None:
        """The row and the rest of its turn will not be sent. Raises `Fenced`."""
        await self._drive(outbox.dead(held, status, reason, self._at()))

    async def due_timers(self, now: datetime, limit: int = 100) -> int:
        """Turn due timers into inbounds; returns how many."""

        def sweep(con: sqlite3.Connection, touch: Touch) -> int:
            fired = 0
            for conversation, op, at in run(con, turns.due_timers(now, limit), self._now()):
                run(con, turns.fire(conversation, op, at), self._now())
                if con.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,)).fetchone() is None:
                    continue  # The conversation was erased; its timer goes with it.
                inbound = turns.timer_inbound(conversation, op, at, now)
                fired += sqlite_turn.accept(con, touch, inbound, None, self._now()).fresh
            return fired

        return await self._job(sweep)

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """The log behind position `after`, in order."""
        rows = await self._select(lambda con: con.execute(_ENTRIES, (conversation, after, limit)).fetchall())
        return [entry_of(*row) for row in rows]

    async def conversation_of(self, address: Address) -> str:
        """The conversation's id for this address, made if it is new."""
        return await self._drive(turns.conversation_of(address, self._at()))

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
        now = self._now()
        return Writing(
            claim=claim,
            work=work,
            said=said_rows(work.rows, claim.seq),
            log=claim.address.channel in self._log_channels,
            at=self._at(),
            now=now,
            lease_end=now + lease,
            until=held_until(lease),
        )

    def _job(
        self, job: Callable[[sqlite3.Connection, Touch], T], many: Many | None = None, item: Any = None
    ) -> asyncio.Future[T]:
        if self._writer is None:
            raise ReadOnly
        return self._writer.submit(job, many, item)

    def _drive(self, procedure: Procedure[T]) -> asyncio.Future[T]:
        return self._job(lambda con, touch: drive(con, touch, procedure, self._now()))

    async def _select(self, select: Callable[[sqlite3.Connection], T]) -> T:
        if self._readers is None:  # In memory there is one connection, the writer's.
            return await self._job(lambda con, _: select(con))
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


def open_sqlite(
    path: Path | str,
    *,
    clock: Clock | None = None,
    log_channels: frozenset[str] = frozenset(),
    fsync: sqlite_open.Fsync = "full",
    readonly: bool = False,
    now: Callable[[], float] = time.time,
) -> SqliteStore:
    """Open a migrated database, or ":memory:". A reader needs no lock, and its writes raise `ReadOnly`.

    Raises `SchemaBehind`, `StoreLocked`, `StoreUnavailable`. Call it on the event loop.
    """
    make = partial(SqliteStore, clock=clock or SystemClock(), log_channels=log_channels, now=now)
    if str(path) == ":memory:":
        return make(write=sqlite_open.memory(), read=None, lock=None)
    path = Path(path)
    if readonly:
        sqlite_open.reader(path).close()
        return make(write=None, read=partial(sqlite_open.reader, path), lock=None)
    lock = FileLock(path)
    try:
        write = sqlite_open.writer(path, fsync)
    except BaseException:  # Interrupted as well: the lock would else be held by a store that nobody has.
        lock.release()
        raise
    return make(write=write, read=partial(sqlite_open.reader, path), lock=lock)
