"""Times as the desk's pages read them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(at: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(seconds: float | None) -> str | None:
    """The same of epoch seconds, where there are any."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))
