"""What the engine asks of its neighbours. Each port is small; `bot.testing` holds a contract test for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from bot.model import (
    Accepted,
    Address,
    Control,
    Entry,
    Inbound,
    Outbound,
    Parse,
    Party,
    Purpose,
    Standing,
    Window,
)


class Clock(Protocol):
    """Meaning's clock: grants, windows, timers, expiry, `c.now`. Leases and retries use the database's own."""

    def now(self) -> datetime:
        """The time, aware UTC."""
        ...


# Store -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sql:
    """One portable statement with `:named` parameters, part of a larger transaction.

    `rows`: how many rows it must touch; any other number refuses the whole transaction with `Conflict`.
    Portable means: runs on SQLite ≥ 3.40 and PostgreSQL ≥ 15 as it stands; times are epoch seconds (float), JSON is
    text.
    """

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A conversation that this worker holds for one turn, and its next inbound. `epoch` fences every write."""

    conversation: str
    address: Address
    epoch: int
    party: Party
    party_epoch: int
    state: bytes
    seq: int
    """The inbound's sequence number, which the commit makes `done`."""
    inbound: Inbound
    control: Control | None
    """A rule-level "human" or "stop" accepted after this inbound (or with it), not yet handled."""
    tries: int
    """How often this inbound was begun before without a commit."""
    person: str | None
    case_id: str | None
    locale: str | None
    last_inbound_at: datetime | None
    held_until: float
    """When the lease ends, on this process's monotonic clock."""


@dataclass(frozen=True, slots=True)
class OutRow:
    """One outbound row of a turn: `n` counts from 0 within its inbound, over all of its checkpoints."""

    n: int
    said: Outbound


@dataclass(frozen=True, slots=True)
class Work:
    """What a checkpoint or commit writes, in one transaction, fenced by the claim."""

    state: bytes
    rows: tuple[OutRow, ...] = ()
    changes: tuple[Sql, ...] = ()
    """Effects, timers, cases, audit, grants: whatever must stand or fall with this turn."""
    party: Party | None = None
    """Set to pass the conversation to an agent or back; raises `party_epoch`; withholds the bot's unsent rows."""
    person: str | None = None
    case_id: str | None = None
    locale: str | None = None
    needs: int = 0
    """The lowest engine release that can read this state."""


@dataclass(frozen=True, slots=True)
class OutboxClaim:
    """The head row of one conversation's outbox, held by this worker for one send. Fenced by `epoch`."""

    conversation: str
    address: Address
    epoch: int
    seq: int
    n: int
    said: Outbound
    purpose: Purpose
    tries: int
    uncertain: bool
    """An earlier send may have gone through: reconcile with the platform first, where it can tell."""
    last_inbound_at: datetime | None
    party: Party
    created_at: datetime
    locale: str | None


class Watch(Protocol):
    """A wake-up: returns when the topic was touched since the last wait, or after `timeout` seconds."""

    async def wait(self, timeout: float) -> bool:
        """True if woken, False on time-out. Never misses a touch between two waits."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...


class Store(Protocol):
    """The durable ground: one schema, two implementations. Every method is one transaction; raises
    `StoreUnavailable`."""

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        """Write an inbound, its log entry (customer's kinds) and its sequence number; a known key changes nothing."""
        ...

    async def change(self, statements: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> tuple[Accepted, ...]:
        """Apply a neighbour's own writes and accept inbounds with them, all or nothing; raises `Conflict`."""
        ...

    async def query(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """A portable SELECT with `:named` parameters, on a read-only connection where the store has one."""
        ...

    async def claim(self, limit: int, *, lease: float, release: int = 1) -> list[Claim]:
        """Take up to `limit` ready conversations for `lease` seconds; skips those whose `needs` is over `release`."""
        ...

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        """Extend the lease; raises `Fenced`."""
        ...

    async def checkpoint(self, claim: Claim, work: Work) -> Control | None:
        """Write a part of the turn; returns a control mark that has arrived meanwhile. Raises `Fenced`, `Conflict`."""
        ...

    async def commit(self, claim: Claim, work: Work, *, lease: float) -> Claim | None:
        """Write the rest and mark the inbound done; returns the next claim if another inbound waits. Raises as
        above."""
        ...

    async def release(self, claim: Claim, *, delay: float, failed: bool = True) -> None:
        """Give the conversation back without a commit, ready again in `delay` seconds; counts a try if `failed`."""
        ...

    async def claim_outbox(self, limit: int, *, lease: float) -> list[OutboxClaim]:
        """Take the head rows of up to `limit` conversations with something to send, and mark them as being sent."""
        ...

    async def sent(self, held: OutboxClaim, *, platform_id: str, at: datetime) -> None:
        """The row was sent. Raises `Fenced`."""
        ...

    async def unsent(self, held: OutboxClaim, *, delay: float, reason: str, uncertain: bool) -> None:
        """The send failed for now: try again in `delay` seconds. Raises `Fenced`."""
        ...

    async def dead(self, held: OutboxClaim, *, status: Literal["dead", "expired", "withheld"], reason: str) -> None:
        """The row will not be sent: dead letter; the rest of its turn becomes `superseded`. Raises `Fenced`."""
        ...

    async def due_timers(self, now: datetime, limit: int = 100) -> int:
        """Turn timers that are due into inbounds (kind timer); returns how many."""
        ...

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        """The log behind position `after`, in order."""
        ...

    async def conversation_of(self, address: Address) -> str:
        """The conversation's id for this address, made if it is new."""
        ...

    def watch(self, topic: str) -> Watch:
        """Topics: "turns", "outbox", "log:<conversation>". Woken across processes."""
        ...

    async def database_now(self) -> float:
        """Liveness' clock: epoch seconds by the database."""
        ...

    async def close(self) -> None:
        """Finish what is queued and close."""
        ...


# Neighbours ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show and do. `log` channels read the one log themselves, so rows need no send."""

    log: bool = False
    buttons: int = 0
    button_label: int = 20
    text: int = 4096
    cards: bool = False
    files: bool = False
    typing: bool = False
    reconciles: bool = False


class Channel(Protocol):
    """One way in and out. Intake is the adapter's own web handler, which calls `store.accept`."""

    name: str
    capabilities: Capabilities

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Whether a free reply may be sent now."""
        ...

    async def send(self, held: OutboxClaim) -> str:
        """Send one outbound; returns the platform's message id. Raises `SendTemporary`, `SendUncertain`,
        `SendPermanent`."""
        ...

    async def find(self, held: OutboxClaim) -> str | None:
        """After an uncertain send: the platform's id if it did go through, None if it is sure that it did not."""
        ...


class Recogniser(Protocol):
    """Reads what a message means."""

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """Rule-level "human" or "stop", cheap enough for the accept path."""
        ...

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """The message's intent and entities; never raises for odd text."""
        ...


@runtime_checkable
class Tended(Protocol):
    """A recogniser with something behind it, another process or a service, that a served site keeps going."""

    async def begin(self) -> None:
        """Open what it needs; a backend that is not there yet is no error."""
        ...

    async def run(self) -> None:
        """Keep it going until `stop`."""
        ...

    async def stop(self) -> None:
        """Begin nothing more."""
        ...

    async def close(self) -> None:
        """Let go of what `begin` opened."""
        ...

    async def ready(self) -> str:
        """Which backend reads now, in words for the operator. Raises `ParleyError` where none can."""
        ...


class Identity(Protocol):
    """Who an address has proven to be."""

    async def standing(self, address: Address, now: datetime) -> Standing:
        """The assurance in force now, by the link's age, the login's age and the channel's own rules."""
        ...


@dataclass(frozen=True, slots=True)
class Begun:
    """A login or approval begun: its id, shown as a `Link`, and the rows that start it (part of the turn)."""

    transaction: str
    changes: tuple[Sql, ...]


class Login(Protocol):
    """Proof by the customer's own sign-in, on our pages. It ends in a signal that names the parked operation."""

    def begin(
        self,
        *,
        conversation: str,
        address: Address,
        purpose: Literal["link", "stepup"],
        op: str,
        now: datetime,
        action: str = "",
        arguments: Mapping[str, Any] | None = None,
        shown: str = "",
        standing: Standing | None = None,
        locale: str | None = None,
    ) -> Begun:
        """Start a transaction. `shown` is the action in the customer's words, for the approval page.

        The signal's outcome is `{"status": "linked" | "approved" | "declined" | "expired" | "other_person", "grant":
        id}`.
        """
        ...

    def consume(
        self,
        *,
        grant: str,
        action: str,
        arguments: Mapping[str, Any],
        standing: Standing,
        key: str,
        now: datetime,
    ) -> tuple[Sql, ...]:
        """Rows that use a grant up for the effect `key`, or for the same key again; refuse (rows=1) in all other cases:
        another action or arguments, expired, used by another key, link changed since."""
        ...

    async def may_begin(self, *, address: Address, now: datetime) -> bool:
        """Whether this address may ask for one more sign-in or approval now; too many at once are refused."""
        ...

    def void(self, *, conversation: str, transaction: str, now: datetime) -> tuple[Sql, ...]:
        """Rows that end a transaction nobody waits for any more."""
        ...

    def unlink(self, *, address: Address, now: datetime, reason: str) -> tuple[Sql, ...]:
        """Rows that revoke an address's link, its tokens and its live transactions."""
        ...


class Redactor(Protocol):
    """Takes a sign-in's code out of a message before anything is written."""

    async def take(self, inbound: Inbound) -> Accepted | None:
        """Accept a message that brings a code, without the code, and do what the code is for, in one transaction.

        None, with nothing done, for every other message: accept it as usual. Raises `StoreUnavailable`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """What a person gets to know at once. `summary` is plain text without secrets; `about` is plain JSON."""

    id: str
    reference: str
    conversation: str
    brand: str
    person: str | None
    op: str
    reason: str
    summary: str
    about: Any = None


@dataclass(frozen=True, slots=True)
class Opened:
    """How a hand-over began. `waits`: the dialog parks until a signal; otherwise nobody is there and it goes on.

    `values` are for the text told to the customer (reference, phone, hours, …); `text` is its id.
    """

    changes: tuple[Sql, ...]
    waits: bool
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


class Handoff(Protocol):
    """Where people are reached."""

    def open(self, case: Case, now: datetime) -> Opened:
        """Hand a case over; its rows are part of the turn."""
        ...
