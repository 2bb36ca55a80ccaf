"""Chats that wait for an answer: whoever waits long is shown that somebody types."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bot.model import Address

Show = Callable[[Address], Coroutine[Any, Any, None]]
"""Shows it, for as long as its platform allows; cancelled once the answer is on its way."""


class Waiting:
    """One timer a chat, and a task only for one whose turn takes its time: `show` begins after `after` seconds."""

    def __init__(self, after: float, show: Show) -> None:
        self._after, self._show = after, show
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def begin(self, address: Address) -> None:
        """A message was taken; an answer is on its way."""
        at = (address.user, address.thread)
        if at not in self._timers and at not in self._tasks:
            self._timers[at] = asyncio.get_running_loop().call_later(self._after, self._late, at, address)

    def end(self, address: Address) -> None:
        """The answer is being sent."""
        at = (address.user, address.thread)
        timer, task = self._timers.pop(at, None), self._tasks.get(at)
        if timer is not None:
            timer.cancel()
        if task is not None:
            task.cancel()

    def _late(self, at: tuple[str, str], address: Address) -> None:
        del self._timers[at]
        task = self._tasks[at] = asyncio.create_task(self._show(address))
        task.add_done_callback(lambda _: self._tasks.pop(at, None))

    async def close(self) -> None:
        """Show nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
