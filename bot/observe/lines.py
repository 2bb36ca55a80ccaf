"""Our own log lines: straight from a call to one line of text, without a record or a chain of processors between."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any

from bot.observe.redaction import HIDDEN, clean, failure, open_name, scrub
from bot.observe.writer import LineWriter

REQUEST: ContextVar[str] = ContextVar("parley_request", default="")
"""The id of the web request that is being answered; it stands in every line that is written meanwhile."""

Render = Callable[[dict[str, Any]], str]
"""Makes a line's text of its fields."""

_LEVELS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}

_Sink = Callable[["Lines", int, str, dict[str, Any]], None]


class Lines:
    """Writes lines of one name. The event is a short fixed phrase; fields are ids, names and numbers.

    `exc_info` is an exception, or True for the one that is being handled. A line is made a little later than it is
    given, so a field is not to be changed afterwards.
    """

    __slots__ = ("name", "standard")

    def __init__(self, name: str) -> None:
        self.name = name
        self.standard = logging.getLogger(name)
        """The standard library's logger of the same name: its level says whether a line is wanted."""

    def debug(self, event: str, **fields: Any) -> None:
        """For whoever looks closely."""
        _sink(self, logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happened, as it should."""
        _sink(self, logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What went wrong and was dealt with."""
        _sink(self, logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """What went wrong: someone should look."""
        _sink(self, logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error with the exception that is being handled."""
        _sink(self, logging.ERROR, event, {"exc_info": True, **fields})

    def critical(self, event: str, **fields: Any) -> None:
        """The process cannot go on."""
        _sink(self, logging.CRITICAL, event, fields)


def _unconfigured(lines: Lines, level: int, event: str, fields: dict[str, Any]) -> None:
    # A command that has set up no logs: the standard library shows its warnings, of ours the phrase alone.
    lines.standard.log(level, scrub(event))


_sink: _Sink = _unconfigured


def write_to(writer: LineWriter, render: Render) -> None:
    """Send all lines, redacted, there from now on."""
    global _sink

    def write(lines: Lines, level: int, event: str, fields: dict[str, Any]) -> None:
        if lines.standard.isEnabledFor(level):
            at = (datetime.now(UTC), REQUEST.get())
            text = partial(_text, render, lines.name, level, event, fields, *at)
            writer.add(text, now=level >= logging.WARNING or "exc_info" in fields)

    _sink = write


@contextmanager
def heard() -> Iterator[list[dict[str, Any]]]:
    """All lines of all levels as they were given, before anything is hidden, instead of being written: for tests."""
    global _sink
    found: list[dict[str, Any]] = []
    before = _sink

    def hear(lines: Lines, level: int, event: str, fields: dict[str, Any]) -> None:
        found.append({**fields, "event": event})

    _sink = hear
    try:
        yield found
    finally:
        _sink = before


def error_of(given: Any) -> dict[str, Any] | None:
    """What a line says of `exc_info`, as the standard library takes it."""
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    return failure(error) if isinstance(error, BaseException) else None


def hidden(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields without secrets."""
    return {name: clean(value, 1) if open_name(name) else HIDDEN for name, value in fields.items()}


def _text(render: Render, name: str, level: int, event: str, fields: dict[str, Any], at: datetime, request: str) -> str:
    told = error_of(fields.pop("exc_info")) if "exc_info" in fields else None
    # Ours come last: no field may pass for them.
    line = {**hidden(fields), "event": scrub(event), "level": _LEVELS[level], "logger": name}
    line["timestamp"] = f"{at.isoformat()[:-6]}Z"
    if request:
        line["request"] = request
    if told is not None:
        line["failure"] = told
    return f"{render(line)}\n"
