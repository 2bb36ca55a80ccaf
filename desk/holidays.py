"""The bank holidays of England and Wales, by the Banking and Financial Dealings Act 1971 and its usual substitutes.

One-off days (a coronation) are given in the configuration as further closed days: gov.uk/bank-holidays lists them.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

SATURDAY = 5


@cache
def england(year: int) -> frozenset[date]:
    """The year's bank holidays; one that falls on a weekend is moved to the next weekday that is none."""
    easter = _easter(year)
    fixed = [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)]
    days = {
        easter - timedelta(days=2),
        easter + timedelta(days=1),
        _monday(year, 5, first=True),
        _monday(year, 5, first=False),
        _monday(year, 8, first=False),
    }
    # Weekdays first: a Christmas Day on a Sunday goes behind a Boxing Day on the Monday.
    for day in sorted(fixed, key=lambda one: one.weekday() >= SATURDAY):
        while day.weekday() >= SATURDAY or day in days:
            day += timedelta(days=1)
        days.add(day)
    return frozenset(days)


def _monday(year: int, month: int, *, first: bool) -> date:
    day = date(year, month, 1) if first else date(year, month + 1, 1) - timedelta(days=1)
    while day.weekday() != 0:
        day += timedelta(days=1 if first else -1)
    return day


def _easter(year: int) -> date:
    """Western Easter Sunday, by the anonymous Gregorian computus (Meeus, Jones and Butcher)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = b // 4, b % 4
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = c // 4, c % 4
    l = (32 + 2 * e + 2 * i - h - k) % 7  # noqa: E741  the computus's own letters
    m = (a + 11 * h + 22 * l) // 451
    month, day = divmod(h + l - 7 * m + 114, 31)
    return date(year, month, day + 1)
