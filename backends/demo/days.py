"""Months and English working days."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache


def month_of(day: date) -> str:
    """2026-10-31 → 2026-10."""
    return f"{day:%Y-%m}"


def shifted(month: str, by: int) -> str:
    """The month `by` months later (earlier if negative)."""
    year, number = (int(part) for part in month.split("-"))
    years, index = divmod(year * 12 + number - 1 + by, 12)
    return f"{years:04d}-{index + 1:02d}"


def first_day(month: str) -> date:
    """The month's first day."""
    return date.fromisoformat(f"{month}-01")


def last_day(month: str) -> date:
    """The month's last day."""
    return first_day(shifted(month, 1)) - timedelta(days=1)


def working_day(day: date) -> date:
    """The day itself, or the next one on which banks work."""
    while not works(day):
        day += timedelta(days=1)
    return day


def working_days_before(day: date, count: int) -> date:
    """The day `count` working days before."""
    while count:
        day -= timedelta(days=1)
        count -= works(day)
    return day


def working_days_after(day: date, count: int) -> date:
    """The day `count` working days after."""
    while count:
        day += timedelta(days=1)
        count -= works(day)
    return day


def works(day: date) -> bool:
    """No weekend and no bank holiday in England (https://www.gov.uk/bank-holidays); one-off ones are not known."""
    return day.weekday() < 5 and day not in bank_holidays(day.year)


@lru_cache(maxsize=64)
def bank_holidays(year: int) -> frozenset[date]:
    """The regular bank holidays of England and Wales, with their substitute days."""
    easter = _easter(year)
    days = {
        easter - timedelta(days=2),
        easter + timedelta(days=1),
        _monday(date(year, 5, 1)),
        _monday(date(year, 5, 25)),
        _monday(date(year, 8, 25)),
    }
    # New Year's Day, Christmas Day, Boxing Day: one that falls on a weekend moves to the next free weekday.
    for fixed in (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)):
        while fixed.weekday() >= 5 or fixed in days:
            fixed += timedelta(days=1)
        days.add(fixed)
    return frozenset(days)


def _monday(day: date) -> date:
    return day + timedelta(days=-day.weekday() % 7)


def _easter(year: int) -> date:
    """Easter Sunday by the anonymous Gregorian computus (Meeus, Astronomical Algorithms, ch. 8)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    f = d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114
    return date(year, f // 31, f % 31 + 1)
