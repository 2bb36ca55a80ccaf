"""What goes between a store and a writer in another process: frames of MessagePack, each behind its length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from bot.errors import Conflict, Fenced, ParleyError, StoreUnavailable
from bot.store.faults import StatementWrong
from bot.store.sqlite_group import Outcome
from bot.store.sqlite_orders import JOBS, Order

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_ERRORS: dict[str, type[ParleyError]] = {
    one.__name__: one for one in (Conflict, Fenced, StoreUnavailable, StatementWrong)
}
_LENGTH = 4


def frame(body: bytes) -> bytes:
    """A body behind its length."""
    return len(body).to_bytes(_LENGTH, "big") + body


def bodies(heard: bytearray) -> Iterator[bytes]:
    """The bodies that are whole; they are taken out of what was heard."""
    at, end = 0, len(heard)
    while end - at >= _LENGTH:
        after = at + _LENGTH + int.from_bytes(heard[at : at + _LENGTH], "big")
        if after > end:
            break
        yield bytes(heard[at + _LENGTH : after])
        at = after
    del heard[:at]


def order(given: Order) -> bytes:
    """An order's frame. Raises `StatementWrong` for a value that no database takes, and what `str.encode` raises."""
    job, values = given
    try:
        return frame(_encode((job.__name__, values)))
    except (TypeError, OverflowError) as error:
        raise StatementWrong(f"({error})") from error


def ordered(body: bytes) -> Order:
    """The order in a frame."""
    name, values = _decode(body)
    return JOBS[name], values


def answer(outcomes: Sequence[Outcome], touched: set[str]) -> bytes:
    """The frame that answers as many orders, in their order."""
    return frame(_encode(([_outcome(one) for one in outcomes], list(touched))))


def answered(body: bytes) -> tuple[list[Outcome], list[str]]:
    """The outcomes in a frame, and the topics that were touched."""
    outcomes, touched = _decode(body)
    return [_plain(*one) for one in outcomes], touched


def _outcome(one: Outcome) -> tuple[Any, str, str]:
    if not isinstance(one, BaseException):
        return one, "", ""
    if isinstance(one, ParleyError) and type(one).__name__ in _ERRORS:
        return None, type(one).__name__, one.detail
    # An error of ours in a job, or a value that SQLite's module refused.
    return None, StatementWrong.__name__, f"({type(one).__name__}: {one})"


def _plain(value: Any, error: str, detail: str) -> Outcome:
    return _ERRORS[error](detail) if error else value
