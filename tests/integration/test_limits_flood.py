"""One customer who floods beside a hundred who do not, on a real process: benchmarks.flood.

The limits themselves are in tests/unit/test_limits.py.
"""

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


@pytest.mark.long
async def test_a_hundred_quiet_customers_wait_at_most_twice_as_long_beside_a_flood(tmp_path: Path) -> None:
    found = await run(25.0, 200.0, tmp_path)
    kept_out(found, 60.0)
    assert found["beside_p99_ms"] <= max(2 * found["alone_p99_ms"], 50), found
