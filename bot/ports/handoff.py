"""Where people are reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bot.ports.work import Sql


@dataclass(frozen=True, slots=True)
class Case:
    """What a person gets to know at once. `summary` is plain text without secrets; `about` is plain JSON."""

    id: str
    reference: str
    conversation: str
    brand: str
    person: str | None
    op: str
    reason: str
    summary: str
    about: Any = None
    channel: str = ""
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """How a hand-over began. `waits`: the dialog parks until a signal; otherwise nobody is there and it goes on.

    `values` are for the text told to the customer (reference, phone, hours, …); `text` is its id.
    """

    changes: tuple[Sql, ...]
    waits: bool
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Handoff(Protocol):
    """Where people are reached."""

    def attended(self, now: datetime) -> bool:
        """Whether somebody is there to take a conversation now."""
        ...

    def opens(self, now: datetime) -> Mapping[str, Any]:
        """From when somebody answers: `day` and `time` for a text; empty where that is now, or not known."""
        ...

    def open(self, case: Case, now: datetime) -> Opened:
        """Hand a case over; its rows are part of the turn. A conversation that waits already keeps its place."""
        ...

    def close(self, conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
        """Rows that say that the customer waits no longer."""
        ...

    def rated(self, case: str, score: int | None, now: datetime) -> tuple[Sql, ...]:
        """Rows that keep what the customer thought of it, 1 to 5; None: they have just been asked."""
        ...
