"""Portable `:named` statements as PostgreSQL wants them: `$1`, `$2`, …"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from bot.store.faults import StatementWrong

NOW = "extract(epoch FROM statement_timestamp())::float8"
"""Liveness' clock, as `:db_now` reads. Stable within a statement, so that an index on a lease can be used."""

# Strings, quoted names, comments and casts are passed over; what is left of a colon and a name is a parameter.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|--[^\n]*|::|/\*.*?\*/|:([A-Za-z_]\w*)", re.DOTALL)

# The value's type goes along, since PostgreSQL cannot infer one in `$1 IS NULL` or `SELECT $1`; of two texts for one
# statement (a value, or none) each is prepared once.
_CASTS = {bool: "bigint", int: "bigint", float: "float8", str: "text", bytes: "bytea"}


def positional(text: str, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The statement with numbered parameters, and their values in order. Raises `StatementWrong`."""
    names = _names(text)
    try:
        kinds = tuple(type(values[name]) for name in names)
    except KeyError as error:
        raise StatementWrong(f"It has no value for :{error.args[0]}.") from error
    translated, order = _translated(text, kinds)
    return translated, [_plain(values[name]) for name in order]


@lru_cache(maxsize=2048)
def _names(text: str) -> tuple[str, ...]:
    found = (match[1] for match in _TOKEN.finditer(text))
    return tuple(dict.fromkeys(name for name in found if name and name != "db_now"))


@lru_cache(maxsize=4096)
def _translated(text: str, kinds: tuple[type, ...]) -> tuple[str, tuple[str, ...]]:
    typed = dict(zip(_names(text), kinds, strict=True))
    order: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if not name:
            return "FOR UPDATE SKIP LOCKED" if match[0] == "/*lock*/" else match[0]
        if name == "db_now":
            return NOW
        kind = typed[name]
        if kind is type(None):
            return "NULL"
        cast = next((_CASTS[base] for base in kind.__mro__ if base in _CASTS), None)
        if cast is None:
            raise StatementWrong(f"The value of :{name} is {kind.__name__}: give a number, text, bytes or None.")
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}::{cast}"

    return _TOKEN.sub(number, text), tuple(order)


def _plain(value: Any) -> Any:
    # Truth and enumerations are numbers, as SQLite keeps them.
    return int(value) if isinstance(value, int) else value


def row_of(record: Any) -> dict[str, Any]:
    """A record by column name, with the types SQLite would give: sums are numbers, truth is 0 or 1."""
    return {name: _like_sqlite(value) for name, value in record.items()}


def _like_sqlite(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.timestamp()
    return value
