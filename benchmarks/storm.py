"""A storm over the three push channels: `python -m benchmarks.storm --events 10000 --users 200 --json`.

A real process of the app stands between strict platforms of this machine: duplicates (Slack's under new event ids and
without a retry's header), batches, disorder, 1 % of sends answered 5xx (done, or not done), and one kill -9 with a
restart half-way. The exit code is 1 where anything was lost, handled twice, answered twice where the platform can tell,
or answered out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks.storming.app import App
from benchmarks.storming.platforms import Platforms, opened
from benchmarks.storming.verdict import Verdict
from benchmarks.storming.weather import Log, disorderly, lanes

SHARES = {"telegram": 0.2, "slack": 0.4, "messenger": 0.4}
"""Of the customers. Telegram takes 30 messages a second from a bot over all chats, so it gets the fewest."""
_BUSY = "SELECT count(*) FROM conversation WHERE done < seq"
_UNSENT = "SELECT count(*) FROM outbound WHERE status IN ('queued', 'sending')"
_ACCEPTED = (
    "SELECT c.channel, c.user_id, i.text FROM inbound i JOIN conversation c ON c.id = i.conversation"
    " ORDER BY i.conversation, i.seq"
)
_ENDED = "SELECT status, count(*) FROM outbound GROUP BY status"


class TookTooLong(Exception):
    """The app did not get done in time."""


async def storm(events: int, users: int, *, seed: int = 1, faults: float = 0.01, kill: bool = True) -> dict[str, Any]:
    """Run it; returns the figures. Raises `TookTooLong`, `NotReady`."""
    # Requests that the killed process had under way end without a word; that is no news here.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    chance, log = random.Random(seed), Log()
    customers = {name: max(1, round(users * share)) for name, share in SHARES.items()}
    each = max(1, round(events / sum(customers.values())))
    total = each * sum(customers.values())
    with tempfile.TemporaryDirectory(prefix="parley-storm-") as folder:
        async with opened(faults, seed) as platforms:
            app = App(Path(folder), platforms)
            try:
                start = await app.start()
                platforms.connect(app.url)
                began = time.perf_counter()
                work = [
                    lane.run()
                    for platform in platforms.all
                    for lane in lanes(platform, customers[platform.name], each, log, chance)
                ]
                async with _repeated(platforms.messenger.echoes):
                    _, down = await asyncio.gather(asyncio.gather(*work), _killed(app, log, total // 2, kill=kill))
                    taken = time.perf_counter() - began
                    await _until_none(app, _BUSY)
                    handled = time.perf_counter() - began
                    await _until_none(app, _UNSENT)
                    sent = time.perf_counter() - began
                verdict = judged(platforms, customers, each, app.rows(_ACCEPTED))
                rows = dict(app.rows(_ENDED))
            finally:
                await app.stop()
    acks = sorted(log.acks)
    return {
        "events": total,
        "users": sum(customers.values()),
        "lost": verdict.lost,
        "twice": verdict.twice,
        "reordered": verdict.reordered,
        "maybe_twice": verdict.maybe_twice,
        "odd": len(verdict.odd),
        "ack_p50_ms": round(acks[len(acks) // 2] * 1000, 1),
        "ack_p99_ms": round(acks[int(len(acks) * 0.99)] * 1000, 1),
        "ack_max_ms": round(acks[-1] * 1000, 1),
        "events_per_s": round(total / handled, 1),
        "taken_s": round(taken, 1),
        "handled_s": round(handled, 1),
        "sent_s": round(sent, 1),
        "start_s": round(start, 1),
        "down_s": round(down, 1),
        "duplicates": log.duplicates,
        "batches": log.batches,
        "not_taken": log.broken + log.refused,
        "rows": rows,
    }


def judged(
    platforms: Platforms, customers: Mapping[str, int], each: int, accepted: Sequence[tuple[str, str, str]]
) -> Verdict:
    """Every customer's reading; `accepted` are (channel, user, text), each user's in order."""
    verdict, numbers = Verdict(), defaultdict[tuple[str, str], list[int]](list)
    for channel, user, text in accepted:
        numbers[channel, user].append(int(text.removeprefix("number ")))
    for platform in platforms.all:
        for customer in range(customers[platform.name]):
            verdict.customer(
                platform.shown(customer),
                each,
                numbers[platform.name, platform.user(customer)],
                orderly=not disorderly(customer),
                tells=platform.tells,
            )
    return verdict


async def _killed(app: App, log: Log, after: int, *, kill: bool) -> float:
    """kill -9 once so many events were taken, and start again; returns for how many seconds it was away."""
    if not kill:
        return 0.0
    await log.reached(after)
    began = time.perf_counter()
    await app.kill()
    await app.start()
    return time.perf_counter() - began


async def _until_none(app: App, sql: str, within: float = 240.0) -> None:
    began = time.monotonic()
    while (left := app.rows(sql)[0][0]) > 0:
        if time.monotonic() - began > within:
            raise TookTooLong(f"{left} are left: {sql}\n{app.log()[-2000:]}")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def _repeated(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Do it every now and then; where the app is away, again later."""

    async def repeat() -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await work()
            await asyncio.sleep(0.5)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storm", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--faults", type=float, default=0.01, help="the share of sends that are answered 5xx")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    figures = asyncio.run(storm(asked.events, asked.users, seed=asked.seed, faults=asked.faults))
    if asked.json:
        print(msgspec.json.encode(figures).decode())
    else:
        for name, value in figures.items():
            print(f"{name:14} {value}")
    if figures["lost"] or figures["twice"] or figures["reordered"] or figures["odd"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
