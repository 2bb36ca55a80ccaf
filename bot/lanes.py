"""So many tasks at once: what turns and delivery run in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("parley.lanes")

PAUSE = 0.005
"""Seconds at most that a free lane waits for others to be filled with it, since a claim costs the same for many."""


class Lanes:
    """Runs coroutines, at most `size` at once; the caller looks at `free` before it starts one."""

    def __init__(self, size: int) -> None:
        self.free = size
        self._enough = max(1, size // 4)
        self._room = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it in a free lane. What it raises is logged, and ends it alone."""
        self.free -= 1
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def room(self) -> None:
        """Return when a quarter of the lanes is free, or soon after the first is."""
        self._room.clear()
        await self._room.wait()

    async def finish(self) -> None:
        """Wait for what runs."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.free += 1
        if self.free >= self._enough:
            self._room.set()
        elif self.free == 1:
            asyncio.get_running_loop().call_later(PAUSE, self._room.set)
        if not task.cancelled() and task.exception() is not None:
            log.error("lane failed", exc_info=task.exception())
