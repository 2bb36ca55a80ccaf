"""Runs one process: its web server and its workers, until a signal, then lets everything in flight finish."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiohttp import web

from bot.errors import ParleyError, Permanent
from bot.ports import Sql, Store
from bot.web import Check, Drain

log = logging.getLogger("parley.serving")

RELOAD = 75
"""The exit code of a process that wants to be started anew."""


class AddressInUse(Permanent):
    """The address is taken."""


class WorkerEnded(ParleyError):
    """A worker has stopped, so this process takes no more traffic."""


class Worker(Protocol):
    """A task that runs until it is stopped, and then finishes what it holds."""

    async def run(self) -> None:
        """Work until `stop`."""
        ...

    async def stop(self) -> None:
        """Begin nothing more."""
        ...


class Every:
    """A worker that does one thing every `seconds`. A failure is logged and it goes on."""

    def __init__(self, seconds: float, name: str, work: Callable[[], Awaitable[object]]) -> None:
        self._seconds, self._name, self._work = seconds, name, work
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            try:
                await self._work()
            except Exception as error:  # boundary: one failed sweep must not end the sweeping
                log.error("sweep failed", extra={"sweep": self._name}, exc_info=error)
            try:
                await asyncio.wait_for(self._stopping.wait(), self._seconds)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `AddressInUse` saying what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise AddressInUse(
            f"{host}:{port} cannot be listened on ({error.strerror}). Stop what uses it, or choose another port:"
            f" PARLEY_PORT={port + 1 if 0 < port < 65535 else 8081}."
        ) from None
    listening.setblocking(False)
    return listening


_LOOKED = (
    "INSERT INTO rate (bucket, tokens, held) VALUES ('readiness', 0, :now)"
    " ON CONFLICT (bucket) DO UPDATE SET held = :now"
)


def writable(store: Store) -> Check:
    """The readiness check of a store: whether a message could be accepted. Only a write sees a full disk."""

    async def check() -> str:
        await store.change([Sql(_LOOKED, {"now": await store.database_now()})])
        return "can be written"

    return check


class Process:
    """The life of one process. `stop` may be called from a signal handler.

    `shared`: others accept on the same socket, so a stopping process leaves new connections to them, and still answers
    on those that it has.
    """

    def __init__(self, drain: Drain, *, seconds: float, shared: bool = False) -> None:
        self.drain, self._seconds, self._shared = drain, seconds, shared
        self._ending = asyncio.Event()
        self._code = 0
        self._running: dict[str, asyncio.Task[None]] = {}

    def stop(self, code: int = 0) -> None:
        """Begin to end: refuse what is new, finish what runs."""
        if not self._shared:
            self.drain.begin()
        self._code = self._code or code
        self._ending.set()

    async def workers(self) -> str:
        """The readiness check of the workers. Raises `WorkerEnded`."""
        ended = [name for name, task in self._running.items() if task.done()]
        if ended:
            raise WorkerEnded(", ".join(ended))
        return f"{len(self._running)} running"

    async def serve(
        self,
        app: web.Application,
        listening: socket.socket,
        workers: Mapping[str, Worker],
        *,
        ready: Callable[[], None],
    ) -> int:
        """Serve until `stop`, SIGTERM or SIGINT; returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2.0)
        try:
            await runner.setup()
            site = web.SockSite(runner, listening)
            await site.start()
            for name, worker in workers.items():
                task = asyncio.create_task(worker.run(), name=name)
                task.add_done_callback(self._ended)
                self._running[name] = task
            ready()
            await self._ending.wait()
            if self._shared:
                await site.stop()
            await self._finish(workers)
        finally:
            await runner.cleanup()
        return self._code

    async def _finish(self, workers: Mapping[str, Worker]) -> None:
        """The turns first: their replies still reach the sockets, which are closed last."""
        for worker in workers.values():
            await worker.stop()
        waiting = {task for task in self._running.values() if not task.done()}
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=self._seconds)
            for task in late:
                log.warning("worker cut short", extra={"worker": task.get_name()})
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.drain.finish(within=min(self._seconds, 5.0))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._ending.is_set() or task.cancelled():
            return
        log.critical("worker ended", extra={"worker": task.get_name()}, exc_info=task.exception())
        self.stop(code=1)


class ParentGone:
    """A worker that ends the process when its supervisor is gone, so that no port stays taken by an orphan."""

    def __init__(self, process: Process, parent: int) -> None:
        self._every = Every(1.0, "parent", self._look)
        self._process, self._parent = process, parent
        self.run, self.stop = self._every.run, self._every.stop

    async def _look(self) -> None:
        if os.getppid() != self._parent:
            self._process.stop()
