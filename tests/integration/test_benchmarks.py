"""The benchmarks run and print what they promise; their figures are never a test."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "accept_per_s", "turns_per_s", "p50_ms", "p99_ms", "us_cpu_per_turn", "replay_commit_per_s",
    "botbuilder_turns_per_s", "ratio_to_botbuilder", "replay_ratio",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_turns_prints_one_json_line(store: str) -> None:
    command = ["-m", "benchmarks.turns", "--store", store, "--conversations", "20", "--rounds", "1", "--json"]
    running = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(running.communicate(), 120)
    assert running.returncode == 0, err.decode()[-2000:]
    lines = out.decode().splitlines()
    assert len(lines) == 1
    figures = msgspec.json.decode(lines[0])
    assert figures.keys() >= KEYS
    assert all(figures[key] for key in KEYS)
