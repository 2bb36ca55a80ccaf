"""`app.py demo traffic`: customers come to a real server, and its desk has something to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.dev.traffic import STORIES, NoServer, traffic
from tests.browser.site import Site, free_port

pytestmark = [pytest.mark.long]


async def test_customers_come_and_wait_at_the_desk(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.start()
    told: list[str] = []
    try:
        assert await traffic(site.url, 6, 6.0, told.append, seed=1) == 6
        waiting = site.rows("SELECT reason FROM desk_item WHERE state = 'waiting'")
        assert len(waiting) >= 4
        assert {"bereavement", "cannot_pay"} <= {reason for (reason,) in waiting}
    finally:
        await site.stop()
    assert len(told) >= sum(len(story) for story in STORIES[:6])


async def test_without_a_server_it_says_what_to_do() -> None:
    with pytest.raises(NoServer, match="make run"):
        await traffic(f"http://127.0.0.1:{free_port()}", 1, 5.0, lambda _: None, seed=1)
