"""Shows that somebody types while a turn takes its time; quick turns show nothing."""

from __future__ import annotations

import asyncio

from adapters.atwork import AtWork
from adapters.telegram.client import Client
from bot.errors import ParleyError
from bot.model import Address

_AGAIN = 4.0
"""Telegram shows it for five seconds."""
_TIMES = 4


class Typing:
    """One task a chat that waits for an answer. Best effort: a failure only means that nothing is shown."""

    def __init__(self, client: Client, after: float, at_work: AtWork) -> None:
        self._client, self._after, self._at_work = client, after, at_work
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def begin(self, address: Address) -> None:
        """A message was taken; an answer is on its way."""
        at = (address.user, address.thread)
        if at not in self._tasks:
            task = asyncio.create_task(self._show(address))
            self._tasks[at] = task
            task.add_done_callback(lambda _: self._tasks.pop(at, None))

    def end(self, address: Address) -> None:
        """The answer is being sent."""
        task = self._tasks.get((address.user, address.thread))
        if task is not None:
            task.cancel()

    async def _show(self, address: Address) -> None:
        await asyncio.sleep(self._after)
        try:
            for _ in range(_TIMES):
                if not await self._at_work(address):
                    return
                await self._client.typing(int(address.user), int(address.thread) if address.thread else None)
                await asyncio.sleep(_AGAIN)
        except ParleyError:
            return

    async def close(self) -> None:
        """Show nothing more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
