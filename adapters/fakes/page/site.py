"""Serves the page of the fake channels, for this machine alone: what customers see, and switches to misbehave."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from adapters.fakes.apps import CustomerApp, MessengerApp, SlackApp, TelegramApp
from adapters.fakes.platforms import Platforms
from adapters.fakes.screen import Screen

FOLDER = Path(__file__).parent
FILES = {"index.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_LOOK, _WAIT = 0.1, 20.0
TEXT = 4000


class _Act(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody did on the page. `at`, `button` and `link` count from 0."""

    chat: str
    act: str
    text: str = ""
    at: int = -1
    button: int = 0
    reply: bool = False
    fault: str = ""
    twice: bool = False


class Street:
    """The page over the platforms. `run` looks at them for as long as it is served."""

    def __init__(self, platforms: Platforms, *, brand: str, chat: str) -> None:
        self._platforms, self._brand, self._chat = platforms, brand, chat
        self._customer = 0
        # The app's database may remember customers of earlier runs; these are new ones.
        self._first = int(time.time()) * 100
        self._version, self._state = 0, b""
        self._changed = asyncio.Event()
        self._screens: dict[str, Screen] = {}
        self._somebody_new()

    def _somebody_new(self) -> None:
        self._customer += 1
        one, town = self._first + self._customer, self._platforms
        apps: list[CustomerApp] = [
            TelegramApp(town.telegram, one, seen=len(town.telegram.chats.messages)),
            SlackApp(town.slack, f"U{one}", seen=len(town.slack.workspace.messages)),
            MessengerApp(
                town.messenger,
                str(one),
                seen=len(town.messenger.page.messages),
                comments=set(town.messenger.page.comments),
            ),
        ]
        self._screens = {app.name: Screen(app) for app in apps}

    def routes(self) -> list[web.RouteDef]:
        """The page, its files, its state and what can be done; refused to everybody but this machine's browser."""
        return [
            web.get("/", _local(self._page), name="fake-page"),
            *(web.get(f"/page/{name}", _local(self._file(name)), name=f"fake-{name}") for name in FILES),
            web.get("/page/state", _local(self._read), name="fake-state"),
            web.post("/page/act", _local(self._act), name="fake-act"),
        ]

    async def run(self) -> None:
        """Look at the platforms, and tell the page when something is new."""
        while True:
            self._look()
            await asyncio.sleep(_LOOK)

    def _look(self) -> None:
        for screen in self._screens.values():
            screen.look()
        chats = [screen.view() for screen in self._screens.values()]
        state = {"brand": self._brand, "webchat": self._chat, "customer": self._customer, "chats": chats}
        found = msgspec.json.encode(state)
        if found != self._state:
            self._state, self._version = found, self._version + 1
            self._changed.set()
            self._changed = asyncio.Event()

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return await self._file("index.html")(request)

    def _file(self, name: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        app = urlsplit(self._chat)
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            f"frame-src {app.scheme}://{app.netloc}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

        async def send(request: web.Request) -> web.StreamResponse:
            headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
            body = (FOLDER / name).read_bytes()
            return web.Response(body=body, content_type=FILES[name], charset="utf-8", headers=headers)

        return send

    async def _read(self, request: web.Request) -> web.StreamResponse:
        """The state, once it is newer than `after`."""
        after = request.query.get("after", "0")
        if after == str(self._version):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _WAIT)
        body = msgspec.json.encode({"version": self._version, "state": msgspec.Raw(self._state)})
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    async def _act(self, request: web.Request) -> web.StreamResponse:
        try:
            act = msgspec.json.decode(await request.read(), type=_Act)
            self._do(act)
        except (msgspec.MsgspecError, KeyError, IndexError, ValueError):
            return web.Response(status=400, text="This cannot be done.")
        self._look()
        return web.Response(status=204)

    def _do(self, act: _Act) -> None:
        if act.act == "new":
            self._somebody_new()
            return
        screen = self._screens[act.chat]
        text = act.text.strip()[:TEXT]
        mischief: Any = screen.app.fake.mischief
        match act.act:
            case "say" if text:
                screen.say(text)
            case "say_in_public" if text:
                screen.say_in_public(text)
            case "begin":
                screen.begin()
            case "press" if act.at >= 0 and act.button >= 0:
                screen.press(act.at, act.button, reply=act.reply)
            case "enter" if act.at >= 0:
                screen.enter(act.at, 0)
            case "fault" if not act.fault or act.fault in screen.app.faults:
                mischief.faults = {act.fault: 1.0} if act.fault else {}
            case "twice":
                mischief.twice = 1.0 if act.twice else 0.0
            case _:
                raise ValueError(act.act)


def _local(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def guarded(request: web.Request) -> web.StreamResponse:
        # The Host check keeps a foreign site out that has pointed its own name at this machine (DNS rebinding).
        here = urlsplit(f"//{request.host}").hostname in ("localhost", "127.0.0.1", "::1")
        ours = request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
        if not here or not _loopback(request.remote or "") or (request.method == "POST" and not ours):
            return web.Response(status=403, text="This is for whoever sits at this machine.")
        if request.method == "POST" and request.content_type != "application/json":
            return web.Response(status=415, text="It takes JSON.")
        return await handler(request)

    return guarded


def _loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
