"""What agents may do by themselves: a goodwill credit, a ticket, a call back. Each once, with reason and record.

An act is saved before its call, as an effect is; "done" is only what the brand's system reads back; what stays unknown
is read back later by the desk's worker and never blindly repeated. Above somebody's limit a lead decides, never on
their own wish. Amounts are pence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.audit import audit_row
from bot.errors import Conflict, DomainError
from bot.model import Inbound
from bot.observe import logger
from bot.ports import Clock, Sql, Store
from bot.settings import DeskSettings
from desk.brand_acts import BrandActs
from desk.errors import Changed, Gone, NotAllowed
from desk.staff import Agent
from desk.times import iso_or_none

log = logger("parley.desk")

DEADLINE = 8.0
"""Seconds one call of the brand's system may take."""
AGAIN = (10.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds between read-backs of an act whose outcome is unknown."""

DAY = 86400.0

KINDS = ("goodwill", "ticket", "callback")

_ASK = (
    "INSERT INTO desk_act (id, item, conversation, person, agent, act, amount, wanted_at, text, reason, status, held,"
    " asked_at) VALUES (:id, :item, :conversation, :person, :agent, :act, :amount, :wanted, :text, :reason, :status,"
    " :held, :at) ON CONFLICT (id) DO NOTHING"
)
_GIVEN = (
    "SELECT coalesce(sum(amount), 0) AS given FROM desk_act WHERE agent = :agent AND person = :person AND id <> :but"
    " AND act = 'goodwill' AND decided_by IS NULL AND status IN ('intent', 'done', 'unknown') AND asked_at > :since"
)
# Whoever acts at the same moment waits here; what they gave is counted by the next statement.
_IN_TURN = "UPDATE desk_agent SET capacity = capacity WHERE id = :agent"
_WITHIN = f"UPDATE desk_item SET version = version + 1 WHERE id = :item AND ({_GIVEN}) <= :left"
_GET = "SELECT t.*, p.customer_ref FROM desk_act t LEFT JOIN person p ON p.id = t.person WHERE t.id = :id"
_DUE = "SELECT id FROM desk_act WHERE status IN ('intent', 'unknown') AND held <= :now ORDER BY held LIMIT 20"
_SETTLE = (
    "UPDATE desk_act SET status = :status, reference = :reference, settled_at = :at, held = NULL"
    " WHERE id = :id AND status IN ('intent', 'unknown')"
)
_LATER = (
    "UPDATE desk_act SET status = 'unknown', tries = tries + 1, held = :held"
    " WHERE id = :id AND status IN ('intent', 'unknown')"
)
_DECIDE = (
    "UPDATE desk_act SET status = :status, decided_by = :by, decided_why = :why, decided_at = :at, held = :held"
    " WHERE id = :id AND status = 'asked'"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent wants done."""

    act: str
    reason: str
    amount: int | None = None
    text: str = ""
    at: str = ""


class Acts:
    """Asks, decides, does and reads back."""

    def __init__(self, store: Store, clock: Clock, settings: DeskSettings, brand: BrandActs, *, credits: bool) -> None:
        self._store, self._clock, self._settings, self.brand = store, clock, settings, brand
        self.kinds = KINDS if credits else KINDS[1:]

    def limit(self, act: str, role: str) -> int | None:
        """How much somebody may give alone, in pence."""
        return self._settings.goodwill.get("lead" if role == "lead" else "agent", 0) if act == "goodwill" else None

    async def ask(self, row: Mapping[str, Any], me: Agent, key: str, wish: Wish) -> dict[str, Any]:
        """Do it, or have a lead decide. Raises `NotAllowed` where it cannot be done at all."""
        if wish.act not in self.kinds:
            raise NotAllowed("There is no such act here.")
        if wish.act == "goodwill" and row.get("customer_ref") is None:
            raise NotAllowed("The customer has not signed in, so there is no account to credit.")
        limit, now = self.limit(wish.act, me.role), self._clock.now()
        id = f"{me.id}:{key}"
        given = self._given(row, me, id, now)
        before = 0 if limit is None else await self._total(given)
        above = limit is not None and (wish.amount or 0) + before > limit
        values = {
            "id": id,
            "item": row["id"],
            "conversation": row["conversation"],
            "person": row["person"] or row.get("known"),
            "agent": me.id,
            "act": wish.act,
            "amount": wish.amount,
            "wanted": wish.at or None,
            "text": wish.text,
            "reason": wish.reason,
            "status": "asked" if above else "intent",
            "held": None if above else now.timestamp() + DEADLINE + 2,
            "at": now.timestamp(),
        }
        asked = self._audit("asked" if above else "begun", values, me.id, now, amount=wish.amount or 0)
        changes = [Sql(_ASK, values), _touch(row["id"]), asked]
        if limit is not None and not above:
            left = {**given.values, "item": row["id"], "left": limit - (wish.amount or 0)}
            changes = [Sql(_IN_TURN, {"agent": me.id}), Sql(_WITHIN, left, rows=1), *changes]
        try:
            await self._store.change(changes)
        except Conflict:
            if await self._total(given) == before:
                raise Changed from None
            # Another of their acts came between: with it this one is above the limit.
            return await self.ask(row, me, key, wish)
        kept = await self._get(id)
        if kept["status"] == "intent":
            await self._do(kept)
        return await self._get(id)

    def _given(self, row: Mapping[str, Any], me: Agent, but: str, now: datetime) -> Sql:
        """What this agent alone gave this customer within a day: a limit in slices is no limit."""
        person = row["person"] or row.get("known")
        return Sql(_GIVEN, {"agent": me.id, "person": person, "but": but, "since": now.timestamp() - DAY})

    async def _total(self, given: Sql) -> int:
        return int((await self._store.query(given.text, **given.values))[0]["given"])

    async def decide(self, id: str, me: Agent, *, approve: bool, why: str) -> dict[str, Any]:
        """A lead decides what somebody else asked for. Raises `NotAllowed`, `Changed`."""
        kept, now = await self._get(id), self._clock.now()
        if not me.lead:
            raise NotAllowed("A lead decides.")
        if kept["agent"] == me.id:
            raise NotAllowed("Nobody approves their own wish.")
        values = {
            "id": id,
            "status": "intent" if approve else "declined",
            "by": me.id,
            "why": why,
            "at": now.timestamp(),
            "held": now.timestamp() + DEADLINE + 2 if approve else None,
        }
        told = self._audit("approved" if approve else "declined", kept, me.id, now, amount=kept["amount"] or 0)
        try:
            await self._store.change([Sql(_DECIDE, values, rows=1), _touch(kept["item"]), told])
        except Conflict:
            raise Changed from None
        if approve:
            await self._do(await self._get(id))
        return await self._get(id)

    async def sweep(self) -> int:
        """Read back what is not settled; returns how many were looked at."""
        due = await self._store.query(_DUE, now=self._clock.now().timestamp())
        for row in due:
            await self._settle(await self._get(row["id"]))
        return len(due)

    async def _do(self, kept: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                await self.brand.do(
                    act=kept["act"],
                    customer=kept["customer_ref"],
                    amount=kept["amount"] or 0,
                    text=kept["text"],
                    at=kept["wanted_at"] or "",
                    key=kept["id"],
                )
        except DomainError as refused:
            await self._settled(kept, "refused", str(refused)[:120])
            return
        except Exception as error:  # boundary: whatever a brand's system raises, the act may have been done
            log.warning("act uncertain", act=kept["act"], error=type(error).__name__)
        await self._settle(kept)

    async def _settle(self, kept: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                reference = await self.brand.done(key=kept["id"])
        except Exception as error:  # boundary: one act that cannot be read back must not hold up the desk's round
            log.warning("act not read back", act=kept["act"], error=type(error).__name__)
            reference = None
        if reference is not None:
            await self._settled(kept, "done", reference)
            return
        held = self._clock.now().timestamp() + AGAIN[min(kept["tries"], len(AGAIN) - 1)]
        await self._store.change([Sql(_LATER, {"id": kept["id"], "held": held}), _touch(kept["item"])])

    async def _settled(self, kept: Mapping[str, Any], status: str, reference: str) -> None:
        now = self._clock.now()
        values = {"id": kept["id"], "status": status, "reference": reference, "at": now.timestamp()}
        record = self._audit(status, kept, kept["agent"], now, amount=kept["amount"] or 0)
        told = [self._receipt(kept, reference, now)] if status == "done" else []
        try:
            await self._store.change([Sql(_SETTLE, values, rows=1), _touch(kept["item"]), record], told)
        except Conflict:
            log.info("act settled by another", act=kept["act"])

    def _receipt(self, kept: Mapping[str, Any], reference: str, now: datetime) -> Inbound:
        values: dict[str, Any] = {"reference": reference, "at": kept["wanted_at"] or ""}
        if kept["amount"] is not None:
            values["amount"] = kept["amount"]
        at = "-at" if kept["act"] == "callback" and kept["wanted_at"] else ""
        text = f"host.desk-done-{kept['act']}{at}"
        return Inbound(
            key=f"desk-act:{kept['id']}",
            kind="agent",
            at=now,
            conversation=kept["conversation"],
            data={"act": "tell", "name": "", "text": text, "values": values},
        )

    async def tariff(self, customer: str) -> str | None:
        """The customer's kind of contract, "" where the brand has none; None while its system does not answer."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self.brand.tariff(customer=customer) or ""
        except Exception as error:  # boundary: as above
            log.warning("tariff not read", error=type(error).__name__)
            return None

    async def _get(self, id: str) -> dict[str, Any]:
        found = await self._store.query(_GET, id=id)
        if not found:
            raise Gone("There is no such wish.")
        return found[0]

    def _audit(self, what: str, kept: Mapping[str, Any], by: str, now: datetime, *, amount: int) -> Sql:
        return audit_row(
            what=f"desk.act_{what}",
            at=now,
            conversation=kept["conversation"],
            person=kept["person"],
            subject=kept["id"],
            detail={"act": kept["act"], "agent": by, "amount": amount},
        )


def approval_shape(row: Mapping[str, Any], agents: Mapping[str, Agent]) -> dict[str, Any]:
    """A wish as the console shows it."""
    asked = agents.get(row["agent"])
    decided = agents.get(row["decided_by"] or "")
    status = row["status"]
    return {
        "id": row["id"],
        "case": row["item"],
        "act": row["act"],
        "amount": row["amount"],
        "reason": row["reason"],
        "text": row["text"],
        "by": {"id": row["agent"], "name": asked.name if asked else "A colleague"},
        "asked_at": iso_or_none(row["asked_at"]),
        "state": {"asked": "waiting", "declined": "declined"}.get(status, "approved"),
        "decided_by": decided.name if decided else None,
        "why": row["decided_why"] or "",
    }


def _touch(item: str) -> Sql:
    return Sql("UPDATE desk_item SET version = version + 1 WHERE id = :id", {"id": item})
