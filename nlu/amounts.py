"""Sums of money in a message, as integer pence: £14.20, 14 pounds 20, 20 quid, fifty pence, a tenner.

The span is found by a grammar of our own; figures are then read by price-parser, which takes any first number for a
price. It is loaded at the first span, since most messages have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.model import Entity

_ONES = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
_ONES |= {
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NOTES = {"fiver": 500, "tenner": 1000, "grand": 100_000}

_WORDS = rf"(?:(?:{'|'.join(_TENS)})(?:[\s-]+(?:{'|'.join(_ONES)}))?|{'|'.join(_ONES)}|(?:(?:a|one)\s+)?hundred)"
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,6}(?:\.\d{1,2})?"
_POUNDS = r"(?:pounds?|quid|gbp|nicker)"
_PENCE = r"(?:p|pence|pennies|penny)"
_SUM = re.compile(
    rf"(?:£\s?(?P<signed>{_DIGITS})p?"
    rf"|\b(?P<words>{_DIGITS}|{_WORDS})\s?{_POUNDS}(?:\s+(?:and\s+)?(?P<odd>\d{{1,2}}|{_WORDS})(?:\s?{_PENCE})?(?!\s*\w))?"
    rf"|\bgbp\s?(?P<code>{_DIGITS})"
    rf"|\b(?P<pence>\d{{1,4}}|{_WORDS})\s?{_PENCE}"
    r"|\b(?:(?:a|one)\s+)?(?P<note>fiver|tenner|(?<=\s)grand)"
    r"|(?<![\d./-])(?P<bare>\d{1,4}\.\d\d)(?!\.?\d|[/-]|\s?(?:gb|mb|am|pm|%)))(?![\w])",
    re.IGNORECASE,
)


def find(text: str) -> Iterator[Entity]:
    """Every sum named, in pence. A bare number is a sum only with two decimals."""
    for match in _SUM.finditer(text):
        yield Entity("amount", _pence(match), match[0], *match.span())


def _pence(match: re.Match[str]) -> int:
    if match["note"]:
        return _NOTES[match["note"].lower()]
    if match["pence"]:
        return _number(match["pence"]) // 100
    whole = _number(match["signed"] or match["words"] or match["code"] or match["bare"])
    return whole + (_number(match["odd"]) // 100 if match["odd"] else 0)


def _number(said: str) -> int:
    """Hundredths of the number written in digits or words."""
    said = said.lower()
    if said[0].isdigit():
        return _figures(said)
    if said.endswith("hundred"):
        return 100_00
    return sum(_TENS.get(w, _ONES.get(w, 0)) for w in re.split(r"[\s-]+", said)) * 100


def _figures(said: str) -> int:
    from price_parser import Price

    found = Price.fromstring(said, decimal_separator=".").amount
    return int(found * 100) if found is not None else 0
