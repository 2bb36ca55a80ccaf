"""Who writes to SQLite: a process of its own, so that the event loop and the writer do not share an interpreter."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

from bot.errors import StoreUnavailable
from bot.observe import logger
from bot.store import sqlite_wire
from bot.store.sqlite_open import Fsync
from bot.store.sqlite_orders import Order
from bot.store.sqlite_writer import START, settle
from bot.store.wake import Hub

log = logger("parley.store")

CHUNK = 1 << 18
"""Bytes that are read at once."""
AGAIN = 1.0
"""Seconds until the next start, where a writer ended before it had answered anything."""
ROOT = Path(__file__).resolve().parents[2]


class WriterApart:
    """See `sqlite_writer.Writes`. A writer that ends unasked fails what waits for it with `StoreUnavailable`, for
    nobody knows whether it stands, and is started anew. It ends with this process, however that ends."""

    def __init__(self, database: Path, fsync: Fsync, hub: Hub, lock: int) -> None:
        self._command = (sys.executable, "-m", "bot.store.sqlite_child", str(database.resolve()), fsync)
        self._hub, self._lock = hub, lock
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        """Of every order that has no answer yet, in the order in which they were given."""
        self._frames: list[bytes] = []
        self._heard, self._unsent = bytearray(), bytearray()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._line: socket.socket | None = None
        self._start()

    def submit(self, order: Order) -> asyncio.Future[Any]:
        """See `Writes`."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed or self._line is None:
            future.set_exception(StoreUnavailable("The store is closed." if self._closed else "Its writer has ended."))
            return future
        try:
            frame = sqlite_wire.order(order)
        except Exception as error:  # A value that cannot be written is this order's own failure, whatever it is.
            future.set_exception(error)
            return future
        frames = self._frames
        if not frames:
            self._loop.call_soon(self._flush)
            self._idle.clear()
        frames.append(frame)
        self._waiting.append(future)
        if len(frames) >= START:
            self._flush()
        return future

    async def close(self) -> None:
        """See `Writes`."""
        if self._closed:
            return
        self._flush()
        self._closed = True
        await self._idle.wait()
        if self._line is not None:
            self._hang_up()
            await asyncio.to_thread(self._process.wait)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            # The lock is theirs as well: no other store opens the database before the last group has ended.
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self._lock),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._line, self._answered = ours, False
        self._loop.add_reader(ours, self._readable)

    def _flush(self) -> None:
        if not self._frames:
            return
        data = b"".join(self._frames)
        self._frames.clear()
        if self._unsent:
            self._unsent += data
        else:
            self._send(data)

    def _send(self, data: bytes | bytearray) -> None:
        assert self._line is not None
        try:
            done = self._line.send(data)
        except BlockingIOError:
            done = 0
        except OSError:  # Its end is heard by the reader, who settles everything.
            return
        if done < len(data):
            self._unsent[:] = data[done:]
            self._loop.add_writer(self._line, self._writable)
        elif self._unsent:
            self._unsent.clear()

    def _writable(self) -> None:
        assert self._line is not None
        self._loop.remove_writer(self._line)
        self._send(bytes(self._unsent))

    def _readable(self) -> None:
        assert self._line is not None
        try:
            more = self._line.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._lost()
            return
        self._heard += more
        for body in sqlite_wire.bodies(self._heard):
            outcomes, touched = sqlite_wire.answered(body)
            self._answered = True
            for outcome in outcomes:
                settle(self._waiting.popleft(), outcome)
            self._hub.touch(touched)
        if not self._waiting:
            self._idle.set()

    def _lost(self) -> None:
        self._process.kill()
        code = self._process.wait()
        self._hang_up()
        log.error("database writer ended", code=code, waiting=len(self._waiting))
        self._frames.clear()
        while self._waiting:
            settle(
                self._waiting.popleft(), StoreUnavailable("Its writer has ended; whether this was written is unknown.")
            )
        self._idle.set()
        if self._answered:
            self._again()
        else:
            self._loop.call_later(AGAIN, self._again)

    def _again(self) -> None:
        if self._closed:
            return
        try:
            self._start()
        except OSError as error:  # No room for another process now; nothing can be written until there is.
            log.error("database writer cannot start", error=error.strerror)
            self._loop.call_later(AGAIN, self._again)

    def _hang_up(self) -> None:
        assert self._line is not None
        self._loop.remove_reader(self._line)
        self._loop.remove_writer(self._line)
        self._line.close()
        self._line = None
        self._heard.clear()
        self._unsent.clear()
