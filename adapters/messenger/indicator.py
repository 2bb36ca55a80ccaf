"""Shows that somebody types while a turn takes its time; quick turns show nothing."""

from __future__ import annotations

import asyncio

from adapters.atwork import AtWork
from adapters.messenger.graph import Graph
from bot.errors import ParleyError
from bot.model import Address


class Typing:
    """One task a person who waits for an answer. Messenger shows it until the answer, or for 20 seconds."""

    def __init__(self, graph: Graph, after: float, at_work: AtWork) -> None:
        self._graph, self._after, self._at_work = graph, after, at_work
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, address: Address) -> None:
        """A message was taken; an answer is on its way."""
        if address.user not in self._tasks:
            task = asyncio.create_task(self._show(address))
            self._tasks[address.user] = task
            task.add_done_callback(lambda _: self._tasks.pop(address.user, None))

    def end(self, address: Address) -> None:
        """The answer is being sent."""
        task = self._tasks.get(address.user)
        if task is not None:
            task.cancel()

    async def _show(self, address: Address) -> None:
        await asyncio.sleep(self._after)
        try:
            if await self._at_work(address):
                await self._graph.send({"recipient": {"id": address.user}, "sender_action": "typing_on"})
        except ParleyError:
            # Best effort: a failure only means that nothing is shown.
            return

    async def close(self) -> None:
        """Show nothing more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
