"""One outbound that became several messages, sent in order, going on after a failure from the part that failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from adapters.render.parts import Part
from bot.ports import OutboxClaim

SendOne = Callable[[Part], Awaitable[str]]
"""Sends one part; returns the platform's message id."""


class Progress:
    """Remembers, in this process, which parts of a row have gone out; a restart forgets, and sends them again.

    A part whose own send ended without an answer is sent again too: whether it arrived, only the platform could tell.
    """

    def __init__(self, kept: int = 10_000) -> None:
        self._kept = kept
        self._sent: OrderedDict[tuple[str, int, int], list[str]] = OrderedDict()

    async def send(self, held: OutboxClaim, parts: Sequence[Part], one: SendOne) -> str:
        """Send the parts that have not been; returns all their ids, joined by commas. Raises what `one` raises."""
        row = held.conversation, held.seq, held.n
        ids = self._sent.setdefault(row, [])
        while len(self._sent) > self._kept:
            self._sent.popitem(last=False)
        for part in parts[len(ids) :]:
            ids.append(await one(part))
        self._sent.pop(row, None)
        return ",".join(ids)

    def know(self, held: OutboxClaim, ids: Sequence[str]) -> None:
        """The platform tells that the row's first parts have gone out, with these ids."""
        row = held.conversation, held.seq, held.n
        if len(ids) > len(self._sent.get(row, ())):
            self._sent[row] = list(ids)

    def sent(self, held: OutboxClaim) -> tuple[str, ...]:
        """The ids of the parts of this row that have gone out so far."""
        return tuple(self._sent.get((held.conversation, held.seq, held.n), ()))
