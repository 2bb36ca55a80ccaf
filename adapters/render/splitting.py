"""Long text cut where a reader would pause: paragraph, line, sentence, word, and only then between two characters."""

from __future__ import annotations

import re
import unicodedata

from adapters.render.parts import Measure

_SENTENCE = re.compile(r"[.!?…][\"')\]’”]*(?=\s)")
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|St|Ltd|approx|e\.g|i\.e|vs)\.$")
_NUMBER = re.compile(r"(?:^|[\s(])(?:No|Nos|Ref|Tel|p|pp)\.\s+\d")
"""An abbreviation that is one only before a number."""
_JOINER = "\u200d"
_ENOUGH = 0.4
"""A pause this far into what fits (0 to 1) is taken before a lesser pause further on."""


def split(text: str, limit: int, measure: Measure = len) -> list[str]:
    """The text in pieces of at most `limit`, none of them empty; nothing but white space at the cuts is lost."""
    rest, pieces = text.strip(), []
    while rest and measure(rest) > limit:
        at = _cut(rest, _fits(rest, limit, measure))
        pieces.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*(piece for piece in pieces if piece), *([rest] if rest else [])]


def shorten(text: str, limit: int, measure: Measure = len) -> str:
    """The text on one line, within the limit; what is cut off shows as an ellipsis."""
    line = " ".join(text.split())
    if measure(line) <= limit:
        return line
    at = _whole(line, _fits(line, limit - measure("…"), measure))
    return f"{line[:at].rstrip(' ,.;:-')}…"


def _fits(text: str, limit: int, measure: Measure) -> int:
    """How many characters from the start are within the limit; at least one, so that every cut moves on."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= limit else (low, middle - 1)
    return low


def _cut(text: str, most: int) -> int:
    head = text[: most + 1]
    pauses = [head.rfind("\n\n"), head.rfind("\n"), _sentence_end(head), _last_space(head)]
    for at in pauses:
        if at >= most * _ENOUGH:
            return at
    # One line longer than half of what fits: the best pause there is, wherever it stands.
    return max(pauses) if max(pauses) > 0 else _whole(text, most)


def _sentence_end(head: str) -> int:
    ends = [found.end() for found in _SENTENCE.finditer(head)]
    numbers = [found.end() for found in _NUMBER.finditer(head)]
    return next(
        (
            end
            for end in reversed(ends)
            if not _ABBREVIATION.search(head[:end]) and not _before_number(head, end, numbers)
        ),
        -1,
    )


def _before_number(head: str, end: int, numbers: list[int]) -> bool:
    return len(head) - len(head[end:].lstrip()) + 1 in numbers


def _last_space(head: str) -> int:
    return max(head.rfind(" "), head.rfind("\t"), head.rfind("\n"))


def _whole(text: str, at: int) -> int:
    """`at` moved back so that an emoji, a flag or an accented letter stays in one piece, where that is possible."""
    first = at
    while 0 < at < len(text) and _joined(text, at):
        at -= 1
    return at if at > 0 else first


def _joined(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if unicodedata.category(after) in ("Mn", "Me", "Mc", "Cf") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    if before == _JOINER:
        return True
    return _is_flag(before) and _is_flag(after) and _flags_before(text, at) % 2 == 1


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, at: int) -> int:
    start = at
    while start > 0 and _is_flag(text[start - 1]):
        start -= 1
    return at - start
