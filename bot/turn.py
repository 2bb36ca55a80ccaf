"""The turn worker: claim, run, checkpoint, commit. One turn at a time in a conversation, many conversations at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from bot.bridge import Bridge
from bot.conversation import Conversation
from bot.errors import Conflict, Fenced, NewerJournal, Permanent, StoreUnavailable
from bot.lanes import Lanes
from bot.ports import Claim
from bot.routing import Thresholds
from bot.script.cases import open_for
from bot.script.scope import Host, Scope

log = logging.getLogger("parley.turn")

RELEASE = 1
"""This engine's release: states that need a later one are left to later workers."""
LONGEST_WAIT = 30.0
"""Seconds at most before a failed inbound is tried again, however often it was begun."""


class Deadly(Permanent):
    """An inbound has ended its worker every time it was tried."""


class TurnObserver(Protocol):
    """What is told of turns: metrics, and the developer's pane."""

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        ...

    def failed(self, error: str, *, parked: bool) -> None:
        """A turn failed; `parked`: for good, a person has the case."""
        ...


class Turns:
    """Runs turns until it is stopped."""

    def __init__(
        self,
        host: Host,
        bridge: Bridge,
        *,
        lanes: int = 128,
        thresholds: Thresholds | None = None,
        observer: TurnObserver | None = None,
    ) -> None:
        self.host, self.bridge = host, bridge
        self.thresholds = thresholds or Thresholds()
        self._observer = observer
        self._lanes = Lanes(lanes)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Claim and run turns until `stop`; then let those in flight finish."""
        watch = self.host.store.watch("turns")
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
        """Claim no more; `run` returns when the turns in flight are done."""
        self._stopping.set()

    async def _claim(self) -> bool:
        """Start a lane for each conversation that is ready, as far as there is room; whether there was any."""
        try:
            claims = await self.host.store.claim(self._lanes.free, lease=self.host.limits.lease, release=RELEASE)
        except StoreUnavailable as error:
            log.error("store unavailable", extra={"error": str(error)})
            await asyncio.sleep(1.0)
            return False
        for claim in claims:
            self._lanes.start(self._lane(claim))
        return bool(claims)

    async def _lane(self, claim: Claim) -> None:
        following: Claim | None = claim
        while following is not None:
            following = await self.one(following)

    async def one(self, claim: Claim) -> Claim | None:
        """Run one turn; returns the next inbound's claim, if one waits. Never raises for what one turn does."""
        begun = time.perf_counter()
        if claim.tries >= self.host.limits.poison:
            return await self._failed(claim, Deadly(f"tried {claim.tries} times"))
        scope, conversation = self._open(claim)
        try:
            redelivered = conversation.load()
            await self._bounded(conversation.handle(redelivered))
            following = await self.host.store.commit(scope.claim, scope.work(False), lease=self.host.limits.lease)
        except Fenced:
            return None
        except NewerJournal:
            await self._give_back(scope.claim, delay=1.0, failed=False)
            return None
        except StoreUnavailable as error:
            log.error("store unavailable", extra={"error": str(error)})
            await self._give_back(scope.claim, delay=1.0, failed=False)
            return None
        except Conflict as error:
            log.warning("turn refused, will be tried again", extra={"error": str(error)})
            return await self._failed(scope.claim, error)
        except Exception as error:  # boundary: one turn must not stop the others
            return await self._failed(scope.claim, error)
        if self._observer is not None:
            self._observer.turn(self._trace(scope), time.perf_counter() - begun)
        return following

    async def _bounded(self, handling: Coroutine[Any, Any, None]) -> None:
        """Each verb is bounded by itself; what botbuilder's own dialogs await is not."""
        if not self.bridge.hosts_foreign:
            await handling
            return
        async with asyncio.timeout(self.host.limits.turn + 5):
            await handling

    def _open(self, claim: Claim) -> tuple[Scope, Conversation]:
        host = self.host
        scope = Scope(
            host=host,
            claim=claim,
            now=host.clock.now(),
            locale=host.texts.locale(claim.locale or claim.inbound.locale),
            route=_no_route,
            snapshot=_no_snapshot,
            until=time.monotonic() + host.limits.turn,
        )
        conversation = Conversation(bridge=self.bridge, scope=scope, thresholds=self.thresholds)
        scope.route = conversation.route
        scope.snapshot = conversation.snapshot
        return scope, conversation

    def _trace(self, scope: Scope) -> dict[str, Any]:
        claim, parse = scope.claim, scope.parse
        return {
            **scope.trace,
            "conversation": claim.conversation,
            "seq": claim.seq,
            "kind": claim.inbound.kind,
            "parse": parse,
            "rows": scope.rows,
        }

    async def _give_back(self, claim: Claim, *, delay: float, failed: bool) -> None:
        try:
            await self.host.store.release(claim, delay=delay, failed=failed)
        except (Fenced, StoreUnavailable):
            log.info("claim left to its lease", extra={"conversation": claim.conversation})

    async def _failed(self, claim: Claim, error: Exception) -> Claim | None:
        last = claim.tries + 1 >= self.host.limits.poison
        log.error(
            "turn failed",
            exc_info=error,
            extra={"conversation": claim.conversation, "seq": claim.seq, "tries": claim.tries + 1},
        )
        if self._observer is not None:
            self._observer.failed(type(error).__name__, parked=last)
        if not last:
            await self._give_back(claim, delay=min(LONGEST_WAIT, 0.2 * 4**claim.tries), failed=True)
            return None
        return await self._park(claim, error)

    async def _park(self, claim: Claim, error: Exception) -> Claim | None:
        """A message that fails every time: say so, open a case, leave the dialog that cannot read it, and go on."""
        scope, conversation = self._open(claim)
        left = False
        try:
            conversation.load()
            if conversation.stacks:
                conversation.drop(conversation.stacks[-1])
                left = True
        except Exception:  # boundary: the state itself may be what cannot be read; the case holds its conversation
            conversation.stacks = []
        scope.audit("turn.parked", f"{claim.conversation}.{claim.seq}", error=type(error).__name__)
        if claim.inbound.kind in ("message", "press", "file") or (left and scope.case_id is None):
            about = {"seq": claim.seq, "error": type(error).__name__}
            case = open_for(scope, "poison_message", about=about, op="", summary="A message could not be handled.")
            scope.tell("host.poison", reference=case.reference)
        try:
            return await self.host.store.commit(scope.claim, scope.work(False), lease=self.host.limits.lease)
        except (Fenced, Conflict, StoreUnavailable):
            await self._give_back(claim, delay=5.0, failed=True)
            return None


async def _no_route(*_: object) -> Any:
    raise RuntimeError("The turn has no conversation yet.")


def _no_snapshot(_: bool) -> bytes:
    raise RuntimeError("The turn has no conversation yet.")


async def sweep_timers(
    host: Host, *, every: float, stopping: asyncio.Event, tick: Callable[[], None] = lambda: None
) -> None:
    """Turn due timers into inbounds every `every` seconds until `stopping`. Any worker may do it."""
    while not stopping.is_set():
        try:
            await host.store.due_timers(host.clock.now())
            tick()
        except StoreUnavailable as error:
            log.error("store unavailable", extra={"error": str(error)})
        try:
            await asyncio.wait_for(stopping.wait(), every)
        except TimeoutError:
            continue
