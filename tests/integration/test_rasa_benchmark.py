"""The benchmark of understanding runs and prints what it promises; its figures are never a test."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import msgspec
import pytest

from tests import rasa

KEYS = {
    "backend", "p50_ms", "p99_ms", "cpu_ms", "requests_per_s", "requests_per_s_in_flight", "loop_lag_p99_ms", "rss_mb",
    "cold_start_s", "accuracy", "right", "asked", "wrong", "out_of_scope_recall",
}  # fmt: skip

pytestmark = pytest.mark.slow


async def figures(*arguments: str, **settings: str) -> dict[str, Any]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.nlu", "--rounds", "1", "--json", *arguments,
        cwd=rasa.ROOT, env=os.environ | settings, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(running.communicate(), rasa.WITHIN)
    assert running.returncode == 0, err.decode()[-2000:]
    assert len(out.decode().splitlines()) == 1
    found: dict[str, Any] = msgspec.json.decode(out)
    return found


async def test_the_embedded_recogniser_alone() -> None:
    found = await figures("--backend", "embedded")
    assert found["embedded"].keys() >= KEYS
    assert found["sentences"] > 100
    assert set(found["embedded"]["read_in_flight_by"]) <= {"embedded", "hybrid"}


@pytest.mark.long
async def test_both_in_one_run() -> None:
    await asyncio.to_thread(rasa.real)  # environment and model are there
    port = str(rasa.free_port())
    found = await figures("--port", port, PARLEY_NLU__RASA__EPOCHS=str(rasa.EPOCHS))
    assert found["rasa"].keys() >= KEYS and found["embedded"].keys() >= KEYS
    assert set(found["rasa"]["read_in_flight_by"]) == {"rasa"}
    assert {"p50_ratio", "p99_ratio", "cold_start_ratio", "rss_ratio"} <= found.keys()
    # Two and more processors' worth of TensorFlow: if this were not so, something else was measured.
    assert found["rss_ratio"] < 1
