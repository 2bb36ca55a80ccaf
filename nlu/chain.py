"""Reads a message: the sure rules first, then the classifier, which says nothing rather than something doubtful."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.model import Control, Entity, Parse
from nlu import rules
from nlu.entities import EntityFinder
from nlu.front import LOCALE, RULES, Front, Ranking, known, offered
from nlu.model import OUT_OF_SCOPE, Model
from nlu.text import plain


@dataclass(frozen=True, slots=True)
class Chain:
    """The recogniser of `bot.ports`. Holds no state of a conversation; a parse takes a few milliseconds at most.

    `ruled` False leaves the bot's own rules out, for measuring on other data.
    """

    model: Model
    find: EntityFinder
    ruled: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """The intents that it can name."""
        return self.model.labels

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """ "human" or "stop" by rule alone."""
        return rules.control(text)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """Intent and entities. Intent "" means that nothing fits; the ranking then says what came nearest."""
        return self.scored(text, locale)[0]

    def scored(self, text: str, locale: str | None = None) -> tuple[Parse, float]:
        """The parse, and what its acceptance hung on: 1 where a rule or an example spoke, 0 if best out of scope."""
        began = time.perf_counter()
        intent, backend, ranking, entities, score = self._read(text)
        parse = Parse(
            intent=intent,
            confidence=ranking[0][1] if ranking else 0.0,
            ranking=ranking,
            entities=entities,
            locale=locale or LOCALE,
            backend=backend,
            model=self.model.id,
            ms=(time.perf_counter() - began) * 1000,
        )
        return parse, score

    def _read(self, text: str) -> tuple[str, str, Ranking, tuple[Entity, ...], float]:
        seen = Front(self.find, self.model.exact, self.ruled).read(text)
        if seen.intent is not None:
            backend = RULES if seen.by_rule else self.model.backend
            return seen.intent, backend, seen.ranking, seen.entities, 1.0 if seen.intent else 0.0
        read = self.model.reading(seen.wish or text)
        if seen.wish and read.score < self.model.fit.threshold:
            read = self.model.reading(text)
        ranking = offered(read.ranking)
        intent = read.ranking[0][0] if read.ranking and read.score >= self.model.fit.threshold else ""
        if rules.left_open(intent, plain(text)):
            intent = ""
        inside = bool(read.ranking) and read.ranking[0][0] != OUT_OF_SCOPE
        return known(intent), self.model.backend, ranking, seen.entities, read.score if inside else 0.0
