"""A small notation for wordings: one a line, round brackets group, `<name>` stands for another pattern."""

from __future__ import annotations

import re

_GROUP = re.compile(r"(?<!\\)\((?!\?)")
_PART = re.compile(r"<([a-z_]+)>")


def any_of(block: str, **parts: str) -> str:
    """The pattern that matches any line of `block`. Lines are regular expressions over `plain` text."""
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    whole = _GROUP.sub("(?:", "|".join(lines))
    return f"(?:{_PART.sub(lambda part: parts[part[1]], whole)})"
