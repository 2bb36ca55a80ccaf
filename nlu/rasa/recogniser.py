"""The recogniser with Rasa as its classifier, and another one to stand in whenever Rasa does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.model import Control, Parse
from bot.observe import logger
from bot.observe.metrics import STOOD_IN
from bot.ports import Recogniser, Tended
from nlu import rules
from nlu.errors import BadExamples
from nlu.front import LOCALE, RULES, Front, Seen
from nlu.live import changes
from nlu.rasa.client import Client
from nlu.rasa.errors import RasaBusy, RasaDown, RasaGarbled
from nlu.rasa.reading import Entities, intents
from nlu.rasa.watch import Watch
from nlu.text import LONGEST, plain

log = logger("parley.rasa")

RASA = "rasa"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Learnt:
    """What is known of the examples: `wanted` is how the name of a Rasa model of them begins."""

    front: Front
    entities: Entities
    labels: frozenset[str]
    wanted: str


@dataclass(frozen=True, slots=True)
class Again:
    """How a running site takes up changed examples: `learnt` reads them, once another model is named in `models`."""

    models: Path
    learnt: Callable[[], Learnt]


@dataclass(slots=True)
class RasaRecogniser:
    """Implements `bot.ports.Recogniser` and `Tended`. Asks Rasa only while `run` finds it well, or once `begin` did.

    Without a stand-in a message that Rasa cannot read has no intent, and backend "none".
    """

    learnt: Learnt
    client: Client
    watch: Watch
    at_once: int
    standin: Recogniser | None = None
    again: Again | None = None
    _places: asyncio.Semaphore = field(init=False)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)

    @property
    def labels(self) -> frozenset[str]:
        """The intents that it can name."""
        return self.learnt.labels

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """ "human" or "stop" by rule alone."""
        return rules.control(text)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """Intent and entities; never raises for odd text or because of Rasa."""
        began = time.perf_counter()
        if not self.watch.up and self.standin is not None:
            return await self._instead("RasaDown", self.standin, text, locale)
        seen = self.learnt.front.read(text)
        if seen.intent is not None:
            return self._parse(began, seen, locale)
        try:
            return await self._asked(began, seen, text, locale)
        except RasaBusy:
            reason = "RasaBusy"
        except (RasaDown, RasaGarbled) as error:
            self.watch.failed(error)
            reason = type(error).__name__
        if self.standin is not None:
            return await self._instead(reason, self.standin, text, locale)
        return Parse("", 0.0, (), seen.entities, locale or LOCALE, NONE, NONE, _since(began))

    async def _asked(self, began: float, seen: Seen, text: str, locale: str | None) -> Parse:
        if not self.watch.up:
            raise RasaDown(self.watch.why)
        if self.standin is not None and self._places.locked():
            raise RasaBusy()
        text = text[:LONGEST]
        async with self._places:
            answer = await self.client.parse(text)
            intent, ranking = intents(answer)
            if seen.wish and (meant := intents(await self.client.parse(seen.wish)))[0]:
                intent, ranking = meant
        if rules.left_open(intent, plain(text)):
            intent = ""
        entities = self.learnt.entities.merged(text, seen.entities, answer.entities)
        self.watch.worked()
        return self._parse(began, Seen(entities, intent, by_rule=False, ranking=ranking), locale)

    def _parse(self, began: float, seen: Seen, locale: str | None) -> Parse:
        return Parse(
            intent=seen.intent or "",
            confidence=seen.ranking[0][1] if seen.ranking else 0.0,
            ranking=seen.ranking,
            entities=seen.entities,
            locale=locale or LOCALE,
            backend=RULES if seen.by_rule else RASA,
            model=self.watch.model or NONE,
            ms=_since(began),
        )

    @staticmethod
    async def _instead(reason: str, standin: Recogniser, text: str, locale: str | None) -> Parse:
        STOOD_IN.labels(reason).inc()
        return await standin.parse(text, locale)

    # Kept going by a served site

    async def begin(self) -> None:
        """Open the way to Rasa and look for it once; that it is not there is no error."""
        if tended := _tended(self.standin):
            await tended.begin()
        await self.client.open()
        await self.watch.look()

    async def run(self) -> None:
        """Look after Rasa and for changed examples, and let the stand-in look after itself."""
        going = [self.watch.run(), self._relearn()]
        if tended := _tended(self.standin):
            going.append(tended.run())
        await asyncio.gather(*going)

    async def _relearn(self) -> None:
        if self.again is None:
            return
        async for _ in changes(self.again.models, self._ending):
            try:
                self.learnt = await asyncio.to_thread(self.again.learnt)
            except (BadExamples, OSError) as wrong:
                log.error("changed examples cannot be read; the old ones stay", reason=str(wrong))
                continue
            # A Rasa that was trained on the old ones is not asked about the new.
            self.watch.wanted = self.learnt.wanted
            await self.watch.look()

    async def stop(self) -> None:
        """Begin nothing more."""
        self._ending.set()
        await self.watch.stop()
        if tended := _tended(self.standin):
            await tended.stop()

    async def close(self) -> None:
        """Close the way to Rasa."""
        await self.client.close()
        if tended := _tended(self.standin):
            await tended.close()

    async def ready(self) -> str:
        """Which backend reads. Raises `RasaDown` where there is no other."""
        if self.watch.up:
            return f"Rasa reads, model {self.watch.model}"
        if self.standin is None:
            raise RasaDown(self.watch.why)
        standin = await tended.ready() if (tended := _tended(self.standin)) else "the embedded recogniser reads"
        return f"{standin}, without Rasa: {self.watch.why}"


def _tended(one: object) -> Tended | None:
    return one if isinstance(one, Tended) else None


def _since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
