"""A strict Slack on this machine, for one workspace: the Web API, signed requests or a socket, errors as real ones."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import msgspec
from aiohttp import web

from adapters.fakes.chance import Mischief
from adapters.fakes.slack_rules import Refusal
from adapters.fakes.slack_team import Message, Owed, Workspace

Fault = Literal["fine", "busy", "gone", "silent", "lost", "broken", "dropped", "garbled", "internal", "token", "scope"]
"""The next chat.postMessage: as usual; 429 (7 s); user_disabled; done, or not done, and the connection cut; not done,
or done, and 502; done, but no JSON; done and internal_error; invalid_auth; missing_scope."""

STAMP, SIGNATURE = "X-Slack-Request-Timestamp", "X-Slack-Signature"
_REFUSED = {"gone": "user_disabled", "token": "invalid_auth", "scope": "missing_scope"}


class FakeSlack:
    """One workspace's Slack. `routes()` are the Web API and the socket; `workspace` is what people see and do."""

    def __init__(
        self,
        token: str = "xoxb-fake-token-for-this-machine-only",
        *,
        signing_secret: str = "fake-signing-secret-for-this-machine-only",
        app_token: str = "xapp-fake-token-for-this-machine-only",
        scopes: str = "app_mentions:read,chat:write,files:read,im:history,im:read,im:write,users:read",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token, self.signing_secret, self.app_token, self.scopes = token, signing_secret, app_token, scopes
        self.workspace = Workspace(now, monotonic)
        self.mischief: Mischief[Fault] = Mischief()
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.url = ""
        """Where the app takes requests."""
        self.answers: list[bytes] = []
        """What the app answered, apart from nothing."""
        self.sockets: set[web.WebSocketResponse] = set()
        self.files: dict[str, bytes] = {}
        """What members sent, by file id."""
        self._tickets: set[str] = set()
        self._client: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        """`/api/<method>`, `/socket/<ticket>` and the members' files."""
        return [
            web.get("/files-pri/{id}", self._file, name="fake-slack-file"),
            web.route("*", "/api/{method}", self._call, name="fake-slack"),
            web.get("/socket/{ticket}", self._socket, name="fake-slack-socket"),
        ]

    def shown(self, user: str, thread: str = "") -> list[Message]:
        """What a member has been sent privately, oldest first."""
        return self.shown_in(self.workspace.chat(user), thread)

    def shown_in(self, channel: str, thread: str = "") -> list[Message]:
        """What we have said in a channel, or in a thread of it."""
        return [one for one in self.workspace.messages if (one.channel, one.thread) == (channel, thread)]

    # The Web API

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        try:
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if bearer != (self.app_token if method == "apps.connections.open" else self.token):
                raise Refusal("invalid_auth")
            given = await _arguments(request)
            if method == "chat.postMessage":
                return await self._post_message(request, given)
            return self._json({"ok": True, **self._other(request, method, given)})
        except Refusal as refusal:
            if refusal.retry_after is None:
                return self._json(refusal.body())
            return self._json(refusal.body(), 429, {"Retry-After": str(refusal.retry_after)})

    async def _post_message(self, request: web.Request, given: dict[str, Any]) -> web.StreamResponse:
        fault = self.faults.pop(0) if self.faults else self.mischief.fault()
        if fault == "busy":
            raise Refusal("ratelimited", retry_after=7)
        if fault in _REFUSED:
            raise Refusal(_REFUSED[fault])
        if fault == "broken":
            return _bad_gateway()
        answer = self.workspace.posted(given) if fault != "lost" else {}
        if fault == "dropped":
            return _bad_gateway()
        if fault in ("lost", "silent"):
            assert request.transport is not None
            request.transport.abort()
        if fault == "garbled":
            return web.Response(text="ok")
        if fault == "internal":
            raise Refusal("internal_error")
        return self._json({"ok": True, **answer})

    def _other(self, request: web.Request, method: str, given: dict[str, Any]) -> dict[str, Any]:
        here = self.workspace
        match method:
            case "auth.test":
                who = {"team": "Larkspur", "user": "larkspur", "team_id": here.team, "user_id": here.bot}
                return {**who, "url": "https://larkspur.slack.example/", "bot_id": here.bot_id}
            case "conversations.open":
                return here.opened(str(given.get("users", "")))
            case "conversations.history" | "conversations.replies":
                if "im:history" not in self.scopes:
                    raise Refusal("missing_scope", needed="im:history")
                return here.history(given, str(given.get("ts", "")) if method.endswith("replies") else "")
            case "files.info":
                id_ = str(given.get("file", ""))
                if id_ not in self.files:
                    raise Refusal("file_not_found")
                return {"file": {"id": id_, "url_private": f"http://{request.host}/files-pri/{id_}"}}
            case "apps.connections.open":
                ticket = uuid4().hex
                self._tickets.add(ticket)
                return {"url": f"ws://{request.host}/socket/{ticket}"}
        raise Refusal("unknown_method")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = self.files.get(request.match_info["id"])
        if request.headers.get("Authorization") != f"Bearer {self.token}" or found is None:
            # The real one leads to its sign-in page.
            return web.Response(status=302, headers={"Location": "https://larkspur.slack.example/?redir=file"})
        return web.Response(body=found)

    def _json(self, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        return web.Response(
            status=status,
            body=msgspec.json.encode(value),
            content_type="application/json",
            headers={"x-oauth-scopes": self.scopes, **(headers or {})},
        )

    # Requests to the app

    def signed(self, body: bytes, at: float | None = None) -> dict[str, str]:
        """The headers that prove where a body comes from."""
        stamp = str(int(self.workspace.now().timestamp() if at is None else at))
        whole = f"v0:{stamp}:".encode() + body
        signature = "v0=" + hmac.new(self.signing_secret.encode(), whole, "sha256").hexdigest()
        return {STAMP: stamp, SIGNATURE: signature}

    async def post(self, owed: Owed, *, retry: int = 0) -> int:
        """Post one request to the app; a 2xx acknowledges it. Returns the status."""
        if owed.kind == "events_api":
            body, kind = msgspec.json.encode(owed.body), "application/json"
        else:
            fields = owed.body
            if owed.kind == "interactive":
                fields = {"payload": msgspec.json.encode(owed.body).decode()}
            body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **self.signed(body)}
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_error"}
        async with self._session().post(self.url, data=body, headers=headers) as response:
            if 200 <= response.status < 300:
                self._acknowledged(owed, await response.read())
            return response.status

    def _acknowledged(self, owed: Owed, answer: bytes = b"") -> None:
        if answer:
            self.answers.append(answer)
        if owed in self.workspace.owed:
            self.workspace.owed.remove(owed)

    async def flush(self, tries: int = 4) -> list[int]:
        """Post what is owed, and again up to three times what was not acknowledged, as Slack does.

        Returns the statuses. Raises `Undelivered`.
        """
        statuses: list[int] = []
        for retry in range(tries):
            waiting = list(self.workspace.owed)
            waiting += [self.workspace.again(one) for one in waiting if self._again()]
            if self.mischief.disorder:
                self.mischief.chance.shuffle(waiting)
            for owed in waiting:
                statuses.append(await self.post(owed, retry=retry))
            if not self.workspace.owed:
                return statuses
        raise Undelivered(f"{len(self.workspace.owed)} requests are still owed: {statuses[-5:]}")

    def _again(self) -> bool:
        return self.mischief.chance.random() < self.mischief.twice

    # The socket

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        if request.match_info["ticket"] not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.remove(request.match_info["ticket"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json(
            {"type": "hello", "num_connections": 1, "connection_info": {"app_id": self.workspace.app}}
        )
        sent: dict[str, Owed] = {}
        sending = asyncio.create_task(self._send(socket, sent))
        self.sockets.add(socket)
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    answer = msgspec.json.decode(message.data)
                    owed = sent.get(str(answer.get("envelope_id")))
                    if owed is not None:
                        payload = answer.get("payload")
                        self._acknowledged(owed, msgspec.json.encode(payload) if payload else b"")
        finally:
            self.sockets.discard(socket)
            sending.cancel()
        return socket

    async def _send(self, socket: web.WebSocketResponse, sent: dict[str, Owed]) -> None:
        while not socket.closed:
            self.workspace.arrived.clear()
            for owed in [one for one in self.workspace.owed if one not in sent.values()]:
                id_ = str(uuid4())
                sent[id_] = owed
                more = {"accepts_response_payload": owed.kind == "slash_commands"}
                await socket.send_json({"envelope_id": id_, "type": owed.kind, "payload": owed.body, **more})
            await self.workspace.arrived.wait()

    async def refresh(self) -> None:
        """Ask the app for a new socket, as Slack does every few hours; what was not acknowledged comes again there."""
        for socket in list(self.sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession()
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        for socket in list(self.sockets):
            await socket.close()
        if self._client is not None:
            await self._client.close()


def _bad_gateway() -> web.Response:
    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


class Undelivered(AssertionError):
    """The app did not take what it was owed."""


async def _arguments(request: web.Request) -> dict[str, Any]:
    """From JSON, a form or the query."""
    if request.content_type == "application/json":
        given = msgspec.json.decode(await request.read() or b"{}")
        return dict(given)
    return {**dict(request.query), **dict(await request.post())}
