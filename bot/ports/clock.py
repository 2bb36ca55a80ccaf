"""Meaning's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Meaning's clock: grants, windows, timers, expiry, `c.now`. Leases and retries use the database's own."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...
