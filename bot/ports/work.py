"""What passes between a turn, or a send, and the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.model import Address, Control, Inbound, Outbound, Party, Purpose


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
