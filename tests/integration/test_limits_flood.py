"""One customer who floods beside a hundred who do not, on a real process: benchmarks.flood.

The limits themselves are in tests/unit/test_limits.py.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
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


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is room: the disk of a shared machine stands still for a second now and then,
    with a flood and without, and one such second decides a p99."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < 500_000_000:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="parley-flood-", dir=memory) as folder:
        yield Path(folder)


@pytest.mark.long
async def test_a_hundred_quiet_customers_wait_at_most_twice_as_long_beside_a_flood(quick_disk: Path) -> None:
    found = await run(25.0, 200.0, quick_disk)
    kept_out(found, 60.0)
    assert found["beside_p99_ms"] <= max(2 * found["alone_p99_ms"], 50), found
