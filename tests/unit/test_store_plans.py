"""No statement on a message's way, and none at a start, reads a whole table: each finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.turns import accept_all, drain
from bot.store import migrate, open_store, sqlite, sqlite_open
from bot.testing.clock import SetClock

GROWS = ("conversation", "inbound", "outbound", "entry", "seen", "timer")
"""Tables that grow with the customers there are, and what they say."""


@pytest.mark.slow
async def test_every_statement_of_a_turn_finds_its_rows_by_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()

    def heard(opened: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def open_(*given: object) -> sqlite3.Connection:
            con = opened(*given)
            con.set_trace_callback(said.add)
            sqlite_open._no_worker_lives(con)
            return con

        return open_

    url = f"sqlite:///{tmp_path / 'plans.db'}"
    await migrate(url)
    monkeypatch.setattr(sqlite.sqlite_open, "writer", heard(sqlite_open.writer))
    clock = SetClock()
    store = await open_store(url, clock=clock)
    try:
        await accept_all(store, 20, range(3))
        await drain(store, tmp_path, 60)
        for held in await store.claim_outbox(10, lease=10.0):
            await store.sent(held, platform_id="p", at=clock.now())
        await store.due_timers(clock.now() + timedelta(days=1))
    finally:
        await store.close()
    assert len(said) > 40
    whole = re.compile(rf"SCAN ({'|'.join(GROWS)}|[ceio])\b(?! USING)")
    with sqlite3.connect(tmp_path / "plans.db") as con:
        for one in sorted(said):
            if one.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                plan = [str(row[3]) for row in con.execute(f"EXPLAIN QUERY PLAN {one}")]
                assert not [step for step in plan if whole.match(step)], (one[:300], plan)
    con.close()
