"""How events reach the app: many lanes at once, some in disorder, some twice, each until it is acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from benchmarks.storming.platforms import Platform

LANES = 12
"""Bodies under way at once, on each platform."""
AGAIN = 0.1
"""How often an event comes a second time."""
DISORDERLY = 4
"""Every so-manieth customer's messages arrive in any order; a platform keeps to no order under load."""


@dataclass(slots=True)
class Log:
    """What happened between the platforms and the app."""

    acks: list[float] = field(default_factory=list)
    """Seconds from a body's post to its acknowledgement."""
    taken: int = 0
    duplicates: int = 0
    batches: int = 0
    refused: int = 0
    broken: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def took(self, events: int) -> None:
        """So many more were acknowledged."""
        self.taken += events
        self.moved.set()

    async def reached(self, events: int) -> None:
        """Wait until so many were acknowledged in all."""
        while self.taken < events:
            self.moved.clear()
            await self.moved.wait()


@dataclass(slots=True)
class Lane:
    """The customers of one lane: those in order write only once their last message was taken."""

    platform: Platform
    customers: list[int]
    each: int
    log: Log
    chance: random.Random
    earlier: list[Any] = field(default_factory=list)

    async def run(self) -> None:
        """Deliver everything."""
        waiting = {one: self._numbers(one) for one in self.customers}
        while waiting:
            body = []
            for _ in range(self.chance.randint(1, self.platform.batch)):
                if not waiting:
                    break
                customer = self.chance.choice(list(waiting))
                number = waiting[customer].pop(0)
                body.append(self.platform.event(customer, f"number {number}", number))
                if not waiting[customer]:
                    del waiting[customer]
            await self._deliver(body)

    def _numbers(self, customer: int) -> list[int]:
        numbers = list(range(1, self.each + 1))
        if disorderly(customer):
            self.chance.shuffle(numbers)
        return numbers

    async def _deliver(self, body: list[Any]) -> None:
        posts = [self._until_taken(body)]
        if self.chance.random() < AGAIN:
            # The platform did not wait for the first answer.
            posts.append(self._until_taken([self.platform.again(one) for one in body]))
            self.log.duplicates += len(body)
        if self.earlier and self.chance.random() < AGAIN:
            # One that was taken a while ago.
            posts.append(self._until_taken([self.platform.again(self.chance.choice(self.earlier))]))
            self.log.duplicates += 1
        self.log.batches += len(body) > 1
        await asyncio.gather(*posts)
        self.earlier += body
        self.log.took(len(body))

    async def _until_taken(self, body: list[Any]) -> None:
        retry = 0
        while True:
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self.platform.patience):
                    status = await self.platform.post(body, retry)
            except (aiohttp.ClientError, TimeoutError):
                self.log.broken += 1
            else:
                if 200 <= status < 300:
                    self.log.acks.append(time.perf_counter() - began)
                    return
                self.log.refused += 1
            retry += 1
            await asyncio.sleep(min(0.2 * retry, 1.0))


def disorderly(customer: int) -> bool:
    """Whether this customer's messages arrive in any order."""
    return customer % DISORDERLY == 0


def lanes(platform: Platform, customers: int, each: int, log: Log, chance: random.Random) -> list[Lane]:
    """The lanes of one platform."""
    found = [list(range(at, customers, LANES)) for at in range(min(LANES, customers))]
    return [Lane(platform, one, each, log, random.Random(chance.random())) for one in found]
