"""Procrastinate on the same PostgreSQL: its queue and its lock, our turn function, the state in a table beside it.

A message is deferred with its conversation as the lock, so that one conversation's jobs run one at a time, in order. A
job reads the conversation's row, runs the turn, and writes state and replies in one transaction. No log, no dedupe and
no leases of ours: what of that there is, Procrastinate's own tables carry.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import asyncpg
import msgspec
import procrastinate

from benchmarks.turns import body, host, inbound
from bot.bridge import Bridge
from bot.ports import Claim, Store, Work
from bot.turn import Turns

SCHEMA = """
CREATE TABLE IF NOT EXISTS bench_state (conversation TEXT PRIMARY KEY, state BYTEA NOT NULL, done BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS bench_said (
  conversation TEXT, seq BIGINT, n INT, body TEXT, PRIMARY KEY (conversation, seq, n));
"""
_READ = "SELECT state, done FROM bench_state WHERE conversation = $1"
_STATE = (
    "INSERT INTO bench_state VALUES ($1, $2, $3) ON CONFLICT (conversation) DO UPDATE SET state = $2, done = $3"
    " WHERE bench_state.done = $3 - 1"
)
_SAID = "INSERT INTO bench_said VALUES ($1, $2, $3, $4)"


def app_of(url: str) -> procrastinate.App:
    """Procrastinate over this database."""
    return procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=2, max_size=12))


async def prepare(url: str) -> None:
    """Its tables and ours."""
    async with app_of(url).open_async() as app:
        await app.schema_manager.apply_schema_async()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(SCHEMA)
    finally:
        await connection.close()


class _Rows:
    """As much of a store as one turn's commit."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> None:
        """State and replies in one transaction."""
        rows = [(claim.conversation, claim.seq, row.n, msgspec.json.encode(row.said).decode()) for row in work.rows]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_STATE, claim.conversation, work.state, claim.seq)
            await connection.executemany(_SAID, rows)


class Theirs:
    """See `benchmarks._worker.Kind`."""

    def __init__(self, app: procrastinate.App, pool: Any, folder: Path, lanes: int) -> None:
        self._app, self._pool, self._lanes = app, pool, lanes
        made = host(cast(Store, _Rows(pool)), folder)
        self._turns = Turns(made, Bridge(made.dialogs), lanes=lanes)
        self._done = 0
        self._task = app.task(name="turn", queue="turns", pass_context=False)(self._turn)

    async def accept(self, conversation: int, at: int) -> None:
        """See `Kind`."""
        posted = inbound(body(conversation, at))
        raw = body(conversation, at).decode()
        assert posted.address is not None
        await self._task.configure(lock=posted.address.user).defer_async(raw=raw)

    async def _turn(self, raw: str) -> None:
        posted = inbound(raw.encode())
        assert posted.address is not None
        conversation = posted.address.user
        row = await self._pool.fetchrow(_READ, conversation)
        claim = Claim(
            conversation=conversation,
            address=posted.address,
            epoch=1,
            party="bot",
            party_epoch=0,
            state=row["state"] if row else b"{}",
            seq=(row["done"] if row else 0) + 1,
            inbound=posted,
            control=None,
            tries=0,
            person=None,
            case_id=None,
            locale=None,
            last_inbound_at=None,
            held_until=time.monotonic() + 30,
        )
        await self._turns.one(claim)
        self._done += 1

    async def work(self, stopping: asyncio.Event) -> int:
        """See `Kind`."""
        working = asyncio.create_task(
            self._app.run_worker_async(
                queues=["turns"], concurrency=self._lanes, install_signal_handlers=False, fetch_job_polling_interval=0.5
            )
        )
        await stopping.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return self._done


@asynccontextmanager
async def theirs(url: str, folder: Path, lanes: int) -> AsyncIterator[Theirs]:
    """One process of it."""
    app = app_of(url)
    pool = await asyncpg.create_pool(url, min_size=2, max_size=10)
    try:
        made = Theirs(app, pool, folder, lanes)
        async with app.open_async():
            yield made
    finally:
        await pool.close()
