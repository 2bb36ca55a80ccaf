"""The benchmarks run and print what they promise; their figures are never a test."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks._page import page, picture
from benchmarks.bench import PARTS, Part, run

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


def test_a_part_that_was_not_taken_is_said_to_be_missing() -> None:
    machine = {"processor": "P", "cores": 2, "memory_gb": 8, "python": "3.11", "commit": "c", "rounds": "short rounds"}
    storm = {"lost": 0, "twice": 0, "reordered": 0, "events": 20, "users": 2, "ack_p99_ms": 5.0, "code": 0}
    found = {"machine": machine, "storm": storm, "flood": {"error": "took more than 240 s"}}
    commands = {part.name: part.command(full=False) for part in PARTS}
    shown = page(found, commands)
    assert "| a storm of 20 events from 2 customers, one kill -9 | 0 lost, 0 twice, 0 out of order |" in shown
    assert "- Not taken: `python -m benchmarks.flood --seconds 25` (took more than 240 s)" in shown
    assert shown.count("- Not taken: ") == len(PARTS) - 1
    assert "Under fire" not in shown
    assert picture(found).startswith("<svg")


def test_a_part_that_fails_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(Part("none", "no_such_benchmark", (), ()), full=False) == {"error": "ended with 1"}
    monkeypatch.setattr("benchmarks.bench.LONGEST", 0.2)
    assert run(Part("slow", "storm", ("--events", "5"), ()), full=False) == {"error": "took more than 0 s"}
