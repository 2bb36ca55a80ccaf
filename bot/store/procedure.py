"""Transactions written once for both stores: a generator yields statements and is sent their rows."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.ports import Sql

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wake:
    """Yielded to wake a topic's watchers, once the transaction stands."""

    topic: str


Procedure = Generator[Sql | Wake, list[Any], T]
"""Statements may use `:db_now`, the database's clock, and end in `/*lock*/`, which PostgreSQL reads as
`FOR UPDATE SKIP LOCKED`. Rows are sequences in the order of the columns."""
