"""Months in a message, as YYYY-MM: by name, shortened, misspelt, or counted back from today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from rapidfuzz.distance import OSA

from bot.model import Entity

_NAMES = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORT = {n[:3]: i for i, n in enumerate(_NAMES, 1)} | {"sept": 9}
_NUMBER = {n: i for i, n in enumerate(_NAMES, 1)} | _SHORT
_COUNTS = {"two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4, "five": 5, "5": 5, "six": 6, "6": 6}
_WORD = re.compile(r"[^\W\d_]+")
_YEAR = re.compile(r"(?:['\u2019]?s)?\s*,?\s*(20\d\d)\b")
_RELATIVE = re.compile(
    r"\b(?:(?P<before>month before last|month before that)"
    r"|(?P<last>(?:last|previous|prev|past)\s+months?)|(?P<this>(?:this|current)\s+months?)|(?P<next>next\s+months?)"
    r"|(?P<count>two|three|four|five|six|[2-6])\s+months?\s+(?:ago|back))\b",
    re.IGNORECASE,
)
# "may" and "march" are words of their own: as months only where a neighbour says so.
_BEFORE = re.compile(
    r"\b(?:in|for|of|about|abt|my|the|last|since|from|until|till|during|and|or|to|was|&)\s+$", re.IGNORECASE
)
_AFTER = re.compile(
    r"^(?:['\u2019]?s\b|\s+(?:bill|invoice|statement|payment|one|calls?|charges?|20\d\d)\b)", re.IGNORECASE
)
_MODAL = re.compile(r"^\s+(?:i|we|you|be|have|not|as)\b", re.IGNORECASE)


def shift(year: int, month: int, by: int) -> str:
    """The month `by` months later, as YYYY-MM."""
    count = year * 12 + month - 1 + by
    return f"{count // 12:04d}-{count % 12 + 1:02d}"


def find(text: str, today: date) -> Iterator[Entity]:
    """Every month named. Without a year it is the latest one that is not after this month: bills lie behind."""
    for match in _RELATIVE.finditer(text):
        by = {"before": -2, "last": -1, "this": 0, "next": 1}.get(match.lastgroup or "", 0)
        if match["count"]:
            by = -_COUNTS[match["count"].lower()]
        yield Entity("month", shift(today.year, today.month, by), match[0], *match.span())
    for word in _WORD.finditer(text):
        month = _month(text, word)
        if month is None:
            continue
        end = word.end()
        if year := _YEAR.match(text, end):
            value, end = f"{year[1]}-{month:02d}", year.end()
        else:
            value = f"{today.year - (month > today.month):04d}-{month:02d}"
        yield Entity("month", value, text[word.start() : end], word.start(), end)


def _month(text: str, word: re.Match[str]) -> int | None:
    said = word[0].lower()
    if said in ("may", "march", "mar"):
        after = text[word.end() : word.end() + 16]
        whole = text.strip(" .!?").lower() == said
        near = _BEFORE.search(text[max(0, word.start() - 10) : word.start()]) or _AFTER.match(after)
        return _NUMBER[said] if whole or (near and not _MODAL.match(after)) else None
    number = _NUMBER.get(said) or (_NUMBER.get(said[:-1]) if said.endswith("s") else None)
    if number is None and 6 <= len(said) <= 10:
        return next((i for n, i in _NUMBER.items() if len(n) > 5 and OSA.distance(said, n, score_cutoff=1) <= 1), None)
    return number
