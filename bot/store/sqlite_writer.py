"""SQLite's one writer thread. All waiting transactions share one COMMIT; none of them can spoil another."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

from bot.errors import Conflict, Fenced, ParleyError, StoreUnavailable
from bot.store.faults import from_sqlite
from bot.store.wake import Hub

T = TypeVar("T")
Touch = Callable[[str], None]
Job = Callable[[sqlite3.Connection, Touch], T]
Many = Callable[[sqlite3.Connection, Touch, list[Any]], Sequence[Any]]
"""Does what many items ask for, at once and in order. Returns each one's result, or its `Fenced` or `Conflict`."""

_Waiting = tuple[Job[Any], asyncio.Future[Any], Many | None, Any]
_Settled = tuple[asyncio.Future[Any], Any, BaseException | None]

GROUP = 512
"""How many transactions at most share a COMMIT; bounds the wait of the first of them."""

START = 16
"""So many wait at least before the thread is woken within a pass of the loop: it begins while the loop goes on."""


class _NeedsSavepoints(Exception):
    """One of many failed: each is done again by itself."""


class Writer:
    """Runs jobs in order on its own thread; a job's future is settled only after the COMMIT that covers it."""

    def __init__(self, connection: sqlite3.Connection, hub: Hub) -> None:
        self._connection = connection
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[list[_Waiting] | None] = SimpleQueue()
        self._pending: list[_Waiting] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="parley-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T], many: Many | None = None, item: Any = None) -> asyncio.Future[T]:
        """Queue a job. What is submitted in one pass of the event loop goes as few groups.

        `many` does the same for all `item`s of a group at once, before the group's other jobs; `job` does it for this
        one alone, where one of the many has failed.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable("The store is closed."))
            return future
        pending = self._pending
        if not pending:
            self._loop.call_soon(self._flush)
        pending.append((job, future, many, item))
        if len(pending) >= START:
            self._flush()
        return future

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if self._closed:
            return
        self._flush()
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        # The last group's results were scheduled on the loop by the thread that has just ended.
        await asyncio.sleep(0)

    def _flush(self) -> None:
        if self._pending:
            self._queue.put(self._pending)
            self._pending = []

    def _run(self) -> None:
        last = False
        while not last:
            batch = self._queue.get()
            if batch is None:
                break
            while len(batch) < GROUP and not self._queue.empty():
                more = self._queue.get()
                if more is None:
                    last = True
                    break
                batch = batch + more
            touched: set[str] = set()
            try:
                settled = self._group(batch, touched.add, savepoints=False)
            except _NeedsSavepoints:
                self._undo()
                settled = self._group(batch, touched.add, savepoints=True)
            try:
                self._loop.call_soon_threadsafe(self._settle, settled, touched)
            except RuntimeError:  # The loop has gone; nobody is left to be told.
                break
        self._connection.close()

    def _group(self, batch: list[_Waiting], touch: Touch, *, savepoints: bool) -> list[_Settled]:
        connection = self._connection
        settled: list[_Settled] = []
        whole = batch
        try:
            connection.execute("BEGIN IMMEDIATE")
            if not savepoints:
                batch, settled = self._together(batch, touch)
            for job, future, _, _ in batch:
                settled.append(self._guarded(job, future, touch))
            connection.execute("COMMIT")
        except _NeedsSavepoints:
            raise
        except Exception as error:  # The group's boundary: nothing of it stands, so each future fails.
            self._undo()
            meant = from_sqlite(error) if isinstance(error, sqlite3.Error) else error
            text = str(meant.detail) if isinstance(meant, ParleyError) else str(meant)
            return [(future, None, StoreUnavailable(text)) for _, future, _, _ in whole]
        return settled

    def _together(self, batch: list[_Waiting], touch: Touch) -> tuple[list[_Waiting], list[_Settled]]:
        """Do what can be done for many at once; returns the jobs that are left, and what was done."""
        kinds: dict[Many, list[_Waiting]] = {}
        left: list[_Waiting] = []
        for one in batch:
            if one[2] is None:
                left.append(one)
            else:
                kinds.setdefault(one[2], []).append(one)
        settled: list[_Settled] = []
        for many, those in kinds.items():
            try:
                results = many(self._connection, touch, [item for _, _, _, item in those])
            except Exception as error:  # Half of it may be written: the group is done again, one by one.
                raise _NeedsSavepoints from error
            for (_, future, _, _), result in zip(those, results, strict=True):
                failed = isinstance(result, Fenced | Conflict)
                settled.append((future, None, result) if failed else (future, result, None))
        return left, settled

    def _guarded(self, job: Job[Any], future: asyncio.Future[Any], touch: Touch) -> _Settled:
        connection = self._connection
        connection.execute("SAVEPOINT job")
        try:
            settled: _Settled = (future, job(connection, touch), None)
        except Exception as error:  # One job's failure is its caller's, whatever it is; the group goes on.
            if not connection.in_transaction:  # A full disk may end the whole transaction by itself.
                raise
            connection.execute("ROLLBACK TO job")
            settled = (future, None, _meant(error))
        connection.execute("RELEASE job")
        return settled

    def _undo(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:  # SQLite rolls back by itself where it can no longer be told to.
            return

    def _settle(self, settled: list[_Settled], touched: set[str]) -> None:
        for future, value, error in settled:
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        if touched:
            self._hub.touch(touched)


def _meant(error: Exception) -> BaseException:
    return from_sqlite(error) if isinstance(error, sqlite3.Error) else error
