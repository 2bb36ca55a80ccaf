"""The outbox worker: each conversation's rows in order, within the platform's limits, never dropped in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.errors import Fenced, SendPermanent, SendTemporary, SendUncertain, StoreUnavailable
from bot.lanes import Lanes
from bot.ports import Channel, Clock, OutboxClaim, Store

log = logging.getLogger("parley.delivery")

BACKOFF = (1.0, 3.0, 10.0, 30.0, 120.0, 600.0)
"""Seconds before the next try after each temporary failure; the row is a dead letter after the last."""


class DeliveryObserver(Protocol):
    """What is told of sends: metrics and alerts."""

    def sent(self, channel: str, status: Literal["sent", "retry", "dead", "expired", "withheld"]) -> None:
        """One send ended so."""
        ...


@dataclass(frozen=True, slots=True)
class Sending:
    """Durations in seconds: a send's own deadline is shorter than its lease."""

    lease: float = 30.0
    deadline: float = 20.0


class Delivery:
    """Sends what the outbox holds until it is stopped."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Clock,
        *,
        lanes: int = 32,
        sending: Sending | None = None,
        observer: DeliveryObserver | None = None,
    ) -> None:
        self._store, self._channels, self._clock = store, dict(channels), clock
        self._lanes = Lanes(lanes)
        self._sending = sending or Sending()
        self._observer = observer
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Claim and send until `stop`; then let the sends in flight finish."""
        watch = self._store.watch("outbox")
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            while not self._stopping.is_set():
                if not self._lanes.free:
                    await self._lanes.room()
                elif not await self._claim():
                    waiting = asyncio.create_task(watch.wait(0.5))
                    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
                    if not waiting.done():
                        waiting.cancel()
        finally:
            stopping.cancel()
            watch.close()
            await self._lanes.finish()

    async def stop(self) -> None:
        """Claim no more; `run` returns when the sends in flight are done."""
        self._stopping.set()

    async def _claim(self) -> bool:
        try:
            held = await self._store.claim_outbox(self._lanes.free, lease=self._sending.lease)
        except StoreUnavailable as error:
            log.error("store unavailable", extra={"error": str(error)})
            await asyncio.sleep(1.0)
            return False
        for row in held:
            self._lanes.start(self._guarded(row))
        return bool(held)

    async def _guarded(self, held: OutboxClaim) -> None:
        try:
            await self.one(held)
        except Fenced:
            log.warning("send fenced", extra={"conversation": held.conversation})
        except StoreUnavailable as error:
            log.error("store unavailable", extra={"error": str(error)})

    async def one(self, held: OutboxClaim) -> None:
        """Send one row and record how it went. Raises `Fenced`, `StoreUnavailable`."""
        try:
            why = self._refused(held)
        except Exception as error:  # boundary: an adapter's bug in its window must not keep the row for ever
            log.exception("adapter failed", extra={"channel": held.address.channel})
            await self._retry(held, type(error).__name__, uncertain=held.uncertain)
            return
        if why is not None:
            status, reason = why
            await self._store.dead(held, status=status, reason=reason)
            self._tell(held, status)
            return
        channel = self._channels[held.address.channel]
        try:
            async with asyncio.timeout(self._sending.deadline):
                found = await channel.find(held) if held.uncertain and channel.capabilities.reconciles else None
                platform_id = found if found is not None else await channel.send(held)
        except SendPermanent as error:
            await self._store.dead(held, status="dead", reason=str(error))
            self._tell(held, "dead")
        except (SendUncertain, TimeoutError) as error:
            await self._retry(held, str(error) or "no answer in time", uncertain=True)
        except SendTemporary as error:
            await self._retry(held, str(error), uncertain=held.uncertain, after=error.retry_after)
        except Exception as error:  # boundary: an adapter's bug must not stop the other conversations
            log.exception("adapter failed", extra={"channel": held.address.channel})
            await self._retry(held, type(error).__name__, uncertain=True)
        else:
            await self._store.sent(held, platform_id=platform_id, at=self._clock.now())
            self._tell(held, "sent")

    def _refused(self, held: OutboxClaim) -> tuple[Literal["dead", "expired", "withheld"], str] | None:
        """Why this row must not be sent now, checked at the last moment."""
        now, said = self._clock.now(), held.said
        channel = self._channels.get(held.address.channel)
        if channel is None:
            return "dead", f"no channel {held.address.channel} is configured"
        if said.expires_at is not None and now >= said.expires_at:
            return "expired", "it came too late to be of use"
        if said.private and held.address.kind != "private":
            return "dead", "it names an account and the chat is not private"
        if held.purpose in ("reply", "proactive") and held.party != "bot" and not said.author:
            return "withheld", "a person holds the conversation"
        if channel.window(held.last_inbound_at, now) != "open" and held.purpose != "agent":
            return "dead", "the platform's window for free replies has closed"
        return None

    async def _retry(self, held: OutboxClaim, reason: str, *, uncertain: bool, after: float | None = None) -> None:
        if held.tries >= len(BACKOFF):
            await self._store.dead(held, status="dead", reason=f"given up after {held.tries + 1} tries: {reason}")
            self._tell(held, "dead")
            return
        delay = max(after or 0.0, BACKOFF[held.tries])
        await self._store.unsent(held, delay=delay, reason=reason, uncertain=uncertain)
        self._tell(held, "retry")

    def _tell(self, held: OutboxClaim, status: Literal["sent", "retry", "dead", "expired", "withheld"]) -> None:
        if self._observer is not None:
            self._observer.sent(held.address.channel, status)
