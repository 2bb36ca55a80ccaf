"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SetClock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime | None = None) -> None:
        self._now = at or datetime(2026, 11, 16, 10, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it was set to."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Go on by so much."""
        self._now += by

    def set(self, to: datetime) -> None:
        """Go to a time, never backwards."""
        self._now = max(self._now, to)
