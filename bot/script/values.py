"""Journaled values: plain JSON in the journal, the function's declared return type in the dialog."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, get_type_hints

import msgspec

from bot.errors import DomainError, NotPlain, ValueTooLarge

LIMIT = 8 * 1024


def to_plain(value: Any, where: str) -> Any:
    """Plain JSON of a value made of dataclasses, dates, enums and containers; raises `NotPlain`, `ValueTooLarge`."""
    if value is None or isinstance(value, (bool, int, str)):
        plain = value
        if not isinstance(value, str) or len(value) < LIMIT // 4:
            return plain
    else:
        try:
            plain = msgspec.to_builtins(value, str_keys=True)
        except (TypeError, ValueError, OverflowError) as error:
            raise NotPlain(f"{where}: {error}") from error
    if len(msgspec.json.encode(plain)) > LIMIT:
        raise ValueTooLarge(where)
    return plain


def from_plain(plain: Any, kind: Any, where: str) -> Any:
    """The value of type `kind`; raises `NotPlain` when the journal holds something else."""
    if kind is Any or kind is None or kind is type(None):
        return plain
    try:
        return msgspec.convert(plain, kind)
    except (TypeError, ValueError) as error:
        raise NotPlain(f"{where}: {error}") from error


@lru_cache(maxsize=1024)
def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of)


def return_type(fn: Callable[..., Any]) -> Any:
    """A function's declared return type, or `Any`."""
    try:
        return _hints(getattr(fn, "__func__", fn)).get("return", Any)
    except TypeError:  # a partial or another callable object, which has no annotations of its own
        return Any


def digest(*parts: str | bytes) -> str:
    """A short, stable hash of several parts, unambiguous about where each ends."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    joined = b"".join([b"%d:%b" % (len(part), part) for part in raw])
    return hashlib.blake2b(joined, digest_size=16).hexdigest()


def canonical(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as canonical JSON: sorted keys, plain values. Raises `NotPlain`."""
    try:
        return msgspec.json.encode(msgspec.to_builtins(dict(arguments), str_keys=True), order="deterministic")
    except (TypeError, ValueError, OverflowError) as error:
        raise NotPlain(f"{', '.join(arguments)}: {error}") from error


def error_to_plain(error: DomainError) -> dict[str, Any]:
    """A domain error as its name and declared fields."""
    kind: Any = type(error)
    fields = {name: getattr(error, name) for name in _hints(kind) if hasattr(error, name)}
    return {"t": f"{kind.__module__}:{kind.__qualname__}", "f": to_plain(fields, kind.__name__)}


def error_from_plain(plain: Mapping[str, Any]) -> DomainError:
    """The domain error again, by its declared field types."""
    kind: Any = _error_kind(plain["t"])
    hints = _hints(kind)
    fields = {name: from_plain(value, hints.get(name, Any), plain["t"]) for name, value in plain["f"].items()}
    made: DomainError = kind(**fields)
    return made


def _error_kind(name: str) -> type[DomainError]:
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        kind = waiting.pop()
        if f"{kind.__module__}:{kind.__qualname__}" == name:
            return kind
        waiting.extend(kind.__subclasses__())
    raise NotPlain(f"the domain error {name} is no longer declared")
