"""Logs: one JSON object a line, our own and every library's, redacted. Never a message's text."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from contextlib import nullcontext
from functools import partial
from typing import Any, TextIO

import msgspec
import structlog

from bot.observe.redaction import clean, failure, scrub

QUIET = (
    "aiohttp", "alembic", "asyncio", "authlib", "botbuilder", "httpcore", "httpcore2", "httpx", "httpx2", "slack_bolt",
    "slack_sdk", "telegram",
)  # fmt: skip
"""Libraries that log URLs, headers or bodies below WARNING."""

OURS = "parley"
"""The root of our own loggers' names."""

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}

_KEPT = frozenset({"event", "level", "timestamp", "logger", "failure"})


def configure(*, level: str = "INFO", stream: TextIO | None = None, pretty: bool = False) -> None:
    """Send all logs, redacted, to `stream` (standard error by default): JSON lines, or `pretty` for a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _failure,
        _redact,
    ]
    render: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=False) if pretty else structlog.processors.JSONRenderer(serializer=_json)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=_Bound,
        logger_factory=partial(_Line, handler),
        cache_logger_on_first_use=False,
    )
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


class _Line:
    """Where our own lines end: at the handler of all logs, without a record of the standard library for each."""

    def __init__(self, handler: logging.StreamHandler[TextIO], name: str | None = None) -> None:
        self._handler, self._level = handler, logging.getLogger(name)
        self.name = self._level.name

    def isEnabledFor(self, level: int) -> bool:
        """Whether lines of this level are wanted."""
        return self._level.isEnabledFor(level)

    def write(self, line: str) -> None:
        """Write one line, whole."""
        handler = self._handler
        with handler.lock or nullcontext():
            handler.stream.write(f"{line}\n")
            handler.flush()

    debug = info = warning = error = exception = critical = write


class _Bound(structlog.stdlib.BoundLogger):
    """Looks at the level first: a line that nobody will see costs next to nothing."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, *event_args: str, **event_kw: Any) -> Any:
        if not self._logger.isEnabledFor(_LEVELS[method_name]):
            return None
        return super()._proxy_to_logger(method_name, event, *event_args, **event_kw)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger. Fields are ids, names and numbers; the event is a short fixed phrase."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def _json(value: Any, **_: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode()


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
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["failure"] = failure(error)
    return event


def _redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name in [name for name in event if name not in _KEPT and not name.startswith("_")]:
        event[name] = clean({name: event[name]})[name]
    event["event"] = scrub(str(event.get("event", "")))
    return event
