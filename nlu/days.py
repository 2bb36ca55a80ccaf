"""Days in a message, as ISO dates: 12/03/2026, tomorrow, last Friday, the 12th. A named month is `nlu.months`' work.

The span is found by a grammar of our own and only then read by dateparser, which takes almost anything for a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from bot.model import Entity

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = re.compile(
    r"\b(?:(?P<full>\d{1,2}[/.-]\d{1,2}[/.-](?:20)?\d{2}|20\d{2}-\d{2}-\d{2})"
    rf"|(?P<week>(?:last|next|this|on)\s+(?:{'|'.join(_WEEKDAYS)}))"
    r"|(?P<near>today|tomorrow|yesterday)"
    r"|(?:on\s+)?the\s+(?P<nth>\d{1,2})(?:st|nd|rd|th)(?!\s+(?:one|bill|of|option)))\b",
    re.IGNORECASE,
)


def find(text: str, today: date) -> Iterator[Entity]:
    """Every day named. "Last" and "on" Friday lie behind, "next" and "this" ahead; the 12th is of this month."""
    for match in _DAY.finditer(text):
        day = _read(match, today)
        if day is not None:
            yield Entity("date", day.isoformat(), match[0], *match.span())


def _read(match: re.Match[str], today: date) -> date | None:
    if match["week"]:
        which, name = match["week"].lower().split()
        ahead = (_WEEKDAYS.index(name) - today.weekday()) % 7
        if which in ("last", "on"):
            return today + timedelta((ahead or 7) - 7 if which == "on" or ahead else -7)
        return today + timedelta(ahead or 7)
    if match["near"]:
        return today + timedelta({"today": 0, "tomorrow": 1, "yesterday": -1}[match["near"].lower()])
    if match["nth"]:
        try:
            return today.replace(day=int(match["nth"]))
        except ValueError:
            return None
    return _written(match["full"], today)


def _written(said: str, today: date) -> date | None:
    import dateparser

    order = "YMD" if said[:4].isdigit() else "DMY"
    base = datetime.combine(today, time())
    found = dateparser.parse(
        said, languages=["en"], settings={"DATE_ORDER": order, "STRICT_PARSING": True, "RELATIVE_BASE": base}
    )
    return found.date() if found else None
