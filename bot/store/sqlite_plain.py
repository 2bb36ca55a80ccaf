"""What the hot path gives its writer: plain values, so that it can be done in another process as well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.model import Control, Inbound
from bot.ports import Claim, Sql, Work
from bot.store.claims import Said, said_rows
from bot.store.codec import CUSTOMER_KINDS, dump, shown_body

Change = tuple[str, dict[str, Any], int | None]
"""A portable statement: text, values, how many rows it must touch."""


class Arrival(NamedTuple):
    """An inbound on its way in, at a place or in a conversation that is known."""

    place: tuple[str, str, str, str, str, str] | None
    """brand, connection, channel, kind, user, thread"""
    conversation: str | None
    key: str
    kind: str
    at: float
    text: str
    data: str
    body: str | None
    """The log's view of it, where the log shows it."""
    locale: str | None
    control: Control | None
    now: float


def arrival(inbound: Inbound, control: Control | None, now: float) -> Arrival:
    """An inbound in plain values."""
    address, data = inbound.address, inbound.data
    place = None
    if address is not None:
        place = (address.brand, address.connection, address.channel, address.kind, address.user, address.thread)
    return Arrival(
        place,
        inbound.conversation,
        inbound.key,
        inbound.kind,
        inbound.at.timestamp(),
        inbound.text,
        dump(data) if data else "{}",
        shown_body(inbound) if inbound.kind in CUSTOMER_KINDS else None,
        inbound.locale,
        control,
        now,
    )


class Writing(NamedTuple):
    """A checkpoint or commit: `at` is meaning's clock, `now` and `lease_end` liveness'."""

    conversation: str
    epoch: int
    seq: int
    state: bytes
    needs: int
    person: str | None
    case_id: str | None
    locale: str | None
    party: str | None
    changes: list[Change]
    said: list[Said]
    log: bool
    """Whether its channel reads the log itself, so that nothing has to be sent."""
    at: float
    now: float
    lease_end: float


def writing(claim: Claim, work: Work, *, log: bool, at: float, now: float, lease: float) -> Writing:
    """A turn's work in plain values."""
    return Writing(
        claim.conversation,
        claim.epoch,
        claim.seq,
        work.state,
        work.needs,
        work.person,
        work.case_id,
        work.locale,
        work.party,
        changes(work.changes) if work.changes else [],
        said_rows(work.rows, claim.seq),
        log,
        at,
        now,
        now + lease,
    )


def changes(statements: Sequence[Sql]) -> list[Change]:
    """Statements in plain values."""
    return [(one.text, dict(one.values), one.rows) for one in statements]
