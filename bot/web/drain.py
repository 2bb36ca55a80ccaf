"""Going down without dropping anything: refuse what is new, finish what runs, say goodbye to sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Closer = Callable[[], Awaitable[None]]


class Drain:
    """The state of one process's web side. `begin` on SIGTERM, then `finish`, then the server may stop."""

    def __init__(self) -> None:
        self.draining = False
        self.running = 0
        """Requests being answered now; sockets do not count, they are closed by their closers."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._closers: list[Closer] = []

    def on_finish(self, closer: Closer) -> None:
        """Have `closer` called when draining: it closes its sockets."""
        self._closers.append(closer)

    def begin(self) -> None:
        """Refuse new requests from now on; `/readyz` says so. Safe to call twice, and from a signal handler."""
        self.draining = True

    def enter(self) -> None:
        """A request began."""
        self.running += 1
        self._idle.clear()

    def leave(self) -> None:
        """A request ended."""
        self.running -= 1
        if self.running == 0:
            self._idle.set()

    async def finish(self, within: float) -> bool:
        """Close sockets and wait for the running requests, `within` seconds at most; True if none was left."""
        self.begin()
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*(closer() for closer in self._closers))
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
