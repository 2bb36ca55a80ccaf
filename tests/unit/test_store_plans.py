"""No statement on a message's way, and none at a start, reads a whole table: each finds its rows by an index."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.turns import accept_all, drain
from bot.script.catalogue import Services
from bot.script.settling import Settling
from bot.settings import DeskSettings
from bot.store import migrate, open_store, sqlite_open
from bot.testing.clock import SetClock
from desk.acts import Acts
from desk.brand_acts import OwnActs
from desk.builtin import BuiltInDesk
from desk.hours import hours_of
from desk.staff import Staff
from desk.sweep import Sweep

WHOLE = re.compile(r"SCAN (conversation|inbound|outbound|entry|seen|timer|effect|desk_item|[ceiox])\b(?! USING)")
"""Tables that grow with the customers there are and what they say, and the letters that stand for them."""


def listen(monkeypatch: pytest.MonkeyPatch, said: set[str]) -> None:
    """Have every connection opened from now on tell what it runs."""

    def heard(opened: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def open_(*given: object) -> sqlite3.Connection:
            con = opened(*given)
            con.set_trace_callback(said.add)
            return con

        return open_

    for name in ("writer", "reader"):
        monkeypatch.setattr(sqlite_open, name, heard(getattr(sqlite_open, name)))


def by_index(database: Path, said: set[str]) -> None:
    """Each of these finds its rows by an index."""
    con = sqlite3.connect(database)
    try:
        for one in sorted(said):
            if one.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH")):
                plan = [str(row[3]) for row in con.execute(f"EXPLAIN QUERY PLAN {one}")]
                assert not [step for step in plan if WHOLE.match(step)], (one[:300], plan)
    finally:
        con.close()


@pytest.mark.slow
async def test_every_statement_of_a_turn_finds_its_rows_by_an_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()
    database = tmp_path / "plans.db"
    await migrate(f"sqlite:///{database}")
    listen(monkeypatch, said)
    clock = SetClock()
    store = await open_store(f"sqlite:///{database}", clock=clock)
    try:
        await accept_all(store, 20, range(3))
        await drain(store, tmp_path, 60)
        for held in await store.claim_outbox(10, lease=10.0):
            await store.sent(held, platform_id="p", at=clock.now())
        await store.due_timers(clock.now() + timedelta(days=1))
    finally:
        await store.close()
    assert len(said) > 40
    con = sqlite3.connect(database, isolation_level=None)
    try:
        con.set_trace_callback(said.add)
        sqlite_open._no_worker_lives(con)
    finally:
        con.close()
    by_index(database, said)


async def test_so_does_what_is_done_every_second_and_every_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()
    database, clock = tmp_path / "plans.db", SetClock()
    await migrate(f"sqlite:///{database}")
    listen(monkeypatch, said)
    store = await open_store(f"sqlite:///{database}", clock=clock)
    try:
        settings = DeskSettings()
        desk, staff = BuiltInDesk(settings, hours_of(settings)), Staff(store, clock, settings, b"s" * 32)
        acts = Acts(store, clock, settings, OwnActs(store), credits=False)
        await Sweep(store, clock, desk, staff, acts).once()
        await Settling(store, clock, Services({})).once()
    finally:
        await store.close()
    assert len(said) > 8
    assert any("claimed_at - waiting_since" in one for one in said)
    by_index(database, said)
