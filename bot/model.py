"""Values that cross a boundary of the engine. All are frozen; times are aware UTC; money is integer pence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any, Literal

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
"""What may be stored: plain JSON."""

Kind = Literal["private", "group", "public"]
InboundKind = Literal["message", "press", "file", "signal", "agent", "timer"]
Control = Literal["human", "stop"]
Party = Literal["bot", "agent"]
Purpose = Literal["reply", "agent", "proactive", "closure"]
Side = Literal["customer", "bot", "agent", "system"]
Window = Literal["open", "template_only", "closed"]


class Assurance(IntEnum):
    """How sure we are of who is writing, from a signed message to a fresh approval of one action."""

    ANYONE = 0
    """L0: the platform's signature verified, nothing more: general answers."""
    LINKED = 1
    """L1: the chat account is linked to a customer: may say so, no figures."""
    KNOWN = 2
    """L2: linked, and the login is recent: may read the account (masked)."""
    APPROVED = 3
    """L3: this one action was approved on our page, within minutes."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person writes from. `connection` is one page, bot, workspace or site; secrets and limits hang on it."""

    brand: str
    connection: str
    channel: str
    user: str
    kind: Kind = "private"
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Inbound:
    """Whatever changes a conversation: a customer's message, a press, a file, or a signal, agent or timer of our own.

    `key` is the platform's own id of the event, unique within `address.connection`.
    `data` by kind: press `{"nonce"}`; file `{"name", "type", "size", "ref"}`; signal `{"op", "outcome"}` where `op` is
    the parked operation's id and `outcome` its plain result; timer `{"op"}`; agent `{"act", …}`.
    A signal, agent or timer may name its conversation instead of an address.
    """

    key: str
    kind: InboundKind
    at: datetime
    address: Address | None = None
    conversation: str | None = None
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing the customer may pick. `nonce` is what a press carries back; it says nothing by itself."""

    id: str
    label: str
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A titled block of facts, in order. `rows` are (name, value)."""

    title: str
    text: str = ""
    rows: tuple[tuple[str, str], ...] = ()
    image: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list of cards, one beneath the other (a carousel where the channel has one)."""

    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file for this chat alone: `ref` names it at the backend; the URL is minted at send, opaque, and lives 5 min."""

    ref: str
    name: str
    type: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """A button that opens one of our pages. `transaction` is an id; the URL is minted when it is sent."""

    transaction: str
    label: str
    purpose: Literal["link", "stepup", "page"] = "link"


@dataclass(frozen=True, slots=True)
class Outbound:
    """One thing said, before any channel has shaped it. `private`: names an account's facts, so only a private chat."""

    text: str = ""
    choices: tuple[Choice, ...] = ()
    card: Card | None = None
    items: Items | None = None
    file: File | None = None
    link: Link | None = None
    private: bool = False
    purpose: Purpose = "reply"
    author: str = ""
    """Who speaks, where it is not the bot: an agent's display name, or "system"."""
    op: str = ""
    """The open question's id, so that a page can mark its buttons spent."""
    settles: str = ""
    """The question (an earlier row's `op`) which the customer has just answered; `chosen` is the choice's id."""
    chosen: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A customer of the brand, known by the brand's own reference, never by a phone number or chat name."""

    id: str
    customer_ref: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What an address has proven by now. `link` and `link_version` are re-checked when an effect is about to run."""

    level: Assurance = Assurance.ANYONE
    person: Person | None = None
    link: str = ""
    link_version: int = 0
    proven_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing named in a message: `value` is normalised (pence, ISO date, YYYY-MM, a synonym's head), `text` as
    written."""

    name: str
    value: str | int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Parse:
    """What a message means. `intent` is "" where nothing fits; `ranking` is best first, (intent, confidence in
    0..1)."""

    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...] = ()
    entities: tuple[Entity, ...] = ()
    locale: str = "en-GB"
    backend: str = ""
    model: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation's log: what each side sees. `pos` counts from 1 and is Direct Line's watermark."""

    conversation: str
    pos: int
    side: Side
    kind: str
    """message | press | file | event | receipt | typing"""
    at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    ref: str = ""
    """The inbound's key, or the outbound row as "seq.n"."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The durable record of an inbound: which conversation, its place in order; `fresh` is False for a duplicate."""

    conversation: str
    seq: int
    pos: int
    fresh: bool
