"""One customer who floods beside a hundred who do not, on a real process: benchmarks.flood, short and long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.flood import run


def kept_out(found: dict[str, Any], seconds: float) -> None:
    """Everything was taken and logged; a burst and half a message a second got turns; it was said once."""
    assert found["flood_not_2xx"] == 0
    assert found["flood_in_the_log"] == found["flood_sent"] > 50
    assert found["flood_turns"] <= 20 + 0.5 * seconds + 5
    assert found["flood_told"] == 1


@pytest.mark.slow
async def test_a_flood_is_taken_kept_and_given_few_turns(tmp_path: Path) -> None:
    found = await run(2.5, 100.0, tmp_path, customers=20, every=1.0)
    kept_out(found, 20.0)
    # On a machine with other things to do; the long test and the benchmark look closer.
    assert found["beside_p95_ms"] <= max(4 * found["alone_p95_ms"], 1000), found


@pytest.mark.long
async def test_a_hundred_quiet_customers_wait_at_most_twice_as_long_beside_a_flood(tmp_path: Path) -> None:
    found = await run(25.0, 200.0, tmp_path)
    kept_out(found, 60.0)
    assert found["beside_p99_ms"] <= max(2 * found["alone_p99_ms"], 50), found
