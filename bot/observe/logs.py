"""Logs: one JSON object a line, our own and every library's, redacted. Never a message's text."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from bot.observe.lines import REQUEST, Lines, error_of, hidden, write_to
from bot.observe.redaction import scrub
from bot.observe.writer import LineWriter

QUIET = (
    "aiohttp", "alembic", "asyncio", "authlib", "botbuilder", "httpcore", "httpcore2", "httpx", "httpx2", "slack_bolt",
    "slack_sdk", "telegram",
)  # fmt: skip
"""Libraries that log URLs, headers or bodies below WARNING."""

OURS = "parley"
"""The root of our own loggers' names."""

_KEPT = frozenset({"event", "level", "timestamp", "logger", "failure"})


def configure(*, level: str = "INFO", stream: TextIO | None = None, pretty: bool = False) -> None:
    """Send all logs, redacted, to `stream` (standard error by default): JSON lines, or `pretty` for a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _failure,
        _redact,
        _request,
    ]
    console = structlog.dev.ConsoleRenderer(colors=False)
    handler = LineWriter(stream or sys.stderr)
    write_to(handler, (lambda line: console(None, "", line)) if pretty else _json)
    render: structlog.typing.Processor = console if pretty else structlog.processors.JSONRenderer(serializer=_json)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_first_line, _our_fields, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its lines hold whole URLs, and a stream's URL holds a credential; the web layer writes its own.
    logging.getLogger("aiohttp.access").disabled = True


def logger(name: str) -> Lines:
    """A logger. Fields are ids, names and numbers; the event is a short fixed phrase."""
    return Lines(name)


_encode = msgspec.json.Encoder(enc_hook=str).encode


def _json(line: Any, **_: Any) -> str:
    return _encode(line).decode()


def _first_line(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # What follows in a library's message is often the repr of a body or of an exception with one in it.
    event["event"] = str(event.get("event", "")).split("\n", 1)[0][:300]
    return event


_add_fields = structlog.stdlib.ExtraAdder()


def _our_fields(bound: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    # Our modules name their fields in `extra`; a library's may hold whatever it was handling.
    record = event.get("_record")
    ours = isinstance(record, logging.LogRecord) and record.name.split(".")[0] == OURS
    return _add_fields(bound, method, event) if ours else event


def _failure(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("stack_info", None)
    told = error_of(event.pop("exc_info", None))
    if told is not None:
        event["failure"] = told
    return event


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.update(hidden({name: event[name] for name in event if name not in _KEPT and not name.startswith("_")}))
    event["event"] = scrub(str(event.get("event", "")))
    return event


def _request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request := REQUEST.get():
        event["request"] = request
    return event
