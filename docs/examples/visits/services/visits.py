"""What the example's dialogs ask of the brand's diary, and a diary in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from bot import UNKEYED, DomainError, Key, effect


@dataclass(frozen=True, slots=True)
class Slot:
    """A day on which a gardener is free. `price` is in pence."""

    id: str
    day: date
    price: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that is booked; `id` is also the reference that the customer can quote."""

    id: str
    day: date
    price: int


@dataclass(eq=True, unsafe_hash=True)
class Taken(DomainError):
    """Somebody else has just taken this day."""

    day: date

    def __post_init__(self) -> None:
        super().__init__()


class Visits(Protocol):
    """The diary."""

    async def free(self) -> tuple[Slot, ...]:
        """The days that are free, soonest first."""
        ...

    async def booked(self, *, customer: str) -> Visit | None:
        """The customer's next visit."""
        ...

    @effect(read_back="booking", keys=True)
    async def book(self, *, customer: str, slot: str, key: Key = UNKEYED) -> Visit:
        """Book a day; the same key again returns the first visit. Raises `Taken`."""
        ...

    async def booking(self, *, customer: str, slot: str, key: Key = UNKEYED) -> Visit | None:
        """The visit that was booked under this key; None if none was."""
        ...

    @effect(read_back="cancellation", keys=True, approve="cancel_visit")
    async def cancel(self, *, visit: str, key: Key = UNKEYED) -> Visit:
        """Cancel a visit; a second time returns it again."""
        ...

    async def cancellation(self, *, visit: str, key: Key = UNKEYED) -> Visit | None:
        """The visit, if it was cancelled; None if it was not."""
        ...


class Diary:
    """Implements the contract in memory. Somebody else is always quicker on the 20th."""

    def __init__(self) -> None:
        days = (date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 23))
        self._free = {day.isoformat(): Slot(day.isoformat(), day, 4500) for day in days}
        self._by_key: dict[str, Visit] = {}
        self._visits: dict[str, Visit] = {}
        self._cancelled: dict[str, Visit] = {}

    async def free(self) -> tuple[Slot, ...]:
        """The days that are free."""
        return tuple(self._free.values())

    async def booked(self, *, customer: str) -> Visit | None:
        """The customer's next visit."""
        return self._visits.get(customer)

    async def book(self, *, customer: str, slot: str, key: Key = UNKEYED) -> Visit:
        """Book a day, once a key."""
        if key in self._by_key:
            return self._by_key[key]
        wanted = self._free.pop(slot)
        if wanted.day.day == 20:
            raise Taken(wanted.day)
        visit = Visit(f"V-{len(self._by_key) + 1:03}", wanted.day, wanted.price)
        self._by_key[key] = self._visits[customer] = visit
        return visit

    async def booking(self, *, customer: str, slot: str, key: Key = UNKEYED) -> Visit | None:
        """What was booked under the key."""
        return self._by_key.get(key)

    async def cancel(self, *, visit: str, key: Key = UNKEYED) -> Visit:
        """Take a visit out of the diary."""
        if visit not in self._cancelled:
            customer, found = next((who, one) for who, one in self._visits.items() if one.id == visit)
            del self._visits[customer]
            self._cancelled[visit] = found
        return self._cancelled[visit]

    async def cancellation(self, *, visit: str, key: Key = UNKEYED) -> Visit | None:
        """The visit that was cancelled."""
        return self._cancelled.get(visit)


def build(settings: Mapping[str, Any], clock: Any) -> Diary:
    """Named under `services` in config.yml."""
    return Diary()
