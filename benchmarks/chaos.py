"""Kills, freezes, restarts and lost answers at random points, and what of the promises is left.

A site of real processes (`app.py run --workers N`) serves customers on a strict fake Telegram and on the web chat, who
sign in, approve, cancel, deposit and post, while its workers are ended with kill -9 or stopped past their lease, its
database is restarted and its backends lose answers. Then everything is read back: the database, the platform, what the
customers saw, the backends' own books. The fakes and the customers live in this process, which is not killed.

A seed fixes what is done in which order and after which pauses; where exactly a kill falls in the code is the
machine's to say. `recovery` is, for each customer who waited for an answer when a worker was killed, the time from the
kill to that answer.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import os
import random
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from benchmarks._chaos.chats import Chat, Diary, TelegramChat, WebchatChat
from benchmarks._chaos.checks import Findings, check, settled
from benchmarks._chaos.customer import Customer, Tally
from benchmarks._chaos.site import LONGEST_LEASE, Site
from benchmarks._chaos.visitor import Visitor
from benchmarks._chaos.world import World
from benchmarks._postgres import Postgres
from bot.store import migrate, open_store

FROZEN = LONGEST_LEASE + 1.0
"""Seconds a worker is stopped: past its lease, and past every effect's deadline."""
WRITERS = 0.25
"""Share of the kills that hit SQLite's writer instead of the worker."""
FEW = 3
"""Answers between two blows, at least."""
LONG = 20.0
"""Seconds with a worker there after which a blow falls although nobody was answered."""
WEARY = 30.0
"""Seconds without a word after which a customer is let through before the next blow: a sign-in takes a dozen requests,
and on a slow machine none would ever end between two blows."""
SETTLING = 150.0
"""Seconds at most until nothing is left to do, once the last customer has gone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. `harm`: the share of the backend's answers that are lost."""

    store: str
    workers: int
    kills: int
    restarts: int
    freezes: int
    renewals: int
    customers: int
    seed: int
    harm: float
    pause: float


@dataclass(slots=True)
class Harm:
    """What was done."""

    kills: int = 0
    writers: int = 0
    """Of the kills those that hit SQLite's writer, and not the process that it writes for."""
    freezes: int = 0
    restarts: int = 0
    renewals: int = 0


@dataclass(slots=True)
class Run:
    """One run's moving parts."""

    plan: Plan
    folder: Path
    site: Site
    world: World
    postgres: Postgres | None
    diaries: list[Diary] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    done: Harm = field(default_factory=Harm)
    over: bool = False
    thawing: list[asyncio.Task[None]] = field(default_factory=list)
    frozen: set[int] = field(default_factory=set)

    async def customer(self, number: int) -> None:
        """One customer after another in this lane, each in a new chat, until the harm is done."""
        dice = random.Random(f"{self.plan.seed}/{number}")
        amounts = itertools.count(number * 100_000 + 1)
        customer = f"C-{number:04}"
        for visit in itertools.count():
            if self.over:
                return
            jar = aiohttp.CookieJar(unsafe=True)
            limits = aiohttp.ClientTimeout(total=20)
            async with aiohttp.ClientSession(cookie_jar=jar, timeout=limits) as client:
                chat: Chat
                if (number + visit) % 2:
                    user = 1_000_000 * number + visit + 1
                    chat = TelegramChat(self.world.telegram, self.world.feed, client, user, customer)
                else:
                    chat = WebchatChat(self.site.url, client, number * 1000 + visit, customer)
                self.diaries.append(chat.diary)
                visitor = Visitor(client, f"sub-{number}")
                await Customer(chat, visitor, self.tally, amounts, dice).run(6, lambda: not self.over)

    async def harm(self) -> None:
        """All kills, freezes, restarts and renewals, in a random order."""
        plan = self.plan
        dice = random.Random(plan.seed)
        acts = ["kill"] * plan.kills + ["freeze"] * plan.freezes + ["restart"] * plan.restarts
        acts += ["renew"] * plan.renewals
        dice.shuffle(acts)
        await asyncio.sleep(2.0)
        for act in acts:
            await self._progress()
            await asyncio.sleep(dice.uniform(0.0, 2 * plan.pause))
            if act == "kill":
                self._blow()
                self.done.writers += await self._kill(dice)
                self.done.kills += 1
            elif act == "freeze":
                victim = await self._struck(dice, signal.SIGSTOP)
                self.done.freezes += 1
                self.frozen.add(victim)
                self.thawing.append(asyncio.create_task(self._thaw(victim)))
            elif act == "restart" and self.postgres is not None:
                self._blow()
                await asyncio.to_thread(self.postgres.restart, dice.choice(("immediate", "fast")))
                self.done.restarts += 1
            elif act == "renew":
                self.site.renew()
                self.done.renewals += 1
        await asyncio.gather(*self.thawing)

    async def _progress(self) -> None:
        """Let the site answer a few customers between two blows: one that is only ever starting proves nothing."""
        wanted, blown = self._answers() + FEW, time.monotonic()
        for _ in iter(lambda: (self._answers() >= wanted and not self._weary()) or self._idle(blown), True):
            await asyncio.sleep(0.02)

    def _idle(self, blown: float) -> bool:
        """Whether a worker has been there for long since the last blow: then there may be nobody to answer."""
        there = [max(since, blown) for pid, since in self.site.ready.items() if pid not in self.frozen]
        return bool(there) and time.monotonic() - min(there) > LONG

    def _weary(self) -> bool:
        """Whether somebody has been waiting for very long."""
        now = time.monotonic()
        return any(diary.quiet is not None and now - diary.quiet > WEARY for diary in self.diaries)

    def _answers(self) -> int:
        return sum(len(diary.shown) for diary in self.diaries)

    async def _victim(self, dice: random.Random) -> int:
        """A worker that is at work: the kill of one that has yet to start would prove nothing."""
        while True:
            able = sorted(set(self.site.ready) - self.frozen)
            # A frozen worker stays frozen; of several, one is left to go on.
            if able and (len(able) > 1 or self.plan.workers == 1 or not self.frozen):
                return able[dice.randrange(len(able))]
            await asyncio.sleep(0.02)

    async def _kill(self, dice: random.Random) -> bool:
        """Kill a worker, or the process that writes to SQLite for it; whether it was the writer."""
        if self.plan.store == "sqlite" and dice.random() < WRITERS:
            # The worker itself lives, and stays ready.
            writer = self.site.writer(await self._victim(dice))
            if writer is not None and self.site.signal(writer, signal.SIGKILL):
                return True
        self.site.ready.pop(await self._struck(dice, signal.SIGKILL), None)
        return False

    async def _struck(self, dice: random.Random, number: int) -> int:
        """Signal a worker: another one, where the one picked has been replaced and has gone in the meantime."""
        while not self.site.signal(victim := await self._victim(dice), number):
            self.site.ready.pop(victim, None)
        return victim

    def _blow(self) -> None:
        for diary in self.diaries:
            diary.struck()

    async def _thaw(self, pid: int) -> None:
        await asyncio.sleep(FROZEN)
        self.site.signal(pid, signal.SIGCONT)
        await asyncio.sleep(0.5)
        self.frozen.discard(pid)


def customers(count: int) -> list[dict[str, Any]]:
    """The backend's customers, one Direct Debit each."""
    return [
        {"ref": f"C-{n:04}", "name": f"Customer {n}", "services": [{"label": f"Mobile ending {n:03}", "monthly": 2300}]}
        for n in range(count)
    ]


def personas(count: int) -> list[dict[str, str]]:
    """Whom the provider signs in."""
    return [
        {"sub": f"sub-{n}", "name": f"Customer {n}", "story": "", "customer_ref": f"C-{n:04}"} for n in range(count)
    ]


async def run(plan: Plan) -> tuple[Run, Findings, dict[str, Any]]:
    """One whole run on a database of its own."""
    folder = Path(tempfile.mkdtemp(prefix="parley-chaos-"))
    postgres = Postgres() if plan.store == "postgres" else None
    began = time.monotonic()
    try:
        if postgres is not None:
            await asyncio.to_thread(postgres.start, fsync="off")
        url = postgres.url if postgres is not None else f"sqlite:///{folder / 'parley.db'}"
        await migrate(url)
        async with AsyncExitStack() as stack:
            site = Site(folder, port=_free_port(), workers=plan.workers)
            world = await stack.enter_async_context(World(site.url, personas(plan.customers)).open())
            site.configure(url, world.url, customers(plan.customers), seed=str(plan.seed), harm=plan.harm)
            await world.set_webhook(site.telegram_secret)
            made = Run(plan, folder, site, world, postgres)
            try:
                await site.start()
                at_work = time.monotonic()
                await _everybody(made)
                ended = await _settled(url)
                took = time.monotonic() - at_work
            finally:
                code = await site.stop()
        store = await open_store(url, readonly=plan.store == "sqlite")
        try:
            findings = await check(store, made.diaries, folder)
        finally:
            await store.close()
        more = {"settled": ended, "exit_code": code, "seconds": round(took, 1), "in_all_s": time.monotonic() - began}
        return made, findings, more
    finally:
        if postgres is not None:
            await asyncio.to_thread(postgres.stop)
        if os.environ.get("PARLEY_CHAOS_KEEP"):
            print(folder, file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _everybody(made: Run) -> None:
    lanes = [asyncio.create_task(made.customer(number)) for number in range(made.plan.customers)]
    harm = asyncio.create_task(made.harm())
    try:
        # A customer who ends before the harm does so by an error.
        await asyncio.wait([*lanes, harm], return_when=asyncio.FIRST_COMPLETED)
        made.over = True
        if harm.done():
            harm.result()
        await asyncio.gather(*lanes)
    finally:
        for task in (*lanes, harm):
            task.cancel()
        await asyncio.gather(*lanes, harm, return_exceptions=True)


async def _settled(url: str) -> bool:
    store = await open_store(url, readonly=url.startswith("sqlite"))
    try:
        until = time.monotonic() + SETTLING
        while time.monotonic() < until:
            if await settled(store):
                return True
            await asyncio.sleep(0.25)
        return False
    finally:
        await store.close()


def report(made: Run, found: Findings, more: dict[str, Any]) -> dict[str, Any]:
    """The figures."""
    plan, done = made.plan, made.done
    recoveries = sorted(one for diary in made.diaries for one in diary.recoveries)
    answers = sorted(one for diary in made.diaries for one in diary.answers)
    return {
        "store": plan.store,
        "workers": plan.workers,
        "seed": plan.seed,
        "kills": done.kills,
        "writers": done.writers,
        "freezes": done.freezes,
        "restarts": done.restarts,
        "renewals": done.renewals,
        **found.counts(),
        "stuck": len(made.tally.stuck),
        "recovery_p50_s": _at(recoveries, 0.5),
        "recovery_p99_s": _at(recoveries, 0.99),
        "answer_p50_s": _at(answers, 0.5),
        "answer_p99_s": _at(answers, 0.99),
        "messages": found.messages,
        "turns": found.turns,
        "sends": found.sends,
        "maybe_twice": found.maybe_twice,
        "effects": dict(sorted(found.effects.items())),
        "errands": dict(made.tally.done),
        "told_unknown": made.tally.unknown,
        "conversations": len(made.diaries),
        "settled": more["settled"],
        "exit_code": more["exit_code"],
        "seconds": more["seconds"],
    }


def right(figures: dict[str, Any]) -> bool:
    """Whether every promise held."""
    zeros = ("lost", "twice", "reordered", "effects_twice", "falsely_done", "unknown_open", "unsent", "stuck")
    return figures["settled"] and figures["exit_code"] == 0 and not any(figures[name] for name in zeros)


def _at(values: Sequence[float], share: float) -> float:
    if not values:
        return 0.0
    return round(statistics.median(values) if share == 0.5 else values[int(len(values) * share)], 3)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> None:
    """Run it; exits with 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--workers", type=int, default=0, help="by default 1 on SQLite, 3 on PostgreSQL")
    parser.add_argument("--kills", type=int, default=20)
    freezes = "workers stopped past their lease; by default one for 20 kills, two on SQLite"
    parser.add_argument("--freezes", type=int, default=-1, help=freezes)
    parser.add_argument("--restarts", type=int, default=0, help="of the database, PostgreSQL alone")
    parser.add_argument("--renewals", type=int, default=0, help="rolling restarts of the whole site")
    parser.add_argument("--customers", type=int, default=16, help="who write at the same time")
    parser.add_argument("--harm", type=float, default=0.15, help="share of the backend's answers that are lost")
    parser.add_argument("--pause", type=float, default=0.3, help="seconds between two blows, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.restarts and given.store == "sqlite":
        parser.error("SQLite has no server to restart.")
    warnings.simplefilter("ignore")
    # A killed worker leaves half a request at the fakes; their server would tell of each.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    plan = Plan(
        store=given.store,
        workers=given.workers or (1 if given.store == "sqlite" else 3),
        kills=given.kills,
        restarts=given.restarts,
        freezes=given.freezes if given.freezes >= 0 else 2 if given.store == "sqlite" else given.kills // 20,
        renewals=given.renewals,
        customers=given.customers,
        seed=given.seed,
        harm=given.harm,
        pause=given.pause,
    )
    # Ended from outside, it still ends the site.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    made, found, more = asyncio.run(run(plan))
    figures = report(made, found, more)
    if given.json:
        print(msgspec.json.encode(figures).decode())
    else:
        for name, value in figures.items():
            print(f"{name:18} {value}")
    broken = {name: getattr(found, name)[:10] for name, n in found.counts().items() if n}
    if broken or made.tally.stuck or made.tally.odd:
        shown = {**broken, "stuck": made.tally.stuck[:10], "odd": dict(made.tally.odd)}
        print(msgspec.json.format(msgspec.json.encode(shown)).decode(), file=sys.stderr)
    if not right(figures):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
