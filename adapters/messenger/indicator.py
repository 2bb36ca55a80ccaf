"""Shows that somebody types while a turn takes its time; quick turns show nothing."""

from __future__ import annotations

from adapters.atwork import AtWork
from adapters.messenger.graph import Graph
from adapters.waiting import Waiting
from bot.errors import ParleyError
from bot.model import Address


class Typing(Waiting):
    """Messenger shows it until the answer, or for 20 seconds."""

    def __init__(self, graph: Graph, after: float, at_work: AtWork) -> None:
        super().__init__(after, self._type)
        self._graph, self._at_work = graph, at_work

    async def _type(self, address: Address) -> None:
        try:
            if await self._at_work(address):
                await self._graph.send({"recipient": {"id": address.user}, "sender_action": "typing_on"})
        except ParleyError:
            # Best effort: a failure only means that nothing is shown.
            return
