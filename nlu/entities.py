"""Finds entities by the data's regexes, lookups and synonyms, and by the grammars for months and sums."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from bot.model import Entity
from nlu import amounts, contacts, days, months
from nlu.corrections import corrected
from nlu.data import NluData
from nlu.text import LONGEST, plain

_BUILT_IN = frozenset({"month", "amount"})
"""Read by their own grammars: the tables of these names in the data serve Rasa alone."""
_WORD = re.compile(r"\w+(?:['\u2019]\w+)?")
_CODES = frozenset({"reference"})
"""Written in capitals however the customer typed them."""
_FUZZY_FROM = 6
"""Letters a word needs before one slip in it is forgiven; shorter words turn into one another too easily."""


class EntityFinder:
    """All entities of a message, left to right, none overlapping. `today` is asked at each call."""

    def __init__(self, data: NluData, today: Callable[[], date]) -> None:
        self._today = today
        self._phrases: dict[str, tuple[str, str]] = {}
        self._regexes = [
            (name, re.compile(pattern, re.IGNORECASE))
            for name, patterns in data.regexes.items()
            if name not in _BUILT_IN
            for pattern in patterns
        ]
        said: dict[str, dict[str, None]] = {}
        for name, phrases in data.lookups.items():
            said.setdefault(name, {}).update(dict.fromkeys(phrases))
        for example in data.examples:
            for span in example.spans:
                if not any(n == span.entity and r.search(span.text) for n, r in self._regexes):
                    said.setdefault(span.entity, {})[span.text] = None
        for name, wordings in ((n, list(w)) for n, w in said.items() if n not in _BUILT_IN):
            values = {data.synonyms.get(plain(phrase), plain(phrase)) for phrase in wordings}
            for phrase in (*wordings, *(w for w, value in data.synonyms.items() if value in values)):
                self._phrases.setdefault(plain(phrase), (name, data.synonyms.get(plain(phrase), plain(phrase))))
        self._phrases.pop("", None)
        self._longest = max((p.count(" ") + 1 for p in self._phrases), default=0)
        self._fuzzy = [p for p in self._phrases if " " not in p and len(p) >= _FUZZY_FROM]

    def __call__(self, text: str) -> tuple[Entity, ...]:
        """The entities of `text`; never raises for odd text."""
        text = text[:LONGEST]
        found: list[Entity] = []
        # The surest first: whatever overlaps an earlier find is dropped.
        for group in (
            self._by_regex(text),
            contacts.find(text),
            amounts.find(text),
            months.find(text, self._today()),
            self._by_phrase(text),
            days.find(text, self._today()),
        ):
            for one in group:
                if all(one.end <= other.start or one.start >= other.end for other in found):
                    found.append(one)
        return corrected(text, tuple(_joined(text, sorted(found, key=lambda e: e.start))))

    def _by_regex(self, text: str) -> Iterator[Entity]:
        for name, regex in self._regexes:
            for match in regex.finditer(text):
                if match[0].strip():
                    groups = [g for g in match.groupdict().values() if g]
                    value = " ".join(groups) if groups else match[0]
                    value = value.upper() if name in _CODES else value.lower() if groups else value
                    yield Entity(name, value, match[0], *match.span())

    def _by_phrase(self, text: str) -> Iterator[Entity]:
        words = list(_WORD.finditer(text)) if self._longest else []
        at = 0
        while at < len(words):
            for count in range(min(self._longest, len(words) - at), 0, -1):
                run = words[at : at + count]
                if hit := self._look_up([w[0] for w in run]):
                    start, end = run[0].start(), run[-1].end()
                    yield Entity(*hit, text[start:end], start, end)
                    at += count - 1
                    break
            at += 1

    def _look_up(self, words: list[str]) -> tuple[str, str] | None:
        phrase = plain(" ".join(words))
        if hit := self._phrases.get(phrase) or self._phrases.get(_bare(words)):
            return hit
        if len(words) == 1 and _FUZZY_FROM <= len(phrase) <= 20:
            # Another last letter is another word more often than a slip: "phoned", "phones".
            near = extract(phrase, self._fuzzy, scorer=OSA.distance, processor=None, score_cutoff=1, limit=None)
            return next((self._phrases[p] for p, _, _ in near if p[:-1] != phrase[:-1]), None)
        return None


def _bare(words: list[str]) -> str:
    """The phrase with a final 's taken off: "the mobile's"."""
    return plain(re.sub(r"['\u2019]s$", "", " ".join(words)))


def _joined(text: str, found: Iterable[Entity]) -> Iterator[Entity]:
    """A name and its particulars side by side are one thing: "mobile" + "ending 412"."""
    held: Entity | None = None
    for one in found:
        if held and held.name == one.name and text[held.end : one.start].isspace() and _differs(held, one):
            held = Entity(held.name, f"{held.value} {one.value}", text[held.start : one.end], held.start, one.end)
            continue
        if held:
            yield held
        held = one
    if held:
        yield held


def _differs(one: Entity, other: Entity) -> bool:
    return isinstance(one.value, str) and isinstance(other.value, str) and other.value[-1:].isdigit()
