"""The measured dialog with one read at a slow backend in each turn."""

from __future__ import annotations

import asyncio
from typing import Protocol

from benchmarks.dialog import number, word
from bot import Convo, dialog


class Backend(Protocol):
    """Answers after a while."""

    async def read(self, *, at: int) -> int:
        """The same number."""
        ...


class Slow:
    """Implements `Backend`: each answer takes `seconds`, and no work of ours."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def read(self, *, at: int) -> int:
        """See `Backend`."""
        await asyncio.sleep(self._seconds)
        return at


@dialog("order", intents=["order"])
async def order(c: Convo, backend: Backend) -> None:
    """As the other one, with a read before each thing it says."""
    await c.do(backend.read, at=1).named("r1")
    size = await c.ask("size", "bench.size", word)
    await c.do(backend.read, at=2).named("r2")
    kind = await c.ask("kind", "bench.kind", word)
    await c.do(backend.read, at=3).named("r3")
    count = await c.ask("count", "bench.count", number)
    await c.do(backend.read, at=4).named("r4")
    if await c.confirm("sure", "bench.sure", size=size, kind=kind, count=count):
        await c.do(backend.read, at=5).named("r5")
        await c.say("bench.done", count=count, kind=kind)
