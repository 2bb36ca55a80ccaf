"""What every table is made with."""

from __future__ import annotations

from sqlalchemy import Column, Double, MetaData

metadata = MetaData()


def moment(name: str, *, nullable: bool = True) -> Column[float]:
    """A time of meaning, by the injected clock: epoch seconds, UTC."""
    return Column(name, Double, nullable=nullable)


PERSON_FREE = frozenset(
    {
        *("seen", "timer", "stream_token", "socket", "rate", "web_session", "erasure"),
        *("desk_agent", "desk_session", "desk_reply", "desk_viewer"),
    }
)
"""Tables without anything of a customer; a test keeps each table either here or with a `person` column."""
