"""Rasa's answers in the bot's own words: intents that can be offered, entities with normalised values."""

from __future__ import annotations

from bot.model import Entity
from nlu.data import NluData
from nlu.front import Ranking, known, offered
from nlu.model import OUT_OF_SCOPE
from nlu.rasa.client import Answer, Found
from nlu.text import plain

FALLBACK = "nlu_fallback"
"""What its FallbackClassifier puts first where nothing is sure."""
SURE = 0.8
"""From which confidence an entity is taken that no table or grammar found: DIET guesses freely."""
_BUILT_IN = frozenset({"month", "amount"})
"""Only the grammars give these a value; where they found none, neither does Rasa's word for it."""
_CODES = frozenset({"reference"})


def intents(answer: Answer) -> tuple[str, Ranking]:
    """The intent, "" where nothing is sure, and the ranking without out of scope and fallback."""
    chances: dict[str, float] = {}
    for one in (answer.intent, *answer.intent_ranking):
        if one.name and one.name != FALLBACK:
            chances.setdefault(one.name, min(one.confidence, 1.0))
    best = sorted(chances.items(), key=lambda pair: -pair[1])
    if not best or answer.intent.name in (None, FALLBACK, OUT_OF_SCOPE):
        return "", offered(tuple(best))
    return known(best[0][0]), offered(tuple(best))


class Entities:
    """Rasa's entities beside our own, which come first: their values are normalised."""

    def __init__(self, data: NluData) -> None:
        annotated = {span.entity for example in data.examples for span in example.spans}
        self._names = {*data.lookups, *data.regexes, *annotated} - _BUILT_IN
        self._synonyms = data.synonyms

    def merged(self, text: str, ours: tuple[Entity, ...], found: list[Found]) -> tuple[Entity, ...]:
        """Left to right, none overlapping. Rasa's places count from the first letter that is no space."""
        shift = len(text) - len(text.lstrip())
        taken = list(ours)
        for one in sorted(found, key=lambda f: -f.confidence_entity):
            start, end = one.start + shift, one.end + shift
            free = all(end <= other.start or start >= other.end for other in taken)
            if free and one.entity in self._names and one.confidence_entity >= SURE and text[start:end].strip():
                taken.append(Entity(one.entity, self._value(one.entity, text[start:end]), text[start:end], start, end))
        return tuple(sorted(taken, key=lambda entity: entity.start))

    def _value(self, name: str, said: str) -> str:
        value = self._synonyms.get(plain(said), plain(said))
        return value.upper() if name in _CODES else value
