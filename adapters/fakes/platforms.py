"""The three platforms together: where they are reached, what connects an app to them, and their events on their way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from adapters.fakes.messenger import FakeMessenger
from adapters.fakes.slack import FakeSlack
from adapters.fakes.telegram import FakeTelegram

_PAUSE = 0.1


def environment(
    url: str, telegram: FakeTelegram, slack: FakeSlack, messenger: FakeMessenger, *, mode: str = "webhook"
) -> dict[str, str]:
    """The settings that connect an app to platforms at this address, as environment variables."""
    given: Mapping[str, Mapping[str, str]] = {
        "TELEGRAM": {"TOKEN": telegram.token, "MODE": mode, "API": url},
        "SLACK": {"TOKEN": slack.token, "MODE": "http", "SIGNING_SECRET": slack.signing_secret, "API": f"{url}/api"},
        "MESSENGER": {
            "PAGE": messenger.page.id,
            "TOKEN": messenger.token,
            "APP_ID": messenger.app_id,
            "APP_SECRET": messenger.app_secret,
            "API": url,
        },
    }
    return {
        f"PARLEY_CHANNELS__{channel}__{name}": value
        for channel, values in given.items()
        for name, value in {"ENABLED": "true", **values}.items()
    }


@dataclass
class Platforms:
    """One bot, one workspace, one Page, and the app they belong to. `deliver` runs for as long as they live."""

    telegram: FakeTelegram = field(default_factory=FakeTelegram)
    slack: FakeSlack = field(default_factory=FakeSlack)
    messenger: FakeMessenger = field(default_factory=FakeMessenger)

    def routes(self) -> list[web.RouteDef]:
        """All three interfaces."""
        return [*self.telegram.routes(), *self.slack.routes(), *self.messenger.routes()]

    def connect(self, app: str, telegram_secret: str) -> None:
        """Have them post to the app at this address, as `app.py connect` would."""
        self.telegram.posts_to(f"{app}/channels/telegram", telegram_secret)
        self.slack.url = f"{app}/channels/slack"
        self.messenger.webhook = f"{app}/channels/messenger"
        self.messenger.subscribed.add("message_echoes")

    async def deliver(self) -> None:
        """Post what the app has not acknowledged, in order, again and again."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            await asyncio.gather(_ever(lambda: self._telegram(client)), _ever(self._slack), _ever(self._messenger))

    async def _telegram(self, client: aiohttp.ClientSession) -> None:
        for update in list(self.telegram.chats.updates):
            for _ in range(2 if self.telegram.mischief.twice else 1):
                await self.telegram.post(client, update)

    async def _slack(self) -> None:
        for owed in list(self.slack.workspace.owed):
            await self.slack.post(owed)
            if self.slack.mischief.twice:
                await self.slack.post(self.slack.workspace.again(owed))

    async def _messenger(self) -> None:
        for event in list(self.messenger.page.owed):
            for _ in range(2 if self.messenger.mischief.twice else 1):
                await self.messenger.post(event)

    async def close(self) -> None:
        """Close the connections."""
        await self.slack.close()
        await self.messenger.close()


async def _ever(work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except (aiohttp.ClientError, TimeoutError):
            # The app is away; what it was owed comes again.
            await asyncio.sleep(_PAUSE)
        await asyncio.sleep(_PAUSE)
