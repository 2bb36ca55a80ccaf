"""The three platforms on one port of this machine, and how each lets a customer write and shows them what came back."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from adapters.fakes.messenger import FakeMessenger
from adapters.fakes.platforms import Platforms as Together
from adapters.fakes.platforms import environment
from adapters.fakes.slack import FakeSlack
from adapters.fakes.telegram import FakeTelegram
from bot.secret import derive

SECRET = "the storm's own secret, long enough for it"


class Platform(Protocol):
    """One platform. Customers are numbered from 0."""

    name: str
    tells: bool
    """Whether it can be asked what was sent, so that nothing need be sent twice."""
    batch: int
    """How many events one body may hold."""
    patience: float
    """Seconds until it gives up on an answer and sends again."""

    def event(self, customer: int, text: str, order: int) -> Any:
        """A customer writes; `order` ascends with each message of theirs."""
        ...

    def user(self, customer: int) -> str:
        """This customer's id."""
        ...

    def again(self, event: Any) -> Any:
        """The same event as the platform sends it a second time."""
        ...

    async def post(self, events: Sequence[Any], retry: int) -> int:
        """Post them in one body; the status."""
        ...

    def shown(self, customer: int) -> list[str]:
        """What this customer reads, oldest first."""
        ...


@dataclass
class Telegram:
    """Telegram: one update a body."""

    fake: FakeTelegram
    client: aiohttp.ClientSession
    name: str = "telegram"
    tells: bool = False
    batch: int = 1
    patience: float = 30.0

    def user(self, customer: int) -> str:
        return str(1_000_000 + customer)

    def event(self, customer: int, text: str, order: int) -> Any:
        return self.fake.chats.says(int(self.user(customer)), text)

    def again(self, event: Any) -> Any:
        return event

    async def post(self, events: Sequence[Any], retry: int) -> int:
        return await self.fake.post(self.client, events[0])

    def shown(self, customer: int) -> list[str]:
        return [one.text for one in self.fake.shown(int(self.user(customer)))]


@dataclass
class Slack:
    """Slack: one event a body; the same one may come again under another event id and without a retry's headers."""

    fake: FakeSlack
    chance: random.Random
    name: str = "slack"
    tells: bool = True
    batch: int = 1
    patience: float = 3.0

    def user(self, customer: int) -> str:
        return f"U{customer:05d}"

    def event(self, customer: int, text: str, order: int) -> Any:
        return self.fake.workspace.says(self.user(customer), text)

    def again(self, event: Any) -> Any:
        return self.fake.workspace.again(event)

    async def post(self, events: Sequence[Any], retry: int) -> int:
        return await self.fake.post(events[0], retry=retry if self.chance.random() < 0.5 else 0)

    def shown(self, customer: int) -> list[str]:
        return [one.content.text for one in self.fake.shown(self.user(customer))]


@dataclass
class Messenger:
    """Messenger: events of several people in one body, in any order, each with its own time."""

    fake: FakeMessenger
    chance: random.Random
    name: str = "messenger"
    tells: bool = True
    batch: int = 8
    patience: float = 5.0

    def user(self, customer: int) -> str:
        return str(7_000_000 + customer)

    def event(self, customer: int, text: str, order: int) -> Any:
        event = self.fake.page.says(self.user(customer), text)
        # People do not write twice within a millisecond; this loop does.
        event["messaging"][0]["timestamp"] += order
        return event

    def again(self, event: Any) -> Any:
        return event

    async def post(self, events: Sequence[Any], retry: int) -> int:
        return await self.fake.post(*self.chance.sample(list(events), len(events)))

    def shown(self, customer: int) -> list[str]:
        return [one.content.text for one in self.fake.shown(self.user(customer))]

    async def echoes(self) -> None:
        """Post again what the app was to hear of its own messages while it was away."""
        for event in [one for one in self.fake.page.owed if one["messaging"][0].get("message", {}).get("is_echo")]:
            await self.fake.post(event)


@dataclass
class Platforms:
    """All three, listening at `url`."""

    url: str
    telegram: Telegram
    slack: Slack
    messenger: Messenger

    @property
    def all(self) -> tuple[Platform, ...]:
        """Each of them."""
        return self.telegram, self.slack, self.messenger

    def environment(self) -> dict[str, str]:
        """What connects the app to them."""
        found = environment(self.url, self.telegram.fake, self.slack.fake, self.messenger.fake)
        return {"PARLEY_SECRET": SECRET, **found}

    def connect(self, app: str) -> None:
        """Have the platforms post to the app at this address."""
        together = Together(self.telegram.fake, self.slack.fake, self.messenger.fake)
        together.connect(app, derive(SECRET.encode(), "telegram").hex())


@asynccontextmanager
async def opened(faults: float, seed: int) -> AsyncIterator[Platforms]:
    """The platforms, listening; `faults` is the share of sends that end in a 5xx, done or not."""
    telegram, slack, messenger = FakeTelegram(), FakeSlack(), FakeMessenger()
    for number, fake in enumerate((telegram, slack, messenger)):
        fake.mischief.faults = {"broken": faults / 2, "dropped": faults / 2}
        fake.mischief.chance = random.Random(seed * 10 + number)
    app = web.Application()
    app.add_routes([*telegram.routes(), *slack.routes(), *messenger.routes()])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    chance = random.Random(seed)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as client:
            yield Platforms(
                f"http://127.0.0.1:{port}",
                Telegram(telegram, client),
                Slack(slack, chance),
                Messenger(messenger, chance),
            )
    finally:
        await slack.close()
        await messenger.close()
        await runner.cleanup()
