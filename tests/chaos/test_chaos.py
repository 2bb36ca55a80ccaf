"""The promises under fire, on real processes: `python -m benchmarks.chaos`, short, and long."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.postgres import required

ROOT = Path(__file__).resolve().parents[2]
NOTHING = ("lost", "twice", "reordered", "effects_twice", "falsely_done", "unknown_open", "unsent", "stuck")
PROMISES = ("never-lost", "turn-once", "effects-once")


async def chaos(*arguments: str, within: float) -> dict[str, Any]:
    """The figures of a run that broke no promise."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.chaos", *arguments, "--json",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await asyncio.wait_for(running.communicate(), within)
    finally:
        if running.returncode is None:
            running.terminate()
            await running.wait()
    assert running.returncode == 0, (out + err).decode()[-6000:]
    figures: dict[str, Any] = msgspec.json.decode(out)
    assert {name: figures[name] for name in NOTHING} == dict.fromkeys(NOTHING, 0)
    assert figures["settled"]
    return figures


@pytest.mark.slow
@pytest.mark.promise(*PROMISES)
async def test_sqlite_under_kills() -> None:
    figures = await chaos("--store", "sqlite", "--kills", "5", "--freezes", "0", "--customers", "6", within=180)
    assert figures["kills"] == 5
    assert figures["messages"] >= 20
    assert figures["recovery_p50_s"] > 0, "nobody waited when a worker was killed"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.promise(*PROMISES)
async def test_postgres_under_kills_and_a_restart() -> None:
    required()
    arguments = ("--store", "postgres", "--kills", "4", "--freezes", "0", "--restarts", "1", "--customers", "6")
    figures = await chaos(*arguments, within=240)
    assert (figures["kills"], figures["restarts"]) == (4, 1)
    assert figures["messages"] >= 20


@pytest.mark.long
@pytest.mark.promise(*PROMISES)
async def test_sqlite_under_many_kills() -> None:
    """Fewer than the benchmark's 200, which take six minutes by themselves."""
    figures = await chaos("--store", "sqlite", "--kills", "50", "--freezes", "1", "--pause", "0.15", within=900)
    assert (figures["kills"], figures["freezes"]) == (50, 1)


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.promise(*PROMISES)
async def test_postgres_under_many_kills_and_restarts() -> None:
    """Fewer than the benchmark's 200 and 20, which take twelve minutes by themselves."""
    required()
    figures = await chaos("--store", "postgres", "--kills", "40", "--restarts", "4", "--pause", "0.15", within=900)
    assert (figures["kills"], figures["restarts"]) == (40, 4)


@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.promise(*PROMISES)
async def test_rolling_restarts_under_kills() -> None:
    required()
    arguments = ("--store", "postgres", "--kills", "10", "--freezes", "0", "--renewals", "4", "--workers", "3")
    figures = await chaos(*arguments, "--pause", "1.0", within=400)
    assert (figures["kills"], figures["renewals"]) == (10, 4)
