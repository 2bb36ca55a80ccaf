"""What is read before any classifier: rules, bare numbers, and the data's own utterances word for word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.model import Entity
from nlu import rules
from nlu.afterthought import afterthought
from nlu.care import care
from nlu.exact import any_month
from nlu.model import OUT_OF_SCOPE
from nlu.text import LONGEST, plain

RULES = "rules"
DETAILS = frozenset({"email", "phone", "iban", "sort_code"})
"""What somebody gives when asked for it."""
RULED = frozenset({"human", "stop", "affirm", "deny", "danger", "bereavement", "cannot_pay"})
"""What the rules can say."""
LOCALE = "en-GB"

Ranking = tuple[tuple[str, float], ...]
"""(intent, confidence in 0..1), best first"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What stands fast before a classifier is asked. `intent` None: a classifier is to say."""

    entities: tuple[Entity, ...]
    intent: str | None = None
    by_rule: bool = True
    """False where the intent is an example's, word for word"""
    ranking: Ranking = ()
    wish: str | None = None
    """what is meant after a change of mind; a classifier reads it first, and the whole where that says nothing"""


@dataclass(frozen=True, slots=True)
class Front:
    """The same for every backend. `exact` is `nlu.exact.wordings` of the data's utterances; `ruled` False leaves the
    rules out, for measuring on what has nothing to do with the bot."""

    find: Callable[[str], tuple[Entity, ...]]
    exact: Mapping[str, str]
    ruled: bool = True

    def read(self, text: str) -> Seen:
        """Entities, and the intent where it needs no classifier; never raises for odd text."""
        said = plain(text[:LONGEST])
        entities = self.find(text)
        if not said:
            return Seen(entities, "")
        picked = rules.number(said) if self.ruled else None
        if picked is not None:
            return Seen((Entity("number", picked, text.strip(), *_extent(text)), *entities), "")
        if self.ruled and _only_a_detail(text[:LONGEST], entities):
            return Seen(entities, "")
        if self.ruled and (intent := rules.control(text) or rules.answer(said) or care(said)):
            return Seen(entities, intent, ranking=((intent, 1.0),))
        if intent := self._exactly(text, said, entities):
            return Seen(entities, known(intent), by_rule=False, ranking=offered(((intent, 1.0),)))
        wish = afterthought(text[:LONGEST]) if self.ruled else None
        if wish and (intent := self.exact.get(plain(wish))) and known(intent):
            return Seen(entities, intent, by_rule=False, ranking=((intent, 1.0),))
        return Seen(entities, wish=wish)

    def _exactly(self, text: str, said: str, entities: tuple[Entity, ...]) -> str | None:
        if intent := self.exact.get(said):
            return intent
        months = [(e.start, e.end) for e in entities if e.name == "month"]
        return self.exact.get(any_month(text[:LONGEST], months)) if months else None


def _only_a_detail(text: str, entities: tuple[Entity, ...]) -> bool:
    """Whether the message is an address or a number and nothing else: an answer to something, and no wish."""
    rest = text
    for one in reversed(entities):
        if one.name in DETAILS:
            rest = rest[: one.start] + rest[one.end :]
    return rest != text and not any(letter.isalnum() for letter in rest)


def known(intent: str) -> str:
    """The intent as the bot is told it: out of scope is none."""
    return "" if intent == OUT_OF_SCOPE else intent


def offered(ranking: Ranking) -> Ranking:
    """Without out of scope, which cannot be offered to a customer."""
    return tuple((intent, chance) for intent, chance in ranking if intent != OUT_OF_SCOPE)


def _extent(text: str) -> tuple[int, int]:
    start = len(text) - len(text.lstrip())
    return start, start + len(text.strip())
