"""When somebody answers: shifts by day of the week in one place's local time, bank holidays, further closed days."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.settings import DeskSettings
from desk.holidays import england

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD = 60
"""Days in which an opening is looked for."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Part of a day, local wall time; an end of None is the day's own end."""

    begins: time
    ends: time | None


class Hours:
    """Opening hours. With no shift on any day there are none: somebody answers whenever an agent is there."""

    def __init__(
        self,
        week: tuple[tuple[Shift, ...], ...],
        *,
        zone: str,
        bank_holidays: str = "",
        closed: Iterable[date] = (),
    ) -> None:
        self._week = tuple(tuple(sorted(day, key=lambda shift: shift.begins)) for day in week)
        self._zone = ZoneInfo(zone)
        self._bank_holidays = bank_holidays
        self._closed = frozenset(closed)
        self.always = not any(self._week)

    def is_open(self, now: datetime) -> bool:
        """Whether somebody answers at this time."""
        return self.always or self.until(now) is not None

    def until(self, now: datetime) -> datetime | None:
        """When the shift that runs now ends, UTC-aware; None outside any."""
        for begins, ends in self._shifts(now, days=1):
            if begins <= now < ends:
                return ends
        return None

    def next(self, now: datetime) -> datetime | None:
        """When the next shift begins, after now; None if none does in two months."""
        return next((begins for begins, _ in self._shifts(now, days=LOOK_AHEAD) if begins > now), None)

    def local(self, at: datetime) -> datetime:
        """A time as the desk's clock on the wall shows it."""
        return at.astimezone(self._zone)

    def _shifts(self, now: datetime, *, days: int) -> Iterable[tuple[datetime, datetime]]:
        today = self.local(now).date()
        for ahead in range(days + 1):
            day = today + timedelta(days=ahead)
            if self._is_closed(day):
                continue
            for shift in self._week[day.weekday()]:
                yield self._at(day, shift.begins), self._end(day, shift.ends)

    def _is_closed(self, day: date) -> bool:
        return day in self._closed or (self._bank_holidays == "england" and day in england(day.year))

    def _end(self, day: date, ends: time | None) -> datetime:
        return self._at(day, ends) if ends is not None else self._at(day + timedelta(days=1), time())

    def _at(self, day: date, when: time) -> datetime:
        # Through UTC, so that comparing and subtracting is right on the days the clocks change.
        return datetime.combine(day, when, self._zone).astimezone(ZoneInfo("UTC"))


def hours_of(settings: DeskSettings) -> Hours:
    """The hours as configured."""
    week = tuple(tuple(_shift(given) for given in getattr(settings.hours, day)) for day in DAYS)
    return Hours(week, zone=settings.timezone, bank_holidays=settings.bank_holidays, closed=settings.closed)


def _shift(given: str) -> Shift:
    begins, _, ends = given.partition("-")
    return Shift(time.fromisoformat(begins), None if ends == "24:00" else time.fromisoformat(ends))
