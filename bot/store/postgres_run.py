"""Runs portable statements and procedures on a PostgreSQL connection, inside its transaction."""

from __future__ import annotations

from typing import Any, TypeVar

from bot.errors import Conflict
from bot.ports import Sql
from bot.store.named import positional
from bot.store.postgres_sql import NOTIFY, NOTIFY_LOG, OUTBOX, TURNS
from bot.store.procedure import Procedure, Wake

T = TypeVar("T")

_TOPICS = {"turns": TURNS, "outbox": OUTBOX}


async def run(con: Any, statement: Sql) -> list[Any]:
    """One statement's rows; raises `Conflict` where it touches another number of rows than it must."""
    text, values = positional(statement.text, statement.values)
    head = text.lstrip()[:6].upper()
    if head == "SELECT" or "RETURNING" in text.upper():
        rows: list[Any] = await con.fetch(text, *values)
        touched = len(rows)
    else:
        # The status is "UPDATE 3" or "INSERT 0 3".
        touched = int((await con.execute(text, *values)).rpartition(" ")[2])
        rows = []
    if statement.rows is not None and touched != statement.rows:
        raise Conflict(f"{touched} rows instead of {statement.rows}.")
    return rows


async def drive(con: Any, procedure: Procedure[T]) -> tuple[T, set[str]]:
    """Run a procedure to its end; its result, and the logs that it touched."""
    logs: set[str] = set()
    try:
        step = next(procedure)
        while True:
            if isinstance(step, Wake):
                await wake(con, step.topic)
                if step.topic not in _TOPICS:
                    logs.add(step.topic)
                step = procedure.send([])
            else:
                step = procedure.send(await run(con, step))
    except StopIteration as end:
        result: T = end.value
        return result, logs


async def wake(con: Any, topic: str) -> None:
    """Wake a topic's watchers in every process, once the transaction stands; a log's only where one reads it live."""
    channel = _TOPICS.get(topic)
    if channel is None:
        await con.fetch(NOTIFY_LOG, topic.removeprefix("log:"))
    else:
        await con.fetch(NOTIFY, channel, "")
