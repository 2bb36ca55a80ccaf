"""How values become rows and back. JSON is text; times are epoch seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from bot.model import Address, Entry, Inbound, Outbound, Side

CUSTOMER_KINDS = frozenset({"message", "press", "file"})
"""Inbounds that a customer made: they get a log entry and open the platform's window."""

OPEN = "status IN ('queued', 'sending')"

_encode = msgspec.json.Encoder().encode
_decode_outbound = msgspec.json.Decoder(Outbound).decode
_decode_any = msgspec.json.Decoder().decode


def key_hash(key: str) -> bytes:
    """What `seen` keeps of a platform's event id."""
    return hashlib.sha256(key.encode()).digest()


def epoch(at: datetime) -> float:
    """Epoch seconds of an aware time."""
    return at.timestamp()


def epoch_or_none(at: datetime | None) -> float | None:
    """Epoch seconds, where there is a time."""
    return None if at is None else at.timestamp()


def moment(seconds: float) -> datetime:
    """The aware UTC time of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """The aware UTC time, where there is one."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def dump(value: Any) -> str:
    """Plain JSON text."""
    return _encode(value).decode()


def load(text: str) -> dict[str, Any]:
    """The object that a JSON column holds."""
    if text == "{}":
        return {}
    value: dict[str, Any] = _decode_any(text)
    return value


def outbound_of(text: str) -> Outbound:
    """An outbound row's body."""
    return _decode_outbound(text)


def shown_body(inbound: Inbound) -> str:
    """The log's view of what a customer sent: a press's nonce is left out, since it opens a door."""
    data: Mapping[str, Any] = inbound.data
    if "nonce" in data:
        data = {name: value for name, value in data.items() if name != "nonce"}
    return dump({"text": inbound.text, "data": data})


def side_of(said: Outbound) -> Side:
    """Who speaks in an outbound."""
    if not said.author:
        return "bot"
    return "system" if said.author == "system" else "agent"


def address_of(brand: str, connection: str, channel: str, user: str, kind: Any, thread: str) -> Address:
    """An address from its columns."""
    return Address(brand, connection, channel, user, kind, thread)


def inbound_of(
    conversation: str, address: Address, kind: Any, key: str, at: float, text: str, data: str, locale: str | None
) -> Inbound:
    """An inbound from its columns."""
    return Inbound(
        key=key,
        kind=kind,
        at=datetime.fromtimestamp(at, UTC),
        address=address,
        conversation=conversation,
        text=text,
        data=load(data),
        locale=locale,
    )


def entry_of(conversation: str, pos: int, side: Any, kind: str, at: float, body: str, ref: str) -> Entry:
    """A log entry from its columns."""
    return Entry(conversation, pos, side, kind, moment(at), load(body), ref)
