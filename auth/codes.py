"""Codes that a page shows and a chat takes: how they are written, recognised in a message, and taken out of it.

Eight characters of Crockford's base32 (no I, L, O or U), shown as `K7QM-2F9X`. Each has a digit from 2 to 9, which no
word has and no letter is mistaken for, so that an ordinary message is never taken for a code.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
MASK = "••••-••••"

_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
_DIGIT = re.compile(r"[2-9]")
_PART = re.compile(r"[0-9A-Za-z]+")
_BETWEEN = re.compile(r"[\W_]{0,3}")
_SPELT = re.compile(r"\W*(?:[0-9A-Za-z]\W*){8}")


@dataclass(frozen=True, slots=True)
class Found:
    """Something in a text that has a code's shape: the code as it would be written, and where it stands."""

    code: str
    start: int
    end: int


def written(source: Callable[[int], bytes]) -> str:
    """A code from bytes: `source(n)` gives the n-th 8 bytes, asked for until they make a code that has its digit."""
    n = 0
    while not _DIGIT.search(code := "".join(ALPHABET[byte % 32] for byte in source(n)[:LENGTH])):
        n += 1
    return code


def shown(code: str) -> str:
    """A code as people read it."""
    return f"{code[:4]}-{code[4:]}"


def find(text: str) -> list[Found]:
    """All that has a code's shape, spaces, hyphens, case and look-alikes forgiven; overlapping ones too."""
    text = unicodedata.normalize("NFKC", text)
    if not _DIGIT.search(text):
        return []
    found: list[Found] = []
    parts = list(_PART.finditer(text))
    for n, part in enumerate(parts):
        after = parts[n + 1] if n + 1 < len(parts) else None
        if len(part[0]) == LENGTH:
            found.append(Found(part[0], part.start(), part.end()))
        elif after and len(part[0]) == len(after[0]) == 4 and _BETWEEN.fullmatch(text[part.end() : after.start()]):
            found.append(Found(part[0] + after[0], part.start(), after.end()))
    if not found and _SPELT.fullmatch(text):
        found.append(Found("".join(part[0] for part in parts), 0, len(text)))
    return [Found(one.code.upper().translate(_ALIKE), one.start, one.end) for one in found if _DIGIT.search(one.code)]


def redact(text: str, found: list[Found]) -> str:
    """The text without what was found in it."""
    text, at = unicodedata.normalize("NFKC", text), 0
    kept: list[str] = []
    for one in sorted(found, key=lambda one: one.start):
        if one.start >= at:
            kept += [text[at : one.start], MASK]
        at = max(at, one.end)
    return "".join([*kept, text[at:]])
