"""Orders that wait together share one COMMIT; none of them can spoil another."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from bot.errors import ParleyError, StoreUnavailable
from bot.store.faults import from_sqlite
from bot.store.sqlite_orders import MANY, Many, Order
from bot.store.sqlite_turn import Touch

GROUP = 512
"""How many orders at most share a COMMIT; bounds the wait of the first of them."""

Outcome = Any
"""What an order's job returned, or the exception that it ended with."""


class _NeedsSavepoints(Exception):
    """One of many failed: each is done again by itself."""


def carry_out(con: sqlite3.Connection, orders: Sequence[Order]) -> tuple[list[Outcome], set[str]]:
    """Do them, in one transaction; each one's outcome, once they stand, and the topics that were touched."""
    touched: set[str] = set()
    try:
        outcomes = _group(con, orders, touched.add, together=True)
    except _NeedsSavepoints:
        _undo(con)
        outcomes = _group(con, orders, touched.add, together=False)
    return outcomes, touched


def _group(con: sqlite3.Connection, orders: Sequence[Order], touch: Touch, *, together: bool) -> list[Outcome]:
    outcomes: list[Outcome] = [None] * len(orders)
    try:
        con.execute("BEGIN IMMEDIATE")
        alone = _together(con, orders, touch, outcomes) if together else range(len(orders))
        for at in alone:
            outcomes[at] = _guarded(con, orders[at], touch)
        con.execute("COMMIT")
    except _NeedsSavepoints:
        raise
    except Exception as error:  # The group's boundary: nothing of it stands, so each of its orders fails.
        _undo(con)
        meant = from_sqlite(error) if isinstance(error, sqlite3.Error) else error
        text = str(meant.detail) if isinstance(meant, ParleyError) else str(meant)
        return [StoreUnavailable(text) for _ in orders]
    return outcomes


def _together(con: sqlite3.Connection, orders: Sequence[Order], touch: Touch, outcomes: list[Outcome]) -> list[int]:
    """Do what can be done for many at once; returns where the others are."""
    kinds: dict[Many, list[int]] = {}
    left: list[int] = []
    for at, (job, _) in enumerate(orders):
        many = MANY.get(job)
        if many is None:
            left.append(at)
        else:
            kinds.setdefault(many, []).append(at)
    for many, places in kinds.items():
        try:
            found = many(con, touch, [orders[at][1] for at in places])
        except Exception as error:  # Half of it may be written: the group is done again, one by one.
            raise _NeedsSavepoints from error
        for at, outcome in zip(places, found, strict=True):
            outcomes[at] = outcome
    return left


def _guarded(con: sqlite3.Connection, order: Order, touch: Touch) -> Outcome:
    job, values = order
    con.execute("SAVEPOINT job")
    try:
        outcome: Outcome = job(con, touch, *values)
    except Exception as error:  # One order's failure is its caller's, whatever it is; the group goes on.
        if not con.in_transaction:  # A full disk may end the whole transaction by itself.
            raise
        con.execute("ROLLBACK TO job")
        outcome = from_sqlite(error) if isinstance(error, sqlite3.Error) else error
    con.execute("RELEASE job")
    return outcome


def _undo(con: sqlite3.Connection) -> None:
    try:
        if con.in_transaction:
            con.execute("ROLLBACK")
    except sqlite3.Error:  # SQLite rolls back by itself where it can no longer be told to.
        return
