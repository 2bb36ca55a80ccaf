"""Figures and days inside a line that is put together from a list; everything else is worded in the catalogue."""

from __future__ import annotations

from datetime import date

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def pounds(pence: int) -> str:
    """1420 → £14.20; negative amounts carry a minus sign."""
    whole, rest = divmod(abs(pence), 100)
    return f"{'−' if pence < 0 else ''}£{whole:,}.{rest:02d}"


def short_day(day: date) -> str:
    """3 Oct."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def digits(text: str) -> str:
    """A reference as compared: letters and digits alone, in capitals."""
    return "".join(ch for ch in text if ch.isalnum()).upper()
