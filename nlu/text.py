"""Two foldings of a message: `plain` for rules and tables, `fold` for the classifier."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 600
"""Characters of a message that are read; what a customer wants stands at its front."""

_APOSTROPHES = "'`\u2019\u2018\u00b4\u02bc"
_MODIFIERS = "\ufe0f\u200d\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_PLAIN = str.maketrans(
    dict.fromkeys('.,!?;:"()[]{}<>/\\|*_~#=+-\u2013\u2014…“”«»\t\r\n\u00a0', " ")
    | dict.fromkeys(_APOSTROPHES + _MODIFIERS, "")
)
_FOLD = str.maketrans(dict.fromkeys(_APOSTROPHES + _MODIFIERS, "") | dict.fromkeys("0123456789", "0"))
_DRAWN_OUT = re.compile(r"(\D)\1{2,}")


def plain(text: str) -> str:
    """Lower case, no apostrophes ("can't" is "cant"), punctuation as spaces, single spaces."""
    return " ".join(text.lower().translate(_PLAIN).split())


def fold(text: str) -> str:
    """What the classifier sees: lower case, no accents or apostrophes, every digit a 0, "helllo" as "hello"."""
    text = text[:LONGEST].lower().translate(_FOLD)
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in apart if not unicodedata.combining(c) and unicodedata.category(c) != "Cc")
    return " ".join(_DRAWN_OUT.sub(r"\1\1", text).split())
