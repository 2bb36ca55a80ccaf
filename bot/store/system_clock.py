"""The clock of a store that was given none."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Meaning's clock, by this machine. See `bot.ports.Clock`."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        return datetime.now(UTC)
