"""When somebody answers: shifts, clocks that change, bank holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from bot.settings import DeskHours, DeskSettings
from desk.builtin import clock_time
from desk.holidays import england
from desk.hours import hours_of

SPLIT = DeskSettings(
    hours=DeskHours(
        mon=("13:00-20:00", "08:00-12:30"), tue=("08:00-20:00",), fri=("08:00-20:00",), sun=("22:00-24:00",)
    ),
    bank_holidays="england",
    closed=(date(2026, 11, 24),),
)


def local(*at: int) -> datetime:
    return datetime(*at, tzinfo=ZoneInfo("Europe/London")).astimezone(UTC)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (local(2026, 11, 16, 7, 59), False),
        (local(2026, 11, 16, 8, 0), True),
        (local(2026, 11, 16, 12, 29, 59), True),
        (local(2026, 11, 16, 12, 30), False),
        (local(2026, 11, 16, 13, 0), True),
        (local(2026, 11, 16, 20, 0), False),
        (local(2026, 11, 18, 10, 0), False),
        (local(2026, 11, 24, 10, 0), False),
        (local(2026, 11, 22, 23, 59), True),
        (local(2026, 11, 23, 0, 0), False),
        (local(2026, 12, 25, 10, 0), False),
        (local(2026, 12, 28, 10, 0), False),
        (local(2026, 4, 3, 10, 0), False),
    ],
)
def test_open_or_not(at: datetime, is_open: bool) -> None:
    assert hours_of(SPLIT).is_open(at) is is_open


def test_the_next_opening_is_over_the_weekend_and_the_holidays() -> None:
    hours = hours_of(SPLIT)
    assert hours.next(local(2026, 11, 16, 12, 45)) == local(2026, 11, 16, 13, 0)
    # Friday evening, then Sunday's two hours.
    assert hours.next(local(2026, 11, 20, 21, 0)) == local(2026, 11, 22, 22, 0)
    # Christmas Day on a Friday, Boxing Day's substitute on the Monday: Sunday, then Tuesday.
    assert hours.next(local(2026, 12, 25, 9, 0)) == local(2026, 12, 27, 22, 0)
    assert hours.next(local(2026, 12, 28, 9, 0)) == local(2026, 12, 29, 8, 0)
    assert hours.until(local(2026, 11, 16, 9, 0)) == local(2026, 11, 16, 12, 30)
    assert hours.until(local(2026, 11, 18, 9, 0)) is None


def test_eight_is_eight_on_the_wall_in_summer_and_in_winter() -> None:
    hours = hours_of(SPLIT)
    assert hours.next(datetime(2026, 7, 13, 2, 0, tzinfo=UTC)) == datetime(2026, 7, 13, 7, 0, tzinfo=UTC)
    assert hours.next(datetime(2026, 11, 16, 2, 0, tzinfo=UTC)) == datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
    late = DeskSettings(hours=DeskHours(sun=("00:30-03:30",)))
    # 29 March 2026: the clock goes from 1 to 2, so that this shift is an hour shorter; 25 October: an hour longer.
    for day, seconds in ((date(2026, 3, 29), 2 * 3600), (date(2026, 10, 25), 4 * 3600)):
        begins = local(day.year, day.month, day.day, 0, 30)
        ends = hours_of(late).until(begins)
        assert ends is not None
        assert (ends - begins).total_seconds() == seconds


def test_no_hours_at_all_is_always_and_never_opens_later() -> None:
    hours = hours_of(DeskSettings())
    assert hours.is_open(local(2026, 12, 25, 3, 0))
    assert hours.next(local(2026, 12, 25, 3, 0)) is None


PUBLISHED = {
    # gov.uk/bank-holidays, England and Wales; without the one-off days of 2022 and 2023.
    2021: "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28",
    2023: "01-02 04-07 04-10 05-01 05-29 08-28 12-25 12-26",
    2024: "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
    2025: "01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26",
    2026: "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    2027: "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_bank_holidays_are_as_published(year: int) -> None:
    assert sorted(f"{day:%m-%d}" for day in england(year)) == PUBLISHED[year].split()


@pytest.mark.parametrize(
    ("hour", "minute", "said"), [(8, 0, "8am"), (12, 30, "12.30pm"), (0, 0, "12am"), (13, 5, "1.05pm")]
)
def test_times_as_people_say_them(hour: int, minute: int, said: str) -> None:
    assert clock_time(datetime(2026, 1, 1, hour, minute)) == said
