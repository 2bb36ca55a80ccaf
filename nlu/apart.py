"""The embedded recogniser in a process of its own, so that reading never holds the site's loop up.

Messages wait in a bounded queue and go over in batches. When the process dies, what it had not answered is asked again
of the next one. A process that reads by newer examples takes over between two messages, without a restart.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from bot.model import Control, Parse
from bot.observe.metrics import PARSER_STARTS, PARSES_WAITING
from nlu import rules, wire
from nlu.chain import Chain
from nlu.child import Child
from nlu.errors import ParserGone
from nlu.front import LOCALE
from nlu.live import changes

log = logging.getLogger("parley.understanding")

QUEUE = 512
"""Messages waiting or being read; whoever comes on top waits for a place."""
BATCH = 16
"""Messages that are with the process at once."""
TRIES = 2
"""Deaths while one and the same message was being read, after which it is left unread."""
STUCK = 10.0
"""Seconds without an answer, after which the process is taken for dead."""
PAUSE, LONGEST_PAUSE = 0.1, 10.0
"""Seconds before a process that could not be started is tried again: doubled each time."""


@dataclass(slots=True, eq=False)
class _Waiting:
    ask: wire.Ask
    answer: asyncio.Future[Parse]
    deaths: int = 0


@dataclass(slots=True)
class Apart:
    """Implements `bot.ports.Recogniser` and `Tended`. Before `begin` and after `close` it reads in this process."""

    here: Chain
    plan: wire.Plan
    today: Callable[[], date]
    _queue: deque[_Waiting] = field(default_factory=deque)
    _with: dict[int, _Waiting] = field(default_factory=dict)
    _ids: itertools.count[int] = field(default_factory=itertools.count)
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUEUE))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _keeping: asyncio.Task[None] | None = None
    _child: Child | None = None
    _next: Child | None = None
    _hearing: Child | None = None
    """the process, while its answers are heard"""
    _busy: float = 0.0
    """since when, by the monotonic clock, it has had something to read and said nothing"""
    _why: str = "it is starting"

    @property
    def labels(self) -> tuple[str, ...]:
        """The intents that it can name."""
        return self.here.labels

    @property
    def model(self) -> object:
        """The model that this process would read with."""
        return self.here.model

    @property
    def pid(self) -> int | None:
        """The parse process's id, while there is one."""
        return self._child.process.pid if self._child else None

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """ "human" or "stop" by rule alone."""
        return rules.control(text)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """Intent and entities; never raises for odd text, and waits while the process is being replaced."""
        if self._keeping is None:
            return await self.here.parse(text, locale)
        async with self._places:
            sound = text.encode("utf-8", "replace").decode()  # half of a surrogate pair cannot be sent
            ask = wire.Ask(next(self._ids), sound, locale, self.today().isoformat())
            waiting = _Waiting(ask, asyncio.get_running_loop().create_future())
            self._ask(waiting)
            parse = await waiting.answer
        if sound != text:
            entities = tuple(replace(e, text=text[e.start : e.end]) for e in parse.entities)
            return replace(parse, entities=entities)
        return parse

    def _ask(self, waiting: _Waiting) -> None:
        if self._hearing is not None and self._next is None and not self._queue and len(self._with) < BATCH:
            # The common case goes over at once: a turn of the loop less for whoever waits.
            self._put(waiting)
            self._hearing.post(waiting.ask)
        else:
            self._queue.append(waiting)
            self._wake.set()
        PARSES_WAITING.set(len(self._queue) + len(self._with))

    # Kept going by a served site

    async def begin(self) -> None:
        """Start the process; messages wait until it reads."""
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep(), name="parse process")

    async def run(self) -> None:
        """Watch for another model until `stop`."""
        async for _ in changes(Path(self.plan.cache), self._ending):
            await self._renew()

    async def stop(self) -> None:
        """Look for nothing more; messages are still read until `close`."""
        self._ending.set()

    async def close(self) -> None:
        """End the process."""
        self._ending.set()
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
        for child in (self._child, self._next):
            if child is not None:
                await child.end()
        self._child = self._next = None
        while self._queue or self._with:
            waiting = self._queue.popleft() if self._queue else self._with.pop(next(iter(self._with)))
            self._settle(waiting, _unread(waiting))

    async def ready(self) -> str:
        """What reads. Raises `ParserGone` where the process cannot be started."""
        if self._keeping is None:
            return _said(self.here.model.backend, self.here.model.id)
        if self._child is not None:
            return _said(self._child.ready.backend, self._child.ready.model)
        if self._why != "it is starting":
            raise ParserGone(self._why)
        return f"{_said(self.here.model.backend, self.here.model.id)}, its process starting"

    async def _renew(self) -> None:
        try:
            child = await Child.start(self.plan)
        except (ParserGone, OSError) as wrong:
            log.error("the new model cannot be read with; the old one stays", extra={"reason": str(wrong)})
            return
        if self._keeping is None:
            await child.end()
            return
        self._next = child
        self._wake.set()

    # The process

    async def _keep(self) -> None:
        pause = PAUSE
        while True:
            try:
                if self._next is not None:
                    self._child, self._next = self._next, None
                else:
                    self._child = await Child.start(self.plan)
                PARSER_STARTS.inc()
                pause = PAUSE
                await self._serve(self._child)
            except (ParserGone, OSError) as wrong:
                self._why = str(wrong)
                log.error("the parse process ended", extra={"reason": self._why, "asked": len(self._with)})
                self._take_back()
                if self._child is None:
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
            finally:
                child, self._child = self._child, None
                if child is not None:
                    await child.end()

    async def _serve(self, child: Child) -> None:
        """Ask and hear until it dies (raises `ParserGone`), or until another one is to take over."""
        hearing = asyncio.create_task(self._hear(child))
        hearing.add_done_callback(lambda _: self._wake.set())
        self._hearing = child
        try:
            while not hearing.done():
                self._wake.clear()
                if self._next is not None:
                    if not self._with:
                        return
                elif self._queue and len(self._with) < BATCH:
                    await child.ask(self._batch())
                    continue
                await self._wake.wait()
            await hearing
        finally:
            self._hearing = None
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    def _batch(self) -> list[wire.Ask]:
        asks: list[wire.Ask] = []
        while self._queue and len(self._with) < BATCH:
            waiting = self._queue.popleft()
            if not waiting.answer.done():  # whoever has given up needs no reading
                self._put(waiting)
                asks.append(waiting.ask)
        return asks

    def _put(self, waiting: _Waiting) -> None:
        if not self._with:
            self._busy = time.monotonic()
        self._with[waiting.ask.id] = waiting

    async def _hear(self, child: Child) -> None:
        while True:
            try:
                async with asyncio.timeout(STUCK):
                    answers = await child.answers()
            except TimeoutError:
                # A message may have come in the last moment of a long silence: that is no hanging yet.
                if self._with and time.monotonic() - self._busy >= STUCK:
                    raise ParserGone(f"No answer within {STUCK:g} s.") from None
                continue
            self._busy = time.monotonic()
            for answer in answers:
                if waiting := self._with.pop(answer.id, None):
                    self._settle(waiting, answer.parse)
            if len(self._with) <= BATCH // 2:
                self._wake.set()

    def _take_back(self) -> None:
        """What a dead process had not answered is asked again, in its order; the first one was being read."""
        left = list(self._with.values())
        self._with.clear()
        if left:
            left[0].deaths += 1
            if left[0].deaths >= TRIES:
                log.error(
                    "a message is left unread: the parse process died of it", extra={"length": len(left[0].ask.text)}
                )
                self._settle(left[0], _unread(left[0]))
                left = left[1:]
        self._queue.extendleft(reversed(left))

    def _settle(self, waiting: _Waiting, parse: Parse) -> None:
        if not waiting.answer.done():
            waiting.answer.set_result(parse)
        PARSES_WAITING.set(len(self._queue) + len(self._with))


def _unread(waiting: _Waiting) -> Parse:
    return Parse("", 0.0, locale=waiting.ask.locale or LOCALE, backend="none", model="none")


def _said(backend: str, model: str) -> str:
    how = "words and meaning" if backend == "hybrid" else "words alone (there is no sentence encoder)"
    return f"the embedded recogniser reads by {how}, model {model}"
