"""A change of mind in one message: "cancel it, actually just show me the bill", "I don't want a bill, I want help"."""

from __future__ import annotations

import re

_AFTER = re.compile(
    r"^.*(?:"
    r"[,.;:!?\u2013-]\s*actually\b|\b(?:no|oh|hmm+|wait)[,.\s]+actually\b"
    r"|\bactually[,\s]+(?:no|wait|nah)\b|\bno[,\s]+wait\b|\bwait[,\s]+no\b"
    r"|\bon second thoughts?\b|\b(?:scrap|forget) that\b|\bsorry[,\s]+(?:no|i mean|i meant)\b"
    r")[\s,.!:;-]*(?P<wish>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_REFUSED = re.compile(
    r"^\W*(?:no\W+)?i\s+(?:don['\u2019]?t|do\s+not|didn['\u2019]?t|did\s+not)\s+(?:want|need|ask|say|mean)\b.{0,80}?[\s,.;]"
    r"(?P<wish>i\s+(?:just\s+|only\s+|really\s+)?(?:want(?:ed)?|need|asked|said|meant)\b.+)$",
    re.IGNORECASE | re.DOTALL,
)
LEAST = 3
"""Words that a wish has: what is shorter puts a name right, as `nlu.corrections` reads it."""


def afterthought(text: str) -> str | None:
    """The wish that takes the place of the one before it; None where nothing is taken back."""
    match = _AFTER.match(text) or _REFUSED.match(text)
    wish = match["wish"].strip() if match else ""
    return wish if len(wish.split()) >= LEAST else None
