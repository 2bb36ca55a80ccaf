"""A made-up platform at its barest: text alone, threads, a window that closes; and our channel on it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from aiohttp import web

from adapters.intake import Intake
from adapters.render import Limits, LinkMinter, Part, Progress, Renderer
from adapters.render.minting import FileMinter
from bot.errors import SendPermanent, SendTemporary, SendUncertain
from bot.model import Address, Inbound, Window
from bot.ports import Capabilities, OutboxClaim
from bot.web import BadBody, Forbidden

HEADER = "X-Plain-Secret"
LIMITS = Limits(text=320)

Fault = Literal["fine", "busy", "gone", "silent", "lost"]
"""The next send: as usual; refused for now, or for good; done without an answer; not done and without an answer."""


class SecretWrong(Forbidden):
    """The caller does not know this connection's secret."""


class TooLong(SendPermanent):
    """The message is longer than this platform takes."""


@dataclass(slots=True)
class PlainPlatform:
    """What the platform keeps: messages by (user, thread), oldest first; ours have the id that our send returned."""

    threads: dict[tuple[str, str], list[tuple[str, str]]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    sent: int = 0

    def post(self, user: str, thread: str, text: str) -> str:
        """Take a message of ours; returns its id. Raises as the fault that is due says."""
        if not text or LIMITS.measure(text) > LIMITS.text:
            raise TooLong(f"{len(text)} characters, at most {LIMITS.text}")
        fault = self.faults.pop(0) if self.faults else None
        if fault == "busy":
            raise SendTemporary("the platform is busy", retry_after=7)
        if fault == "gone":
            raise SendPermanent("the platform does not know this person")
        if fault == "lost":
            raise SendUncertain
        self.sent += 1
        self.threads.setdefault((user, thread), []).append((f"p{self.sent}", text))
        if fault == "silent":
            raise SendUncertain
        return f"p{self.sent}"


class _Event(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    user: str
    at: float
    text: str = ""
    thread: str = ""
    group: bool = False
    edited: bool = False


_decoder = msgspec.json.Decoder(_Event)


class PlainChannel:
    """Text in, text out. A free reply may be sent for an hour after the customer's last message."""

    name = "plain"
    capabilities = Capabilities(buttons=0, button_label=0, text=LIMITS.text)

    def __init__(
        self,
        platform: PlainPlatform,
        intake: Intake,
        *,
        brand: str,
        secret: str,
        links: LinkMinter,
        files: FileMinter | None = None,
        connection: str = "plain",
        closes: timedelta = timedelta(hours=1),
    ) -> None:
        self._platform, self._intake = platform, intake
        self._brand, self._connection = brand, connection
        self._secret, self._closes = secret.encode(), closes
        self._renderer = Renderer(LIMITS, links, files)
        self._progress = Progress()

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Closed for good an hour after the customer's last message."""
        return "open" if last_inbound is not None and now - last_inbound <= self._closes else "closed"

    async def send(self, held: OutboxClaim) -> str:
        """Post the parts in the customer's thread. Raises what `PlainPlatform.post` raises."""

        async def one(part: Part) -> str:
            return self._platform.post(held.address.user, held.address.thread, part.text)

        return await self._progress.send(held, await self._renderer.parts(held.said, held.conversation), one)

    async def find(self, held: OutboxClaim) -> str | None:
        """Never asked: this platform cannot tell."""
        return None

    def routes(self) -> list[web.RouteDef]:
        """`POST /channels/plain`."""
        return [web.post("/channels/plain", self._receive, name="plain-events")]

    async def _receive(self, request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get(HEADER, "").encode("utf-8", "replace"), self._secret):
            raise SecretWrong
        try:
            event = _decoder.decode(await request.read())
            at = datetime.fromtimestamp(event.at, UTC)
        except (msgspec.MsgspecError, ValueError, OverflowError, OSError, RecursionError) as error:
            raise BadBody from error
        await self._intake.take(
            Inbound(
                key=event.id,
                kind="message",
                at=at,
                address=Address(
                    self._brand,
                    self._connection,
                    self.name,
                    event.user,
                    "group" if event.group else "private",
                    event.thread,
                ),
                text=event.text,
                data={"edited": True} if event.edited else {},
            )
        )
        return web.Response(status=200)
