"""Worker processes of a benchmark, from the parent's side: started, set going together, waited for."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).resolve().parent.parent
LANES = 64


@dataclass(frozen=True, slots=True)
class Worked:
    """What a crew of workers did. Seconds on the clock; CPU seconds and bytes over all of them."""

    accept_s: float
    turns_s: float
    turns: int
    cpu_s: float
    rss: int


class Led:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self, word: str) -> Any:
        """Wait for its word; returns what came with it."""
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode()
        said, _, value = line.strip().partition(" ")
        if said != word:
            raise RuntimeError(f"a worker said {line!r} instead of {word!r}")
        return msgspec.json.decode(value)

    def tell(self, word: str) -> None:
        """Tell it to go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())

    async def end(self) -> None:
        """Let it end."""
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()


@asynccontextmanager
async def crew(
    kind: str, url: str, of: int, conversations: int, messages: int, *, lanes: int = LANES, wait: float = 0.0
) -> AsyncIterator[list[Led]]:
    """`of` workers that share the conversations, ready."""
    workers: list[Led] = []
    try:
        for index in range(of):
            arguments = [kind, url, index, of, conversations, messages, lanes, wait]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "ignore", "-m", "benchmarks._worker", *map(str, arguments),
                cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
            workers.append(Led(process))
        for worker in workers:
            await worker.hear("ready")
        yield workers
    finally:
        for worker in workers:
            await worker.end()


async def work(workers: list[Led], left: Callable[[], Awaitable[int]], *, accept: bool = True) -> Worked:
    """All take their share in, then all run turns until `left` says that none is."""
    accepting = 0.0
    if accept:
        began = time.perf_counter()
        for worker in workers:
            worker.tell("accept")
        for worker in workers:
            await worker.hear("accepted")
        accepting = time.perf_counter() - began
    began = time.perf_counter()
    for worker in workers:
        worker.tell("work")
    await _none(left)
    took = time.perf_counter() - began
    for worker in workers:
        worker.tell("stop")
    ended = [await worker.hear("stopped") for worker in workers]
    return Worked(
        accept_s=accepting,
        turns_s=took,
        turns=sum(one["turns"] for one in ended),
        cpu_s=sum(one["cpu"] for one in ended),
        rss=sum(one["rss"] for one in ended),
    )


async def _none(left: Callable[[], Awaitable[int]]) -> None:
    while True:
        if not await left():
            return
        await asyncio.sleep(0.05)
