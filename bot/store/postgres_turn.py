"""The hot path on PostgreSQL: accept and write, on a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bot.errors import Conflict, Fenced
from bot.model import Accepted, Control, Inbound
from bot.ports import Claim, Work
from bot.store import postgres_sql
from bot.store.claims import Said
from bot.store.codec import CUSTOMER_KINDS, dump, epoch, key_hash, shown_body
from bot.store.outbox import pass_party
from bot.store.postgres_run import drive, run, wake


async def accept(con: Any, inbound: Inbound, control: Control | None) -> Accepted:
    """Write one inbound with its log entry, or nothing if its key is known. Raises `Conflict`."""
    at = epoch(inbound.at)
    key, address = inbound.key, inbound.address
    shown = inbound.kind in CUSTOMER_KINDS
    values = (
        key_hash(key), at, int(shown), inbound.locale, at if shown else None, control, inbound.kind, key,
        inbound.text, dump(inbound.data) if inbound.data else "{}", shown_body(inbound) if shown else "",
    )  # fmt: skip
    if inbound.conversation is not None:
        row = await con.fetchrow(postgres_sql.ACCEPT_BY_ID, *values, inbound.conversation)
        first: tuple[str, ...] = (postgres_sql.FIRST_BY_ID, key, inbound.conversation)
    elif address is not None:
        parts = (address.brand, address.connection, address.channel, address.kind, address.user, address.thread)
        row = await con.fetchrow(postgres_sql.ACCEPT_BY_ADDRESS, *values, uuid4().hex, *parts)
        first = (postgres_sql.FIRST_BY_ADDRESS, key, address.connection, address.user, address.thread)
    else:
        raise Conflict("An inbound names an address or a conversation.")
    if row is not None:
        return Accepted(row[0], row[1], row[2], True)
    known = await con.fetchrow(*first)
    if known is None and inbound.conversation is not None:
        raise Conflict(f"There is no conversation {inbound.conversation}.")
    conversation, seq, pos = known or ("", 0, 0)
    return Accepted(conversation, seq or 0, pos or 0, False)


@dataclass(frozen=True, slots=True)
class Writing:
    """A checkpoint or commit: `at` is meaning's clock, `lease` seconds for the next inbound."""

    claim: Claim
    work: Work
    said: list[Said]
    log: bool
    at: float
    lease: float

    async def run(self, text: str, con: Any) -> Any:
        """Write it, fenced; the conversation as it now stands. In a transaction, where it brings more than rows."""
        claim, work = self.claim, self.work
        row = await con.fetchrow(text, *self._values())
        if row is None:
            raise Fenced
        for statement in work.changes:
            await run(con, statement)
        if work.party is not None:
            await drive(con, pass_party(claim.conversation, work.party, claim.seq, self.at))
        if work.changes or work.party is not None:
            await wake(con, f"log:{claim.conversation}")
        return tuple(row)

    def row(self) -> tuple[Any, ...]:
        """Its columns among others', without its rows: see `postgres_bulk.COMMIT`."""
        claim, work = self.claim, self.work
        return (
            claim.conversation, claim.epoch, claim.seq, work.state, work.needs, len(self.said), work.person,
            work.case_id, work.locale, self.lease, self.log, self.at, *self._queues(),
        )  # fmt: skip

    def _queues(self) -> tuple[bool, bool, bool]:
        """Whether it has rows of the bot's, an agent's, or a closing line to be sent."""
        queued = set() if self.log else {row[1] for row in self.said}
        return bool(queued & {"reply", "proactive"}), "agent" in queued, "closure" in queued

    def _values(self) -> tuple[Any, ...]:
        claim, work, said = self.claim, self.work, self.said
        return (
            work.state, work.needs, len(said), work.person, work.case_id, work.locale, claim.conversation, claim.epoch,
            claim.seq, self.lease, [row[0] for row in said], [row[1] for row in said], [row[2] for row in said],
            [row[3] for row in said], [row[4] for row in said], work.party or "", self.log, self.at,
            *self._queues(),
        )  # fmt: skip
