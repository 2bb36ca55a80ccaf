"""Chats as customers have them: on the fake Telegram, and in a browser over Direct Line. What is sent is sent again
until it is acknowledged, and sometimes once more."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
import msgspec

from adapters.fakes.telegram import FakeTelegram
from adapters.fakes.telegram_chats import Message

AGAIN = 0.1
"""Chance that an acknowledged message is sent once more."""

_URL = re.compile(r"https?://\S+")


@dataclass(slots=True)
class Shown:
    """One message of the bot's as the customer saw it, at `at` (epoch seconds)."""

    text: str
    buttons: list[tuple[str, Any]]
    urls: list[str]
    at: float


@dataclass(slots=True)
class Diary:
    """What one chat has lived through: the keys of what was acknowledged in order, what was shown, how long it took."""

    user: str
    channel: str
    customer: str
    sent: list[str] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    platform_ids: list[str] = field(default_factory=list)
    entries: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    inbox: asyncio.Queue[Shown] = field(default_factory=asyncio.Queue)
    waiting: float | None = None
    blows: list[float] = field(default_factory=list)
    quiet: float | None = None
    """Since when somebody with an errand has heard nothing."""

    def asks(self) -> None:
        """The customer has begun to send, and waits."""
        self.waiting = time.monotonic()

    def struck(self) -> None:
        """Something was killed; who waits has it on the clock."""
        if self.waiting is not None:
            self.blows.append(time.monotonic())

    def show(self, shown: Shown) -> None:
        """The bot has said something."""
        now = time.monotonic()
        if self.waiting is not None:
            self.answers.append(now - self.waiting)
            self.recoveries += [now - blow for blow in self.blows]
        self.waiting, self.blows = None, []
        self.shown.append(shown)
        self.inbox.put_nowait(shown)


class Chat(Protocol):
    """One chat."""

    diary: Diary

    async def open(self) -> None:
        """Begin it."""
        ...

    async def say(self, text: str) -> None:
        """Write, until it is acknowledged."""
        ...

    async def press(self, shown: Shown, button: int) -> None:
        """Press one of a message's buttons, until that is acknowledged."""
        ...

    async def close(self) -> None:
        """Leave it."""
        ...


class Feed(list[Message]):
    """The fake's messages, which also reach the chats they are for."""

    def __init__(self) -> None:
        super().__init__()
        self.diaries: dict[int, Diary] = {}

    def append(self, message: Message) -> None:
        """A message was sent to a chat."""
        super().append(message)
        diary = self.diaries.get(message.chat)
        if diary is None:
            return
        buttons = [(one["text"], (message, place)) for place, one in enumerate(message.buttons) if "url" not in one]
        links = [one["url"] for one in message.buttons if "url" in one]
        diary.platform_ids.append(str(message.id))
        diary.show(Shown(message.text, buttons, links + _URL.findall(message.text), time.time()))


class TelegramChat:
    """A person on the fake Telegram, which posts to the site as the real one does: until it is told 2xx."""

    def __init__(self, fake: FakeTelegram, feed: Feed, client: aiohttp.ClientSession, user: int, customer: str) -> None:
        self._fake, self._client, self._user = fake, client, user
        self.diary = Diary(str(user), "telegram", customer)
        feed.diaries[user] = self.diary
        self._dice = random.Random(user)

    async def open(self) -> None:
        """Nothing to do: the first message opens it."""

    async def say(self, text: str) -> None:
        """See `Chat`."""
        await self._post(self._fake.chats.says(self._user, text))

    async def press(self, shown: Shown, button: int) -> None:
        """See `Chat`."""
        message, place = shown.buttons[button][1]
        await self._post(self._fake.chats.presses_button(self._user, message, place))

    async def _post(self, update: dict[str, Any]) -> None:
        self.diary.asks()
        while update in self._fake.chats.updates:
            try:
                await self._fake.post(self._client, update)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                if update in self._fake.chats.updates:
                    await asyncio.sleep(0.1)
        key = str(update["update_id"])
        self.diary.sent.append(key)
        if self._dice.random() < AGAIN:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._fake.post(self._client, update)

    async def close(self) -> None:
        """Nothing to do."""


class WebchatChat:
    """A browser with the chat page's protocol: a session, posts with ids of its own, a socket that comes back."""

    def __init__(self, url: str, client: aiohttp.ClientSession, number: int, customer: str) -> None:
        self._url, self._client = url, client
        self.diary = Diary("", "webchat", customer)
        self._ids = itertools.count(1)
        self._dice = random.Random(number)
        self._opened: dict[str, Any] = {}
        self._watermark = ""
        self._seen: set[str] = set()
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """The session and its socket."""
        self._opened = await self._until_ok("POST", "/chat/session", headers={"Origin": self._url})
        self.diary.user = self._opened["conversationId"]
        self._reading = asyncio.create_task(self._read())

    async def say(self, text: str) -> None:
        """See `Chat`."""
        await self._post({"type": "message", "text": text})

    async def press(self, shown: Shown, button: int) -> None:
        """See `Chat`."""
        label, value = shown.buttons[button]
        await self._post({"type": "message", "text": label, "value": value})

    async def _post(self, activity: dict[str, Any]) -> None:
        self.diary.asks()
        id_ = f"c{next(self._ids)}"
        body = msgspec.json.encode({**activity, "channelData": {"clientActivityID": id_}})
        headers = {**self._bearer(), "Content-Type": "application/json"}
        path = f"/v3/directline/conversations/{self._opened['conversationId']}/activities"
        await self._until_ok("POST", path, data=body, headers=headers)
        self.diary.sent.append(f"dl:{self._opened['conversationId']}:{id_}")
        if self._dice.random() < AGAIN:
            await self._until_ok("POST", path, data=body, headers=headers)

    async def _until_ok(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._client.request(method, self._url + path, **more) as answer:
                    if answer.status < 300:
                        return dict(msgspec.json.decode(await answer.read()))
                    if 400 <= answer.status < 500 and answer.status != 429:
                        raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            await asyncio.sleep(0.1)

    async def _read(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                await self._stream()
            await asyncio.sleep(0.1)

    async def _stream(self) -> None:
        path = f"/v3/directline/conversations/{self._opened['conversationId']}?watermark={self._watermark}"
        again = await self._until_ok("GET", path, headers=self._bearer())
        async with self._client.ws_connect(again["streamUrl"], heartbeat=2.0) as socket:
            async for frame in socket:
                if frame.type is aiohttp.WSMsgType.TEXT and frame.data:
                    self._frame(msgspec.json.decode(frame.data))

    def _frame(self, body: dict[str, Any]) -> None:
        for activity in body.get("activities", ()):
            if activity["type"] != "message" or activity["id"] in self._seen:
                continue
            self._seen.add(activity["id"])
            self.diary.entries.append(activity["id"])
            if activity["from"]["role"] == "bot":
                self.diary.show(_shown(activity))
        self._watermark = body.get("watermark") or self._watermark

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._opened['token']}"}

    async def close(self) -> None:
        """Close the tab."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)


def _shown(activity: dict[str, Any]) -> Shown:
    actions: Sequence[dict[str, Any]] = activity.get("suggestedActions", {}).get("actions", ())
    buttons = [(one["title"], one["value"]) for one in actions]
    contents = [one.get("content", {}) for one in activity.get("attachments", ())]
    urls = [one["url"] for one in contents if one.get("url")]
    return Shown(activity.get("text", ""), buttons, urls, time.time())
