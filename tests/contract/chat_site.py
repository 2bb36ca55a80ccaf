"""A web chat site for the tests: the real endpoint on a real store, and a bot that says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from adapters.webchat import WebChat, WebChatSettings
from adapters.webchat.page import PageConfig
from bot.model import Control, File, Outbound
from bot.ports import OutRow, Store, Work
from bot.web import Drain, Health, build_app

SITE_SECRET = "site-secret-of-the-tests"
PARTNER = "https://www.larkspur.example"


@dataclass
class HandClock:
    """Meaning's clock, moved by hand."""

    at: datetime = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class Links:
    """Link pages that may have ended."""

    ended: set[str] = field(default_factory=set)

    async def url(self, transaction: str, conversation: str) -> str | None:
        return None if transaction in self.ended else f"https://site.example/link/{transaction}-{conversation[:4]}"


class Files:
    """Mints file addresses, each once."""

    def __init__(self) -> None:
        self.minted = 0

    async def mint(self, conversation: str, file: File) -> str:
        self.minted += 1
        return f"https://site.example/files/{self.minted}"


class Keeper:
    """Keeps uploads in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str, bytes]] = []

    async def keep(self, conversation: str, name: str, type_: str, body: bytes) -> str:
        self.kept.append((conversation, name, type_, body))
        return f"kept-{len(self.kept)}"


def control(text: str, locale: str | None) -> Control | None:
    return "human" if text.lower() in ("human", "talk to a person") else None


@dataclass
class Site:
    """One process of the site."""

    server: TestServer
    client: aiohttp.ClientSession
    store: Store
    clock: HandClock
    chat: WebChat
    drain: Drain
    links: Links
    files: Files

    @property
    def origin(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    def url(self, path: str) -> str:
        return self.origin + path

    async def session(self, **headers: str) -> dict[str, Any]:
        """Open the session, as the page does."""
        async with self.client.post(self.url("/chat/session"), headers={"Origin": self.origin, **headers}) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    async def call(self, method: str, path: str, token: str = "", **rest: Any) -> tuple[int, Any, Any]:
        """One call under /v3/directline: status, JSON, headers."""
        headers = dict(rest.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with self.client.request(method, self.url("/v3/directline" + path), headers=headers, **rest) as answer:
            kind = answer.content_type
            body = await (answer.json() if kind == "application/json" else answer.text())
            return answer.status, body, answer.headers

    async def say(self, opened: dict[str, Any], text: str, id_: str | None = None, **more: Any) -> tuple[int, Any, Any]:
        """Post a message."""
        activity: dict[str, Any] = {"type": "message", "text": text, **more}
        if id_ is not None:
            activity["channelData"] = {"clientActivityID": id_}
        path = f"/conversations/{opened['conversationId']}/activities"
        return await self.call("POST", path, opened["token"], json=activity)

    async def read(self, opened: dict[str, Any], watermark: str | None = None) -> tuple[list[dict[str, Any]], str]:
        """Poll."""
        query = "" if watermark is None else f"?watermark={watermark}"
        path = f"/conversations/{opened['conversationId']}/activities{query}"
        status, body, _ = await self.call("GET", path, opened["token"])
        assert status == 200, body
        return body["activities"], body["watermark"]

    async def stream(self, opened: dict[str, Any], watermark: str = "") -> aiohttp.ClientWebSocketResponse:
        """Reconnect, and open the stream that the answer names."""
        path = f"/conversations/{opened['conversationId']}?watermark={watermark}"
        status, body, _ = await self.call("GET", path, opened["token"])
        assert status == 200, body
        return await self.client.ws_connect(body["streamUrl"], autoping=True)


async def answer(store: Store, *said: Outbound, then: Callable[[Any], None] | None = None) -> int:
    """The bot's turn: take the one waiting inbound and commit what it says. Returns how many turns there were."""
    claims = await store.claim(10, lease=10)
    for claim in claims:
        if then is not None:
            then(claim)
        rows = tuple(OutRow(n, one) for n, one in enumerate(said))
        assert await store.commit(claim, Work(b"{}", rows=rows), lease=10) is None
    return len(claims)


def page(dev: bool = False) -> PageConfig:
    """The chat page's configuration."""
    return PageConfig(brand={"name": "Larkspur", "phone": "0800 1", "hours": "9 to 5", "theme": ""}, dev=dev)


async def open_site(
    store: Store, *, keeper: Keeper | None = None, clock: HandClock | None = None, dev: bool = False, **changes: Any
) -> Site:
    """Start one process of the site on a store."""
    clock, links, files, drain = clock or HandClock(), Links(), Files(), Drain()
    settings = replace(
        WebChatSettings(
            brand="larkspur",
            secret=b"0123456789abcdef0123456789abcdef",
            bot_name="Larkspur",
            origins=(PARTNER,),
            site_secrets=(SITE_SECRET,),
            rate=1000,
            burst=1000,
        ),
        **changes,
    )
    chat = WebChat(
        page=page(dev),
        store=store,
        clock=clock,
        settings=settings,
        control=control,
        links=links,
        files=files,
        keeper=keeper,
        drain=drain,
    )
    app = build_app(routes=chat.routes(), health=Health({}, drain=drain), drain=drain)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(access_log=None)
    client = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
    return Site(server, client, store, clock, chat, drain, links, files)


async def close_site(site: Site) -> None:
    """Stop it."""
    await site.chat.sockets.close()
    await site.client.close()
    await site.server.close()


def messages(activities: list[dict[str, Any]]) -> list[str]:
    """Who said what, in short."""
    return [f"{one['from']['role']}: {one['text']}" for one in activities if one["type"] == "message"]


def frames(message: aiohttp.WSMessage) -> dict[str, Any]:
    """An activity set from a socket's frame."""
    body: dict[str, Any] = message.json()
    return body
