"""One customer who floods beside a hundred who do not: how long the hundred wait for their answers, with and without.

A real process over SQLite, Telegram's strict fake, the limits at their defaults. A wait is from the webhook's post to
the answer's arrival at the platform.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.hostile import App
from benchmarks.storming.platforms import Telegram, opened

QUIET = 100
FLOODER = 5000
EVERY = 5.0
"""Seconds between a quiet customer's messages."""
LANES = 16


@dataclass
class Waits:
    """Who waits for an answer, and how long they did."""

    telegram: Telegram
    seen: int = 0
    waiting: dict[int, asyncio.Future[float]] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        """Look at what arrives until `done`."""
        while not self.done.is_set():
            messages = self.telegram.fake.chats.messages
            while self.seen < len(messages):
                future = self.waiting.pop(messages[self.seen].chat, None)
                self.seen += 1
                if future is not None and not future.done():
                    future.set_result(time.perf_counter())
            await asyncio.sleep(0.002)

    async def one(self, customer: int, text: str) -> float:
        """Write, and wait for the answer; seconds."""
        chat = int(self.telegram.user(customer))
        arrived = self.waiting[chat] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        status = await self.telegram.post([self.telegram.event(customer, text, 0)], 0)
        if status != 200:
            raise RuntimeError(f"a quiet customer's message was answered {status}")
        return await asyncio.wait_for(arrived, 60) - began


async def quiet(waits: Waits, seconds: float, seed: str, customers: int, every: float) -> list[float]:
    """The hundred, each at their own time; every wait."""

    async def customer(number: int) -> list[float]:
        chance = random.Random(f"{seed}.{number}")
        await asyncio.sleep(chance.random() * every)
        found: list[float] = []
        while time.monotonic() < ends:
            began = time.monotonic()
            found.append(await waits.one(number, "hello"))
            await asyncio.sleep(max(0.0, every - (time.monotonic() - began)))
        return found

    ends = time.monotonic() + seconds
    return [one for found in await asyncio.gather(*map(customer, range(customers))) for one in found]


async def flood(telegram: Telegram, per_s: float, over: asyncio.Event) -> Counter[int]:
    """One customer's messages, so many a second, until it is over; the answers' statuses."""
    statuses: Counter[int] = Counter()
    due = time.monotonic()

    async def lane() -> None:
        nonlocal due
        while not over.is_set():
            due = max(due + 1 / per_s, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            statuses[await telegram.post([telegram.event(FLOODER, "why is my bill so high", 0)], 0)] += 1

    await asyncio.gather(*(lane() for _ in range(LANES)))
    return statuses


async def run(
    seconds: float, per_s: float, folder: Path, *, customers: int = QUIET, every: float = EVERY
) -> dict[str, Any]:
    """Both halves, one after the other; the figures."""
    # A fake whose caller is ended in mid-request says so at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    async with opened(0.0, 1) as platforms, App(folder, platforms) as app:
        platforms.connect(app.url)
        waits, over = Waits(platforms.telegram), asyncio.Event()
        watching = asyncio.create_task(waits.watch())
        await asyncio.gather(*(waits.one(number, "hello") for number in range(customers)))
        alone = await quiet(waits, seconds, "alone", customers, every)
        flooding = asyncio.create_task(flood(platforms.telegram, per_s, over))
        beside = await quiet(waits, seconds, "beside", customers, every)
        over.set()
        statuses = await flooding
        waits.done.set()
        await watching
        await asyncio.sleep(2.0)
    return {
        "quiet_customers": customers,
        "quiet_messages": len(alone) + len(beside),
        **{f"alone_p{p}_ms": _ms(alone, p) for p in (50, 95, 99)},
        **{f"beside_p{p}_ms": _ms(beside, p) for p in (50, 95, 99)},
        "ratio_p99": round(_ms(beside, 99) / _ms(alone, 99), 2),
        "flood_sent": statuses.total(),
        "flood_per_s": round(statuses.total() / (seconds + every)),
        "flood_not_2xx": statuses.total() - statuses[200],
        **_kept(folder / "parley.db", platforms.telegram.user(FLOODER)),
    }


def _kept(database: Path, user: str) -> dict[str, int]:
    counts = {
        "flood_in_the_log": "SELECT count(*) FROM entry e JOIN conversation c ON c.id = e.conversation"
        " WHERE c.user_id = ? AND e.side = 'customer'",
        "flood_turns": "SELECT count(*) FROM inbound i JOIN conversation c ON c.id = i.conversation"
        " WHERE c.user_id = ? AND i.kind = 'message'",
        "flood_told": "SELECT count(*) FROM inbound i JOIN conversation c ON c.id = i.conversation"
        " WHERE c.user_id = ? AND i.kind = 'signal'",
    }
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as con:
        return {name: int(con.execute(text, (user,)).fetchone()[0]) for name, text in counts.items()}


def _ms(waits: list[float], percent: int) -> float:
    return round(sorted(waits)[min(len(waits) - 1, len(waits) * percent // 100)] * 1000, 1)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each half")
    parser.add_argument("--per-s", type=float, default=200.0, help="messages a second of the one who floods")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-flood-") as folder:
        found = asyncio.run(run(asked.seconds, asked.per_s, Path(folder)))
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for name, value in found.items():
            print(f"{name:>20}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
