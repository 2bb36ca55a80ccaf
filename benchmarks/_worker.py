"""One worker process of a benchmark, led by its parent line by line (`benchmarks._led`).

`python -m benchmarks._worker KIND URL INDEX OF CONVERSATIONS MESSAGES LANES WAIT`

KIND is `ours` or `procrastinate`. It says `ready`; at `accept` it takes in its share of the messages and says
`accepted`; at `work` it runs turns until `stop`, and says `stopped`, its turns, its CPU seconds and its memory.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

from benchmarks.turns import CHANNEL, body, host, inbound
from bot.bridge import Bridge
from bot.ports import Store
from bot.store import open_store
from bot.tuning import tune
from bot.turn import Turns

Say = Callable[..., None]


class Kind(Protocol):
    """What is measured: takes messages in, and works them off."""

    async def accept(self, conversation: int, at: int) -> None:
        """Take one message in."""
        ...

    async def work(self, stopping: asyncio.Event) -> int:
        """Run turns until told to stop; returns how many."""
        ...


class Ours:
    """Our store and our turns."""

    def __init__(self, store: Store, folder: Path, lanes: int, wait: float) -> None:
        self._store = store
        self.done = 0
        made = host(store, folder, wait=wait)
        self._turns = Turns(made, Bridge(made.dialogs), lanes=lanes, observer=self)

    async def accept(self, conversation: int, at: int) -> None:
        """See `Kind`."""
        await self._store.accept(inbound(body(conversation, at)))

    async def work(self, stopping: asyncio.Event) -> int:
        """See `Kind`."""
        running = asyncio.create_task(self._turns.run())
        await stopping.wait()
        await self._turns.stop()
        await running
        return self.done

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        self.done += 1

    def failed(self, error: str, *, parked: bool) -> None:
        """A failed turn makes the figures worthless."""
        raise RuntimeError(error)


@asynccontextmanager
async def _kind(name: str, url: str, lanes: int, wait: float) -> AsyncIterator[Kind]:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        if name == "procrastinate":
            from benchmarks._procrastinate import theirs

            async with theirs(url, Path(folder), lanes) as made:
                yield made
            return
        store = await open_store(url, log_channels=frozenset({CHANNEL}), writer="process")
        try:
            yield Ours(store, Path(folder), lanes, wait)
        finally:
            await store.close()


async def lead(name: str, url: str, numbers: list[int], wait: float) -> None:
    """Do as the parent says."""
    index, of, conversations, messages, lanes = numbers
    loop = asyncio.get_running_loop()

    async def told() -> str:
        line: str = await loop.run_in_executor(None, sys.stdin.readline)
        return line.strip()

    async with _kind(name, url, lanes, wait) as kind:
        tune()
        _say("ready")
        while (word := await told()) == "accept":
            began = time.perf_counter()
            await _accept(kind.accept, range(index, conversations, of), messages)
            _say("accepted", time.perf_counter() - began)
        if word != "work":
            return
        stopping = asyncio.Event()
        cpu = time.process_time()
        working = asyncio.create_task(kind.work(stopping))
        await told()
        spent = time.process_time() - cpu
        stopping.set()
        turns = await working
        _say("stopped", {"turns": turns, "cpu": spent, "rss": _rss(), "peak": _peak()})


async def _accept(accept: Callable[[int, int], Awaitable[None]], mine: range, messages: int, lanes: int = 64) -> None:
    async def lane(first: int) -> None:
        for at in range(messages):
            for conversation in mine[first::lanes]:
                await accept(conversation, at)

    await asyncio.gather(*(lane(first) for first in range(lanes)))


def _rss() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _say(word: str, value: Any = None) -> None:
    print(word, msgspec.json.encode(value).decode(), flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    kind, address, *numbers, waits = sys.argv[1:]
    asyncio.run(lead(kind, address, [int(one) for one in numbers], float(waits)))
