"""Runs a program to its end, its words into a file, and each line to whoever wants to show progress."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nlu.rasa.errors import RasaFailed

SHOWN = 12
"""Last lines that are told of a failure."""
_ENDS = re.compile(rb"[\r\n]+")


def clean(home: Path) -> dict[str, str]:
    """The environment a program of Rasa's gets: nothing of Parley's settings, its own home, no telemetry."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PARLEY_", "PYTHON"))}
    return kept | {
        "HOME": str(home),
        "MPLCONFIGDIR": str(home),
        "RASA_TELEMETRY_ENABLED": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "RASA_MAX_CACHE_SIZE": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
    }


async def run(
    command: Sequence[str | Path],
    log: Path,
    line: Callable[[str], None] = lambda _: None,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run it in the log's folder; raises `RasaFailed` with the end of what it said. Ended with us, if we are."""
    log.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(str(part) for part in command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=log.parent,
        env=None if env is None else dict(env),
    )
    try:
        last = await _told(process, log, line)
        code = await process.wait()
    finally:
        await end(process)
    if code:
        raise RasaFailed("\n  ".join([f"Exit code {code}; all it said is in {log}.", *last]))


async def _told(process: asyncio.subprocess.Process, log: Path, line: Callable[[str], None]) -> list[str]:
    assert process.stdout is not None
    last: list[str] = []
    rest = b""
    with log.open("wb", buffering=0) as out:
        while read := await process.stdout.read(1 << 16):
            out.write(read)
            *whole, rest = _ENDS.split(rest + read)
            for one in (part.decode("utf-8", "replace") for part in whole if part.strip()):
                last = [*last[1 - SHOWN :], one]
                line(one)
    return [*last, rest.decode("utf-8", "replace")] if rest.strip() else last


async def end(process: asyncio.subprocess.Process, seconds: float = 10.0) -> None:
    """Ask it to end, and after `seconds` end it."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
