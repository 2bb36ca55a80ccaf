"""A small Direct Line endpoint with scripted answers and faults, for the tests of the page alone.

It keeps one conversation in memory, takes each `clientActivityID` once, replays from a watermark, and closes the older
of two sockets. The product's own endpoint is `adapters.webchat`; the two share nothing but the contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from adapters.webchat.page import PageConfig, routes
from bot.web.ui import FOLDER, serve

BASE = "/v3/directline"
LARKSPUR = {
    "name": "Larkspur Mobile",
    "phone": "0333 200 0412",
    "hours": "Mon to Sat, 8am to 8pm",
    "logo": "/brand/logo.svg",
    "theme": "/brand/theme.css",
}
Activity = dict[str, Any]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", headers=dict(headers or {})
    )


@dataclass(slots=True)
class FakeDirectLine:
    """The endpoint and its switches. `answer` is called with each message taken; `posted` holds them as they came."""

    config: PageConfig = field(default_factory=lambda: PageConfig(brand=LARKSPUR))
    answer: Callable[[FakeDirectLine, Activity], Coroutine[Any, Any, None]] | None = None
    embed_origins: tuple[str, ...] = ()
    log: list[Activity] = field(default_factory=list)
    posted: list[Activity] = field(default_factory=list)
    typed: int = 0
    """How often the page has said that the customer writes."""
    faults: list[int] = field(default_factory=list)
    """Statuses for the next posts of activities, first to last; 0 answers as it should."""
    down: bool = False
    """Every call gets 503, and open sockets are closed."""
    crowded: int = 0
    """How many more times a session is refused, because this network address opens too many."""
    sockets_refused: bool = False
    mute: bool = False
    """Sockets stay open and say nothing."""
    sessions: int = 0
    token: str = "t0"
    polls: int = 0
    streams: int = 0
    """How many sockets were opened."""
    turns: list[dict[str, Any]] = field(default_factory=list)
    dev: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _listening: asyncio.Event = field(default_factory=asyncio.Event)
    _streams: dict[str, int] = field(default_factory=dict)
    _runner: web.AppRunner | None = None
    _port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    # Running

    async def start(self) -> None:
        """Listen on 127.0.0.1, on the same port each time."""
        runner = web.AppRunner(self._app(), shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._runner = runner

    async def stop(self) -> None:
        """Close the sockets and stop listening."""
        await self.drop()
        for task in self._tasks:
            task.cancel()
        if self._runner:
            await self._runner.cleanup()

    async def heard(self) -> None:
        """Wait until a page listens: what is not in the log, typing, reaches nobody before."""
        await asyncio.wait_for(self._listening.wait(), 8)

    async def drop(self) -> None:
        """Close every socket, as a restart would."""
        for socket in self._sockets:
            await socket.close()
        self._sockets.clear()
        self._listening.clear()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._faulty()])
        brand = Path(__file__).parents[2] / "brands" / "larkspur"
        app.add_routes(routes(self.config, embed_origins=self.embed_origins))
        app.add_routes([*serve("/ui", FOLDER), *serve("/brand", brand)])
        path = f"{BASE}/conversations/c1"
        app.add_routes(
            [
                web.post("/chat/session", self._session),
                web.post(f"{BASE}/tokens/refresh", self._session),
                web.get(path, self._reconnect),
                web.get(f"{path}/activities", self._read),
                web.post(f"{path}/activities", self._post),
                web.get(f"{path}/stream", self._stream),
                web.get("/approve", self._page),
                web.get("/dev/turns", self._turns),
                web.get("/dev/backend", self._dev),
                web.post("/dev/{what}", self._dev),
                web.get("/site", self._site),
            ]
        )
        return app

    def _faulty(self) -> Any:
        @web.middleware
        async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.down and request.path.startswith((BASE, "/chat/session")):
                return _json({"error": {"code": "ServiceUnavailable", "message": "down"}}, 503)
            return await handler(request)

        return faulty

    # The contract

    async def _session(self, request: web.Request) -> web.Response:
        if self.crowded and request.path == "/chat/session":
            self.crowded -= 1
            return _json({"error": {"code": "TooManyRequests", "message": "many"}}, 429, {"Retry-After": "1"})
        self.sessions += 1
        self.token = f"t{self.sessions}"
        response = _json({"token": self.token, "conversationId": "c1", "expires_in": 1800})
        response.set_cookie("chat", "c1", httponly=True, samesite="Lax")
        return response

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.token}":
            return None
        return _json({"error": {"code": "TokenExpired", "message": "expired"}}, 403)

    async def _reconnect(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        ticket = f"s{len(self._streams)}"
        self._streams[ticket] = int(request.query.get("watermark") or 0)
        host = request.host
        return _json(
            {"conversationId": "c1", "token": self.token, "streamUrl": f"ws://{host}{request.path}/stream?t={ticket}"}
        )

    async def _read(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        self.polls += 1
        after = int(request.query.get("watermark") or 0)
        return _json({"activities": self.log[after:], "watermark": str(len(self.log))})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        after = self._streams.pop(request.query["t"], None)
        if after is None or self.sockets_refused:
            return web.Response(status=403)
        for older in self._sockets:
            await older.close(code=WSCloseCode.OK, message=b"collision")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[:] = [socket]
        self._listening.set()
        self.streams += 1
        await socket.send_str("")
        if self.log[after:]:
            await self._send(socket, self.log[after:])
        async for _ in socket:
            pass
        return socket

    async def _post(self, request: web.Request) -> web.Response:
        if refused := self._refused(request):
            return refused
        if (fault := self.faults.pop(0) if self.faults else 0) != 0:
            return _json({"error": {"code": "Fault", "message": "scripted"}}, fault, {"Retry-After": "1"})
        activity: Activity = await request.json(loads=msgspec.json.decode)
        if activity["type"] == "typing":
            self.typed += 1
            return _json({"id": "typing"})
        client_id = activity["channelData"]["clientActivityID"]
        for known in self.log:
            if known.get("channelData", {}).get("clientActivityID") == client_id:
                return _json({"id": known["id"]})
        self.posted.append(activity)
        taken = await self.push(
            {"type": "message", "text": activity["text"], "channelData": {"clientActivityID": client_id}}, role="user"
        )
        if self.answer:
            task = asyncio.get_running_loop().create_task(self.answer(self, activity))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return _json({"id": taken["id"]})

    async def push(self, activity: Activity, *, role: str = "bot", at: datetime | None = None) -> Activity:
        """Put an activity into the log and show it; typing is shown alone."""
        stamp = (at or datetime.now(UTC)).isoformat().replace("+00:00", "Z")
        who = {"id": "dl_1", "name": "", "role": "user"} if role == "user" else {"id": "bot", "name": "", "role": "bot"}
        full = {"timestamp": stamp, "from": who, **activity}
        if activity["type"] != "typing":
            data = {"speaker": "bot", **full.get("channelData", {}), "pos": len(self.log) + 1}
            full = {**full, "id": f"c1|{len(self.log) + 1:07d}", "channelData": data}
            self.log.append(full)
        for socket in self._sockets:
            if not socket.closed:
                await self._send(socket, [full])
        return full

    async def say(self, text: str, **more: Any) -> Activity:
        """A message by the bot, or by `speaker`."""
        data = {key: more.pop(key) for key in ("speaker", "author", "op") if key in more}
        return await self.push({"type": "message", "text": text, "channelData": data, **more})

    async def ask(self, op: str, text: str, *titles: str) -> Activity:
        """A question with buttons; nonces are op:n."""
        actions = [
            {"type": "postBack", "title": title, "value": {"nonce": f"{op}:{n}"}} for n, title in enumerate(titles)
        ]
        return await self.say(text, op=op, suggestedActions={"actions": actions})

    async def spent(self, op: str, choice: str | None = None) -> Activity:
        """The question's buttons are over."""
        return await self.push({"type": "event", "name": "spent", "value": {"op": op, "choice": choice}})

    async def _send(self, socket: web.WebSocketResponse, activities: list[Activity]) -> None:
        if self.mute:
            return
        await socket.send_str(msgspec.json.encode({"activities": activities, "watermark": str(len(self.log))}).decode())

    # Around the page

    async def _page(self, request: web.Request) -> web.Response:
        text = "<!doctype html><html lang=en><title>Approve</title><h1>Approve</h1>"
        return web.Response(text=text, content_type="text/html")

    async def _site(self, request: web.Request) -> web.Response:
        text = (
            "<!doctype html><html lang=en><meta name=viewport content='width=device-width'>"
            "<title>A brand's site</title><main><h1>A brand's site</h1><p>Its words.</p><a href='#'>A link</a></main>"
            f"<script src='{self.url}/chat/embed.js' data-label='Chat with us' data-position='right' async></script>"
        )
        return web.Response(text=text, content_type="text/html")

    async def _turns(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after") or 0)
        return _json([turn for turn in self.turns if turn["seq"] > after])

    async def _dev(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return _json({"mode": "ok"})
        body = await request.read()
        given = msgspec.json.decode(body) if body else None
        self.dev.append((request.match_info["what"], given))
        return _json(given or {})
