"""One parse process, as its site sees it: started, asked, heard, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from bot.settings import HOME
from nlu import wire
from nlu.errors import ParserGone

START = 120.0
"""Seconds until it reads: an examples file that was changed meanwhile is learnt first."""
CHUNK = 1 << 16
"""Bytes that are taken from the pipe at once."""
_NO_READING = "It answered with something that is no reading."
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Child:
    """A running process that reads."""

    process: asyncio.subprocess.Process
    ready: wire.Ready
    _heard: bytearray = field(default_factory=bytearray, repr=False)

    @classmethod
    async def start(cls, plan: wire.Plan) -> Child:
        """Start one and wait until it reads; raises `ParserGone`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nlu.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=HOME,
            env={**os.environ, **_ONE_THREAD},
        )
        try:
            async with asyncio.timeout(START):
                await _send(process, wire.frame(plan))
                (first,) = await _bodies(process, heard := bytearray())
                return cls(process, wire.ready(first), heard)
        except BaseException as wrong:  # whatever happened, a cancelling included, no process may stay behind
            await _end(process)
            if isinstance(wrong, TimeoutError):
                raise ParserGone(f"It did not read within {START:g} s.") from wrong
            if isinstance(wrong, msgspec.MsgspecError):
                raise ParserGone(_NO_READING) from wrong
            raise

    async def ask(self, asked: Sequence[wire.Ask]) -> None:
        """Hand it a batch; raises `ParserGone`."""
        await _send(self.process, wire.frame(list(asked)))

    def post(self, asked: wire.Ask) -> None:
        """Hand it one message without waiting until the pipe has room: only while few are with it."""
        assert self.process.stdin is not None
        # Whether it was still there is heard, or not, from `answers`.
        with suppress(ConnectionError, RuntimeError):
            self.process.stdin.write(wire.frame([asked]))

    async def answers(self) -> list[wire.Answer]:
        """What it has answered since, one or more; raises `ParserGone`."""
        try:
            return [wire.answer(body) for body in await _bodies(self.process, self._heard)]
        except msgspec.MsgspecError as wrong:
            raise ParserGone(_NO_READING) from wrong

    async def end(self) -> None:
        """End it, at once where it does not go by itself."""
        await _end(self.process)


async def _send(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        await process.stdin.drain()
    except (ConnectionError, RuntimeError) as wrong:
        raise ParserGone() from wrong


async def _bodies(process: asyncio.subprocess.Process, heard: bytearray) -> list[bytes]:
    assert process.stdout is not None
    try:
        while not (bodies := wire.whole(heard)):
            if not (more := await process.stdout.read(CHUNK)):
                raise ParserGone()
            heard += more
        return bodies
    except ConnectionError as wrong:
        raise ParserGone() from wrong
    except ValueError as wrong:
        raise ParserGone(_NO_READING) from wrong


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            # It holds nothing that would have to be put away. Not by its own method, which may take its exit code first
            # and leave the loop's watcher without one.
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    # The pipe's last events are let through, or its transport would be found open later.
    await asyncio.sleep(0)
