"""Runs portable statements and procedures on a SQLite connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from bot.errors import Conflict
from bot.ports import Sql
from bot.store.procedure import Procedure, Wake

T = TypeVar("T")


def run(con: sqlite3.Connection, statement: Sql, now: float) -> list[Any]:
    """One statement's rows; raises `Conflict` where it touches another number of rows than it must."""
    cursor = con.execute(statement.text, {**statement.values, "db_now": now})
    rows = cursor.fetchall() if cursor.description is not None else []
    if statement.rows is not None:
        touched = len(rows) if cursor.description is not None else cursor.rowcount
        if touched != statement.rows:
            raise Conflict(f"{touched} rows instead of {statement.rows}.")
    return rows


def drive(con: sqlite3.Connection, touch: Callable[[str], None], procedure: Procedure[T], now: float) -> T:
    """Run a procedure to its end and return its result."""
    try:
        step = next(procedure)
        while True:
            if isinstance(step, Wake):
                touch(step.topic)
                step = procedure.send([])
            else:
                step = procedure.send(run(con, step, now))
    except StopIteration as end:
        result: T = end.value
        return result
