"""Hostile input to every edge of a real process: benchmarks.hostile, a little of it and much of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.hostile import hostile


def withstood(found: dict[str, Any]) -> None:
    """Not one 5xx, hang or unforeseen error, and the next customer is answered."""
    assert (found["responses_5xx"], found["hangs"], found["failures_logged"]) == (0, 0, 0), found
    assert 0 <= found["answered_after_s"] < 30
    assert found["statuses"]["2xx"] > found["sent"] / 5
    assert found["statuses"]["4xx"] > found["sent"] / 5


@pytest.mark.slow
async def test_some_hostile_input_is_withstood(tmp_path: Path) -> None:
    withstood(await hostile(600, 11, tmp_path))


@pytest.mark.long
async def test_much_hostile_input_is_withstood_in_the_same_memory(tmp_path: Path) -> None:
    found = await hostile(20_000, 12, tmp_path)
    withstood(found)
    assert found["mb_growth"] < 20, found
