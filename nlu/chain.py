"""Reads a message: the sure rules first, then the classifier, which says nothing rather than something doubtful."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.model import Control, Entity, Parse
from nlu import rules
from nlu.entities import EntityFinder
from nlu.front import LOCALE, RULES, Front, Ranking, known, offered
from nlu.model import Model


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

    def _read(self, text: str) -> tuple[str, str, Ranking, tuple[Entity, ...]]:
        seen = Front(self.find, self.model.exact).read(text)
        if seen.intent is not None:
            return seen.intent, RULES if seen.by_rule else self.model.backend, seen.ranking, seen.entities
        ranking = self.model.ranking(text)
        if not ranking or ranking[0][1] < self.model.fit.threshold:
            return "", self.model.backend, offered(ranking), seen.entities
        return known(ranking[0][0]), self.model.backend, offered(ranking), seen.entities
