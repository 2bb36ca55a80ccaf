"""What a customer takes back in the same breath: "not the mobile, the broadband", "October, no, November"."""

from __future__ import annotations

import re

from bot.model import Entity

_NOT = re.compile(
    r"\b(?:not|isn['\u2019]?t|wasn['\u2019]?t|instead of|rather than|don['\u2019]?t mean)"
    r"\s+(?:(?:the|my|for|in|from|a)\s+)*$",
    re.IGNORECASE,
)
_NO = re.compile(
    r"^\W*(?:bill|one|debit|direct debit)?\W*"
    r"\b(?:no|sorry|i mean|i meant|actually|make (?:that|it)|rather|wait|correction|oops)\b",
    re.IGNORECASE,
)


def corrected(text: str, found: tuple[Entity, ...]) -> tuple[Entity, ...]:
    """`found`, left to right, without what was taken back; something of the same name must stand in its place."""
    kept = []
    for at, one in enumerate(found):
        others = [other for other in found if other.name == one.name and other is not one]
        after = next((other for other in found[at + 1 :] if other.name == one.name), None)
        denied = others and _NOT.search(text[: one.start])
        replaced = after is not None and _NO.match(text[one.end : after.start])
        if not (denied or replaced):
            kept.append(one)
    return tuple(kept) if kept else found
