"""A strict Graph API on this machine, for one Page: tokens, windows, limits, errors and signed webhooks as Meta's."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import aiohttp
import msgspec
from aiohttp import web

from adapters.fakes.chance import Mischief
from adapters.fakes.messenger_page import Event, Message, Page
from adapters.fakes.messenger_rules import Refusal, invalid

Fault = Literal[
    "fine", "busy", "gone", "silent", "lost", "broken", "dropped", "garbled", "transient", "token", "restricted",
    "window",
]  # fmt: skip
"""The next message: as usual; 613 (7 s); 551; done, or not done, and the connection cut; not done, or done, and 502;
done, but no JSON; code 2; 190; 10/1893063; 10/2018278."""

HEADER = "X-Hub-Signature-256"
_NOT_ASCII = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_ERRORS: Mapping[str, Callable[[], Refusal]] = {
    "busy": lambda: Refusal(613, 0, "Calls to this api have exceeded the rate limit.", retry_after=7),
    "gone": lambda: Refusal(551, 1545041, "This person isn't available right now."),
    "transient": lambda: Refusal(2, 0, "Service temporarily unavailable", status=500),
    "token": lambda: Refusal(190, 463, "Error validating access token: Session has expired", status=401),
    "restricted": lambda: Refusal(10, 1893063, "the Page is restricted"),
    "window": lambda: Refusal(10, 2018278, "This message is sent outside of allowed window."),
}


@dataclass(slots=True)
class Batched(Mischief[Fault]):
    """Events reach the webhook in bodies of up to `batch` besides."""

    batch: int = 1


class FakeMessenger:
    """One Page's Graph API. `routes()` are the API; `page` is what people see and do."""

    def __init__(
        self,
        page: str = "104000000000001",
        *,
        token: str = "EAAFakePageTokenForThisMachineOnly",
        app_id: str = "263000000000002",
        app_secret: str = "fake-app-secret-for-this-machine-only",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token, self.app_id, self.app_secret = token, app_id, app_secret
        self.page = Page(page, now, monotonic)
        self.mischief = Batched()
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.webhook = ""
        self.subscribed: set[str] = set()
        self.profile: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        """What people sent, by name."""
        self._client: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """`/<version>/<node>`, `/<version>/<node>/<edge>`, and what people sent."""
        return [
            web.get("/cdn/{name}", self._file, name="fake-messenger-file"),
            web.get(r"/{version:v\d+\.\d}/{node}", self._call, name="fake-graph-node"),
            web.route("*", r"/{version:v\d+\.\d}/{node}/{edge}", self._call, name="fake-graph"),
        ]

    def shown(self, user: str) -> list[Message]:
        """What a person has been sent, oldest first."""
        return [one for one in self.page.messages if one.user == user]

    # The Graph API

    async def _call(self, request: web.Request) -> web.StreamResponse:
        node, edge = request.match_info["node"], request.match_info.get("edge", "")
        self.calls.append(f"{request.method} {edge or 'node'}")
        try:
            given = await self._given(request)
            if edge == "messages" and "message" in given and request.method == "POST":
                return await self._message(request, given)
            return _json(await self._other(request.method, node, edge, given))
        except Refusal as refusal:
            headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
            return _json(refusal.body(), refusal.status, headers)

    async def _given(self, request: web.Request) -> dict[str, Any]:
        """The parameters, once the token has been checked. One in the address is refused: addresses are logged."""
        if "access_token" in request.query:
            raise invalid("the fake platform takes no token in an address")
        given: dict[str, Any] = dict(request.query)
        if request.method == "POST":
            try:
                given |= msgspec.json.decode(await request.read())
            except (msgspec.DecodeError, TypeError) as error:
                raise invalid("the body is no JSON object") from error
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = given.pop("access_token", bearer)
        if token == f"{self.app_id}|{self.app_secret}" and request.match_info.get("edge") == "subscriptions":
            return given
        if token != self.token:
            raise Refusal(190, 0, "Invalid OAuth access token.", status=401)
        proof = hmac.new(self.app_secret.encode(), self.token.encode(), "sha256").hexdigest()
        if given.pop("appsecret_proof", proof) != proof:
            raise invalid("Invalid appsecret_proof provided in the API argument")
        return given

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = self.files.get(request.match_info["name"])
        return web.Response(status=404) if found is None else web.Response(body=found)

    async def _message(self, request: web.Request, given: dict[str, Any]) -> web.StreamResponse:
        fault = self.faults.pop(0) if self.faults else self.mischief.fault()
        if fault in _ERRORS:
            raise _ERRORS[fault]()
        if fault == "broken":
            return _bad_gateway()
        answer: dict[str, Any] = {}
        if fault != "lost":
            answer, message = self.page.sent(given)
            if message is not None and "message_echoes" in self.subscribed:
                self._later(self.page.echo(message, self.app_id))
        if fault in ("lost", "silent"):
            assert request.transport is not None
            request.transport.abort()
        if fault == "dropped":
            return _bad_gateway()
        if fault == "garbled":
            return web.Response(text="<html>", content_type="text/html")
        return _json(answer)

    async def _other(self, method: str, node: str, edge: str, given: dict[str, Any]) -> dict[str, Any]:
        match method, edge:
            case "GET", "" if "account_linking_token" in given:
                person = self.page.linking.get(str(given["account_linking_token"]))
                if person is None:
                    raise Refusal(100, 0, "Invalid account_linking_token")
                return {"id": self.page.id, "recipient": person}
            case "GET", "" if node in (self.page.id, "me"):
                return {"id": self.page.id, "name": "Larkspur Mobile"}
            case "POST", "messages" if node in (self.page.id, "me"):
                return self.page.sent(given)[0]
            case "POST", "comments":
                return {"id": self.page.commented(node, str(given.get("message", ""))).id}
            case "GET", "comments":
                below = [one for one in self.page.comments.values() if one.below == node]
                return {"data": [{"id": one.id, "from": {"id": one.user}, "message": one.text} for one in below]}
            case "POST", "subscriptions" if node == self.app_id:
                return await self._subscribe(given)
            case "POST", "subscribed_apps" if node == self.page.id:
                self.subscribed = set(str(given.get("subscribed_fields", "")).split(","))
                return {"success": True}
            case "POST", "messenger_profile":
                self.profile |= given
                return {"result": "success"}
        raise Refusal(100, 33, "Unsupported request")

    async def _subscribe(self, given: dict[str, Any]) -> dict[str, Any]:
        """Set the webhook, once it repeats our challenge."""
        url, challenge = str(given.get("callback_url", "")), "1158201444"
        if not url.startswith(("https://", "http://127.0.0.1:")):
            # The real one takes https alone; this one, on the same machine, also loopback.
            raise invalid("callback_url must be https")
        query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": str(given["verify_token"])}
        try:
            async with self._session().get(url, params=query) as response:
                repeated = response.status == 200 and await response.text() == challenge
        except aiohttp.ClientError:
            repeated = False
        if not repeated:
            raise Refusal(2200, 0, "Callback verification failed")
        self.webhook = url
        return {"success": True}

    # The webhook

    def body(self, *events: Event) -> bytes:
        """One webhook's body as Meta writes it: one entry after the other, non-ASCII escaped."""
        raw = msgspec.json.encode({"object": "page", "entry": list(events)})
        return _NOT_ASCII.sub(_escaped, raw)

    def signature(self, body: bytes) -> str:
        """The header's value for these bytes."""
        return "sha256=" + hmac.new(self.app_secret.encode(), body, "sha256").hexdigest()

    async def post(self, *events: Event) -> int:
        """Post events in one body; a 200 acknowledges them. Returns the status."""
        body = self.body(*events)
        headers = {"Content-Type": "application/json", HEADER: self.signature(body)}
        async with self._session().post(self.webhook, data=body, headers=headers) as response:
            if response.status == 200:
                self.page.owed[:] = [one for one in self.page.owed if not any(one is event for event in events)]
            return response.status

    async def flush(self, tries: int = 20) -> list[int]:
        """Post what is owed until all of it is acknowledged; returns the statuses. Raises `Undelivered`."""
        statuses: list[int] = []
        for _ in range(tries):
            if not self.page.owed:
                return statuses
            waiting = [*self.page.owed, *(one for one in self.page.owed if self._again())]
            if self.mischief.disorder:
                self.mischief.chance.shuffle(waiting)
            while waiting:
                size = self.mischief.chance.randint(1, self.mischief.batch)
                statuses.append(await self.post(*waiting[:size]))
                waiting = waiting[size:]
        raise Undelivered(f"{len(self.page.owed)} events are still owed after {tries} rounds: {statuses[-5:]}")

    def _again(self) -> bool:
        return self.mischief.chance.random() < self.mischief.twice

    def _later(self, event: Event) -> None:
        """Echoes come by themselves."""
        if self.webhook:
            task = asyncio.create_task(self._posted(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _posted(self, event: Event) -> None:
        try:
            await self.post(event)
        except aiohttp.ClientError:
            # The app is not there; the event stays owed.
            return

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession()
        return self._client

    async def close(self) -> None:
        """Post what is under way and close the connections."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()


def _bad_gateway() -> web.Response:
    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


class Undelivered(AssertionError):
    """The webhook did not take what it was owed."""


def _escaped(found: re.Match[bytes]) -> bytes:
    units = found[0].decode("utf-8").encode("utf-16-be")
    return b"".join(b"\\u%04x" % int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
