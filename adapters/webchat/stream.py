"""The WebSocket stream: a single-use address, one socket a conversation, replay, then the log as it grows."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from adapters.webchat.activities import Shaper
from adapters.webchat.keys import fresh, hashed
from adapters.webchat.problems import StreamSpent
from adapters.webchat.settings import WebChatSettings
from bot.errors import Conflict, StoreUnavailable, Temporary
from bot.observe import logger
from bot.observe.metrics import LIMITED, SOCKETS, SOCKETS_CLOSED
from bot.ports import Clock, Sql, Store
from bot.web import TooMany, sender

log = logger("parley.webchat")

PAGE = 200
"""Entries read, and sent, at a time: what a slow reader can make us hold."""

_HEARTBEAT = 30.0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to be a conversation's one socket, until a higher epoch exists."""

    conversation: str
    epoch: int
    watermark: int


class StreamTokens:
    """Issues and redeems the `t` of stream addresses. Only hashes are stored; each works once, for a minute."""

    def __init__(self, store: Store, clock: Clock, *, seconds: int) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._swept = 0.0

    async def issue(self, conversation: str, watermark: int) -> str:
        """A new `t` for this conversation, replaying from behind `watermark`."""
        now = self._clock.now().timestamp()
        token = fresh()
        await self._store.change(
            [
                Sql(
                    "INSERT INTO stream_token (token_hash, conversation, watermark, expires_at) "
                    "VALUES (:hash, :conversation, :watermark, :expires)",
                    {
                        "hash": hashed(token),
                        "conversation": conversation,
                        "watermark": watermark,
                        "expires": now + self._seconds,
                    },
                ),
                Sql(
                    "INSERT INTO socket (conversation, epoch, opened_at) VALUES (:conversation, 0, :now) "
                    "ON CONFLICT (conversation) DO NOTHING",
                    {"conversation": conversation, "now": now},
                ),
            ]
        )
        await self._sweep(now)
        return token

    async def redeem(self, conversation: str, token: str) -> Lease:
        """Use `t` up and become the conversation's newest socket. Raises `StreamSpent`."""
        # More than once: only another socket that opens at this very moment can make the first try fail for a live
        # token.
        for _ in range(5):
            now = self._clock.now().timestamp()
            found = await self._store.query(
                "SELECT t.watermark AS watermark, s.epoch AS epoch FROM stream_token t "
                "JOIN socket s ON s.conversation = t.conversation WHERE t.token_hash = :hash "
                "AND t.conversation = :conversation AND t.used_at IS NULL AND t.expires_at > :now",
                hash=hashed(token),
                conversation=conversation,
                now=now,
            )
            if not found:
                break
            was = int(found[0]["epoch"])
            try:
                await self._store.change(
                    [
                        Sql(
                            "UPDATE stream_token SET used_at = :now WHERE token_hash = :hash AND used_at IS NULL",
                            {"now": now, "hash": hashed(token)},
                            rows=1,
                        ),
                        Sql(
                            "UPDATE socket SET epoch = :epoch, opened_at = :now "
                            "WHERE conversation = :conversation AND epoch = :was",
                            {"epoch": was + 1, "now": now, "conversation": conversation, "was": was},
                            rows=1,
                        ),
                    ]
                )
            except Conflict:
                continue
            return Lease(conversation, was + 1, int(found[0]["watermark"]))
        raise StreamSpent

    async def _sweep(self, now: float) -> None:
        if time.monotonic() - self._swept < self._seconds:
            return
        self._swept = time.monotonic()
        try:
            await self._store.change(
                [
                    Sql("DELETE FROM stream_token WHERE expires_at < :now", {"now": now}),
                    Sql("DELETE FROM web_session WHERE expires_at < :now", {"now": now}),
                ]
            )
        except StoreUnavailable as error:
            log.warning("old tokens and sessions were left for the next sweep", exc_info=error)


class Sockets:
    """The sockets open in this process."""

    def __init__(self, store: Store, shaper: Shaper, settings: WebChatSettings) -> None:
        self._store = store
        self._shaper = shaper
        self._settings = settings
        self._open: set[web.WebSocketResponse] = set()
        self._from: Counter[str] = Counter()

    @property
    def open(self) -> int:
        """How many there are."""
        return len(self._open)

    def admit(self, request: web.Request) -> None:
        """Raises `TooMany` where this process, or the network address that asks, has as many as there may be."""
        address = sender(request, self._settings.proxies)
        if len(self._open) >= self._settings.sockets:
            LIMITED.labels("webchat", "sockets").inc()
            raise TooMany(retry_after=10)
        if address is not None and self._from[address] >= self._settings.sockets_per_address:
            LIMITED.labels("webchat", "sockets_per_address").inc()
            raise TooMany(retry_after=10)

    async def serve(self, request: web.Request, lease: Lease, user: str) -> web.WebSocketResponse:
        """Hold one socket until its client leaves, a newer one comes, its reader is too slow or we go down."""
        # Uncompressed: a deflate window per idle socket would cost more memory than all else it holds.
        socket = web.WebSocketResponse(timeout=2.0, heartbeat=_HEARTBEAT, max_msg_size=4096, compress=False)
        await socket.prepare(request)
        address = sender(request, self._settings.proxies) or ""
        self._open.add(socket)
        self._from[address] += 1
        SOCKETS.inc()
        why: list[str] = []
        tail = asyncio.create_task(self._tail(request, socket, lease, user, why))
        tail.add_done_callback(partial(_ended, lease.conversation, why))
        try:
            # The client's empty frames say that it is alive; nothing that it sends here means anything.
            async for _ in socket:
                pass
        finally:
            # No await from here: this task is itself cancelled once the connection is lost.
            self._open.discard(socket)
            self._from[address] -= 1
            if not self._from[address]:
                del self._from[address]
            SOCKETS.dec()
            if not why:
                tail.cancel()
        return socket

    async def close(self) -> None:
        """Say goodbye to all: the clients come back to another process, or to this one's successor."""
        sockets = list(self._open)
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY, message=b"restarting") for socket in sockets))

    async def _tail(
        self, request: web.Request, socket: web.WebSocketResponse, lease: Lease, user: str, why: list[str]
    ) -> None:
        """Send what the log holds and gets; close the socket when that is over, and put the reason into `why`."""
        watch = self._store.watch(f"log:{lease.conversation}")
        reason, code = "failed", int(WSCloseCode.INTERNAL_ERROR)
        try:
            reason, code = await self._follow(socket, lease, user, watch.wait)
        except asyncio.CancelledError:
            reason = "client"
            raise
        finally:
            watch.close()
            why.append(reason)
            if reason == "slow" and request.transport is not None:
                # What is buffered would wait for this reader for ever.
                request.transport.abort()
            elif reason != "client":
                await _part(socket, code, reason)

    async def _follow(
        self, socket: web.WebSocketResponse, lease: Lease, user: str, wait: Callable[[float], Awaitable[bool]]
    ) -> tuple[str, int]:
        position = lease.watermark
        typed: float | None = None
        spoke = time.monotonic()
        while True:
            try:
                epoch, newest, types = await self._state(lease.conversation)
                if epoch != lease.epoch:
                    return "collision", WSCloseCode.OK
                entries = (
                    await self._store.entries(lease.conversation, after=position, limit=PAGE)
                    if newest > position
                    else []
                )
                activities = await self._shaper.activities(entries, user)
                if typed is not None and types > typed:
                    activities.append(self._shaper.typing(lease.conversation, types))
                typed = types
            except Temporary as error:
                # The client comes back by itself, by then perhaps to a store that answers.
                log.warning("a socket lost its store", conversation=lease.conversation, exc_info=error)
                return "store", WSCloseCode.TRY_AGAIN_LATER
            if entries:
                position = entries[-1].pos
            frame = b""
            if activities:
                frame = msgspec.json.encode({"activities": activities, "watermark": str(position)})
            if frame or time.monotonic() - spoke >= self._settings.keep_alive:
                try:
                    async with asyncio.timeout(self._settings.slow):
                        await socket.send_frame(frame, WSMsgType.TEXT)
                except TimeoutError:
                    return "slow", WSCloseCode.TRY_AGAIN_LATER
                except ConnectionError:
                    return "client", WSCloseCode.OK
                spoke = time.monotonic()
            if len(entries) < PAGE:
                await wait(self._settings.poll)

    async def _state(self, conversation: str) -> tuple[int, int, float]:
        """The epoch of the conversation's newest socket, its log's last position, and when a person last typed."""
        found = await self._store.query(
            "SELECT s.epoch AS epoch, c.pos AS pos, coalesce(s.agent_typed_at, 0) AS typed "
            "FROM socket s JOIN conversation c ON c.id = s.conversation "
            "WHERE s.conversation = :conversation",
            conversation=conversation,
        )
        if not found:
            return -1, 0, 0.0
        return int(found[0]["epoch"]), int(found[0]["pos"]), float(found[0]["typed"])


async def _part(socket: web.WebSocketResponse, code: int, reason: str) -> None:
    """Say why, and do not wait long for the other side to agree."""
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await socket.close(code=code, message=reason.encode(), drain=False)


def _ended(conversation: str, why: list[str], tail: asyncio.Task[None]) -> None:
    """A socket is over: count it, and say why in the log."""
    failed = None if tail.cancelled() else tail.exception()
    reason = why[0] if why else "client"
    SOCKETS_CLOSED.labels(reason).inc()
    log.info("socket closed", conversation=conversation, reason=reason, exc_info=failed)
