"""Reads a message: the sure rules first, then the classifier, which says nothing rather than something doubtful."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.model import Control, Entity, Parse
from nlu import rules
from nlu.care import care
from nlu.entities import EntityFinder
from nlu.exact import any_month
from nlu.model import OUT_OF_SCOPE, Model
from nlu.text import LONGEST, plain

RULES = "rules"
LOCALE = "en-GB"


@dataclass(frozen=True, slots=True)
class Chain:
    """The recogniser of `bot.ports`. Holds no state of a conversation; a parse takes well under a millisecond."""

    model: Model
    find: EntityFinder

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """ "human" or "stop" by rule alone."""
        return rules.control(text)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """Intent and entities. Intent "" means that nothing fits; the ranking then says what came nearest."""
        began = time.perf_counter()
        intent, backend, ranking, entities = self._read(text)
        return Parse(
            intent=intent,
            confidence=ranking[0][1] if ranking else 0.0,
            ranking=ranking,
            entities=entities,
            locale=locale or LOCALE,
            backend=backend,
            model=self.model.id,
            ms=(time.perf_counter() - began) * 1000,
        )

    def _read(self, text: str) -> tuple[str, str, tuple[tuple[str, float], ...], tuple[Entity, ...]]:
        said = plain(text[:LONGEST])
        entities = self.find(text)
        if not said:
            return "", RULES, (), entities
        picked = rules.number(said)
        if picked is not None:
            return "", RULES, (), (Entity("number", picked, text.strip(), *_extent(text)), *entities)
        if intent := rules.control(text) or rules.answer(said) or care(said):
            return intent, RULES, ((intent, 1.0),), entities
        if intent := self._exactly(text, said, entities):
            return _known(intent), self.model.backend, _ranked(((intent, 1.0),)), entities
        ranking = self.model.ranking(text)
        if not ranking or ranking[0][1] < self.model.fit.threshold:
            return "", self.model.backend, _ranked(ranking), entities
        return _known(ranking[0][0]), self.model.backend, _ranked(ranking), entities

    def _exactly(self, text: str, said: str, entities: tuple[Entity, ...]) -> str | None:
        if intent := self.model.exact.get(said):
            return intent
        months = [(e.start, e.end) for e in entities if e.name == "month"]
        return self.model.exact.get(any_month(text[:LONGEST], months)) if months else None


def _known(intent: str) -> str:
    return "" if intent == OUT_OF_SCOPE else intent


def _ranked(ranking: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    """Without out of scope, which cannot be offered to a customer."""
    return tuple((intent, chance) for intent, chance in ranking if intent != OUT_OF_SCOPE)


def _extent(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, start + len(text.strip())
