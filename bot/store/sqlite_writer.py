"""Who writes to SQLite: one thread of this process. All orders that wait share one COMMIT."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from queue import SimpleQueue
from typing import Any, Protocol

from bot.errors import StoreUnavailable
from bot.store.sqlite_group import GROUP, Outcome, carry_out
from bot.store.sqlite_orders import Order
from bot.store.wake import Hub

START = 32
"""So many wait at least before the writer is woken within a pass of the loop: it begins while the loop goes on."""


class Writes(Protocol):
    """The one writer of a database."""

    def submit(self, order: Order) -> asyncio.Future[Any]:
        """Queue an order; its outcome, only after the COMMIT that covers it. What is submitted in one pass of the event
        loop goes as few groups."""
        ...

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        ...


class Writer:
    """Carries orders out on a thread of its own. What every order shares with the loop is the interpreter."""

    def __init__(self, connection: sqlite3.Connection, hub: Hub) -> None:
        self._connection = connection
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[list[tuple[Order, asyncio.Future[Any]]] | None] = SimpleQueue()
        self._pending: list[tuple[Order, asyncio.Future[Any]]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="parley-sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, order: Order) -> asyncio.Future[Any]:
        """See `Writes`."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            future.set_exception(StoreUnavailable("The store is closed."))
            return future
        pending = self._pending
        if not pending:
            self._loop.call_soon(self._flush)
        pending.append((order, future))
        if len(pending) >= START:
            self._flush()
        return future

    async def close(self) -> None:
        """See `Writes`."""
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
            outcomes, touched = carry_out(self._connection, [order for order, _ in batch])
            try:
                self._loop.call_soon_threadsafe(self._settle, [future for _, future in batch], outcomes, touched)
            except RuntimeError:  # The loop has gone; nobody is left to be told.
                break
        self._connection.close()

    def _settle(self, futures: list[asyncio.Future[Any]], outcomes: list[Outcome], touched: set[str]) -> None:
        for future, outcome in zip(futures, outcomes, strict=True):
            settle(future, outcome)
        if touched:
            self._hub.touch(touched)


def settle(future: asyncio.Future[Any], outcome: Outcome) -> None:
    """Hand an outcome to whoever still waits for it."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
