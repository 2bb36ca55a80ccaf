"""What grows with what: stored conversations, workers, idle conversations. Medians of `--rounds` rounds.

`stored`: the same messages to conversations of a database that holds few and one that holds many, each with its
message, answer, log and dedupe key; `cost` is time over time. `workers`: turns a second of one and of two processes on
one PostgreSQL, bound by the processor as found, and with 20 ms of a backend's waiting in each turn at as many turns at
once as `--lanes`. `memory`: how much a process grows by 10,000 conversations that have had their say and are idle.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from benchmarks._led import LANES, Worked, crew, work
from benchmarks._postgres import server
from bot.store import migrate

WAITING = 0.02
"""Seconds a backend takes in each turn."""
_LEFT = "SELECT COUNT(*) FROM conversation WHERE due IS NOT NULL"

Left = Callable[[], Awaitable[int]]

_COLUMNS = "conversation (id, brand, connection, channel, kind, user_id, thread, state, seq, done, pos, created_at)"
_SEED = (
    f"INSERT INTO {_COLUMNS} SELECT 's' || n, 'bench', 'bench', 'bench', 'private', 'u' || n, '', {{empty}}, 1, 1, 2, 0"
    " FROM {numbers}",
    "INSERT INTO inbound (conversation, seq, kind, key, text, data, at) SELECT 's' || n, 1, 'message', 'k' || n,"
    " 'why is my bill higher?', '{{}}', 0 FROM {numbers}",
    "INSERT INTO outbound (conversation, seq, n, purpose, status, body, created_at, sent_at) SELECT 's' || n, 1, 0,"
    " 'reply', 'sent', '{{\"text\":\"Your bill is higher because of roaming.\"}}', 0, 0 FROM {numbers}",
    "INSERT INTO entry (conversation, pos, side, kind, body, ref, at) SELECT 's' || n, p, CASE p WHEN 1 THEN 'customer'"
    " ELSE 'bot' END, 'message', '{{\"text\":\"why is my bill higher?\"}}', p, 0 FROM {numbers}"
    " CROSS JOIN (SELECT 1 AS p UNION ALL SELECT 2) AS places",
    "INSERT INTO seen (connection, key_hash, at) SELECT 'bench', {hash}, 0 FROM {numbers}",
)


@asynccontextmanager
async def sqlite(stored: int) -> AsyncIterator[tuple[str, Left]]:
    """A SQLite file that holds so many conversations."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        url = f"sqlite:///{folder}/bench.db"
        await migrate(url)
        await asyncio.to_thread(_seed_sqlite, f"{folder}/bench.db", stored)
        connection = sqlite3.connect(f"file:{folder}/bench.db?mode=ro", uri=True, check_same_thread=False)

        async def left() -> int:
            found: int = connection.execute(_LEFT).fetchone()[0]
            return found

        try:
            yield url, left
        finally:
            connection.close()


def _seed_sqlite(path: str, stored: int) -> None:
    connection = sqlite3.connect(path)
    try:
        # The file must be full; how it became so is not measured.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TEMP TABLE numbers AS WITH RECURSIVE g(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM g"
                           f" WHERE n < {stored - 1}) SELECT n FROM g")  # fmt: skip
        for statement in _SEED:
            connection.execute(statement.format(empty="x'7b7d'", numbers="numbers", hash="randomblob(32)"))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


@asynccontextmanager
async def postgres(stored: int) -> AsyncIterator[tuple[str, Left]]:
    """A PostgreSQL database that holds so many conversations."""
    async with server(max_wal_size="'4GB'") as running, running.database() as url:
        connection = await asyncpg.connect(url)

        async def left() -> int:
            found: int = await connection.fetchval(_LEFT)
            return found

        try:
            if stored:
                numbers = f"generate_series(0, {stored - 1}) AS g(n)"
                for statement in _SEED:
                    hashed = "sha256(n::text::bytea)"
                    await connection.execute(statement.format(empty="'{}'::bytea", numbers=numbers, hash=hashed))
                await connection.execute("VACUUM ANALYZE")
            yield url, left
        finally:
            await connection.close()


DATABASES = {"sqlite": sqlite, "postgres": postgres}


async def pipeline(
    store: str,
    stored: int,
    conversations: int,
    *,
    messages: int = 5,
    workers: int = 1,
    lanes: int = LANES,
    wait: float = 0.0,
) -> Worked:
    """So many messages to each conversation, taken in and worked off."""
    async with AsyncExitStack() as stack:
        url, left = await stack.enter_async_context(DATABASES[store](stored))
        led = await stack.enter_async_context(
            crew("ours", url, workers, conversations, messages, lanes=lanes, wait=wait)
        )
        return await work(led, left)


async def stored(store: str, few: int, many: int, conversations: int, rounds: int) -> dict[str, Any]:
    """Few against many."""
    costs, rates = [], []
    for _ in range(rounds):
        small = await pipeline(store, few, conversations)
        large = await pipeline(store, many, conversations)
        costs.append((large.accept_s + large.turns_s) / (small.accept_s + small.turns_s))
        rates.append((_rate(small), _rate(large)))
    return {
        "few": few,
        "many": many,
        "few_turns_per_s": round(statistics.median(one for one, _ in rates)),
        "many_turns_per_s": round(statistics.median(one for _, one in rates)),
        "cost": round(statistics.median(costs), 3),
    }


def _rate(done: Worked) -> float:
    return done.turns / (done.accept_s + done.turns_s)


async def workers(conversations: int, lanes: int, most: int, rounds: int) -> dict[str, Any]:
    """One process against more, as found and with a waiting backend."""
    found: dict[str, Any] = {"lanes": lanes}
    for name, wait, at_once in (("cpu", 0.0, LANES), ("waiting", WAITING, lanes)):
        rates: dict[int, list[float]] = {count: [] for count in range(1, most + 1)}
        for _ in range(rounds):
            for count, seen in rates.items():
                done = await pipeline("postgres", 0, conversations, workers=count, lanes=at_once, wait=wait)
                seen.append(done.turns / done.turns_s)
        found[f"{name}_turns_per_s"] = {str(count): round(statistics.median(seen)) for count, seen in rates.items()}
        pairs = zip(rates[1], rates[2], strict=True)
        found[f"{name}_gain"] = round(statistics.median(two / one for one, two in pairs), 2)
    return found


async def memory(store: str, rounds: int) -> dict[str, Any]:
    """Bytes a process grows by, for 10,000 conversations."""
    grown = []
    for _ in range(rounds):
        # Of one message each: how much they say makes no difference to a process that has forgotten them.
        small, large = await pipeline(store, 0, 1_000, messages=1), await pipeline(store, 0, 11_000, messages=1)
        grown.append(large.rss - small.rss)
    return {"mb_per_10000_idle": round(statistics.median(grown) / 1e6, 1)}


async def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Everything asked for."""
    made: dict[str, Any] = {"store": given.store, "rounds": given.rounds, "cores": os.cpu_count()}
    if "stored" in given.parts:
        made["stored"] = await stored(given.store, given.few, given.many, given.conversations, given.rounds)
    if "workers" in given.parts:
        made["workers"] = await workers(given.conversations, given.lanes, given.workers, given.rounds)
    if "memory" in given.parts:
        made["memory"] = await memory(given.store, given.rounds)
    return made


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="postgres")
    parser.add_argument("--parts", nargs="*", default=["stored", "workers", "memory"])
    parser.add_argument("--few", type=int, default=1_000, help="stored conversations")
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--conversations", type=int, default=1_000, help="that five messages each are sent to")
    parser.add_argument("--workers", type=int, default=2, help="processes at most")
    parser.add_argument("--lanes", type=int, default=16, help="turns at once in a process whose backend waits")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.conversations > given.few:
        parser.error("--few holds at least --conversations.")
    warnings.simplefilter("ignore")
    made = asyncio.run(measured(given))
    if given.json:
        print(msgspec.json.encode(made).decode())
    else:
        print(msgspec.json.format(msgspec.json.encode(made)).decode())


if __name__ == "__main__":
    main()
