"""What agents do with conversations: take, answer, note, pass on, put aside, give back, resolve.

Each is one transaction: the desk's own row, compared and set, and the inbound that tells the engine. Who may is checked
in the row itself, so that two at once cannot both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.audit import audit_row
from bot.errors import Conflict
from bot.model import Inbound
from bot.observe.metrics import DESK_ANSWERED, DESK_ENDED, DESK_REHANDOFFS, DESK_RESOLVED, DESK_WAITED
from bot.ports import Clock, Sql, Store
from desk import rows
from desk.errors import Changed, Gone, NotAllowed, Taken
from desk.rows import ITEM
from desk.staff import Agent

_ITEM = (
    f"SELECT {ITEM}, c.person AS known, c.party, p.customer_ref FROM desk_item i"
    " JOIN conversation c ON c.id = i.conversation LEFT JOIN person p ON p.id = coalesce(i.person, c.person)"
    " WHERE i.id = :id"
)
_HOLDER = "SELECT a.name FROM desk_item i JOIN desk_agent a ON a.id = i.agent WHERE i.id = :id"
_NOTE = (
    "INSERT INTO desk_note (id, item, conversation, person, agent, text, at)"
    " VALUES (:id, :item, :conversation, :person, :agent, :text, :at) ON CONFLICT (id) DO NOTHING"
)
_VIEW = (
    "INSERT INTO desk_viewer (item, agent, at, typing_at) VALUES (:item, :agent, :at, :typing)"
    " ON CONFLICT (item, agent) DO UPDATE SET at = excluded.at, typing_at = excluded.typing_at"
)
_TYPES = (
    "UPDATE socket SET agent_typed_at = :at WHERE conversation ="
    " (SELECT conversation FROM desk_item WHERE id = :item AND agent = :agent AND state = 'held')"
)
_SEEN = "UPDATE desk_item SET seen_pos = :pos WHERE id = :id AND agent = :agent AND seen_pos < :pos"


class Desk:
    """The acts. Raises `Gone`, `NotAllowed`, `Taken`, `Changed`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock

    async def item(self, case: str, me: Agent, *, looks: bool = False) -> dict[str, Any]:
        """The conversation. A waiting one may be looked at by anybody; a held one only by its holder and leads."""
        found = await self.store.query(_ITEM, id=case)
        if not found:
            raise Gone
        row = found[0]
        mine = row["agent"] == me.id and row["state"] in ("held", "snoozed")
        free = row["state"] == "waiting"
        if not (mine or (looks and (free or me.lead))):
            if row["state"] == "ended" and row["agent"] == me.id:
                raise Gone
            raise NotAllowed("Another agent has this conversation." if row["agent"] else "Take it first.")
        return row

    async def claim(self, case: str, me: Agent) -> None:
        """Take it. Raises `Taken` with the holder's name."""
        found = await self.store.query(_ITEM, id=case)
        if not found or found[0]["state"] == "ended":
            raise Gone
        row, now = found[0], self.clock.now()
        if row["state"] == "held" and row["agent"] == me.id:
            return
        joins = self._inbound(row, me, "join", f"claim:{row['version']}", now)
        try:
            await self.store.change([rows.claimed(case, me.id, now), self._audit("claimed", row, me, now)], [joins])
        except Conflict:
            holder = await self.store.query(_HOLDER, id=case)
            raise Taken(f"{holder[0]['name']} has it." if holder else "") from None
        DESK_WAITED.labels(row["reason"], row["channel"]).observe(max(0.0, now.timestamp() - row["waiting_since"]))
        if row["times"] > 1 and row["claimed_at"] is None:
            DESK_REHANDOFFS.labels(row["reason"]).inc()

    async def say(
        self, case: str, me: Agent, key: str, text: str, file: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Write to the customer, on the channel they wrote from; returns the row it went with."""
        row, now = await self.item(case, me), self.clock.now()
        self._held(row)
        more: dict[str, Any] = {"file": dict(file)} if file else {}
        said = self._inbound(row, me, "say", key, now, said=text, **more)
        await self._change([rows.replied(case, me.id, now)], [said])
        if row["replied_at"] is None:
            DESK_ANSWERED.labels(row["reason"], row["channel"]).observe(now.timestamp() - row["opened_at"])
        return row

    async def note(self, case: str, me: Agent, key: str, text: str) -> dict[str, Any]:
        """Keep a private note. It goes to its own table: no code path leads from there to a customer."""
        row, now = await self.item(case, me, looks=True), self.clock.now()
        values = {
            "id": f"{me.id}:{key}",
            "item": case,
            "conversation": row["conversation"],
            "person": row["person"] or row["known"],
            "agent": me.id,
            "text": text,
            "at": now.timestamp(),
        }
        await self.store.change([Sql(_NOTE, values), _touch(case)])
        return {**values, "name": me.name}

    async def view(self, case: str, me: Agent, *, typing: bool) -> None:
        """They look at it, and perhaps type: so that two do not answer at once."""
        now = self.clock.now().timestamp()
        values = {"item": case, "agent": me.id, "at": now, "typing": now if typing else None}
        # The customer sees it of whoever holds the conversation, where they are in a web chat.
        shown = [Sql(_TYPES, {"item": case, "agent": me.id, "at": now})] if typing else []
        await self.store.change([Sql(_VIEW, values), *shown])

    async def seen(self, case: str, me: Agent, pos: int) -> None:
        """Its holder has read up to here."""
        await self.store.change([Sql(_SEEN, {"id": case, "agent": me.id, "pos": pos})])

    async def transfer(
        self, case: str, me: Agent, *, to_agent: str | None, to_skill: str | None, note: str, key: str
    ) -> None:
        """Back to the queue, for a colleague or a skill; the customer is told, and keeps the place."""
        row, now = await self.item(case, me), self.clock.now()
        back = rows.released(
            case, me.id, to=to_agent, skill=to_skill, keep_skill=to_skill is None and to_agent is None, now=now
        )
        told = self._inbound(row, me, "leave", f"transfer:{row['version']}", now)
        left = [self._note(row, me, key, note, now)] if note else []
        await self._change([back, *left, self._audit("transferred", row, me, now)], [told])

    async def snooze(self, case: str, me: Agent, until: datetime) -> None:
        """Put it aside until a time, or until the customer writes."""
        row = await self.item(case, me)
        await self._change([rows.snoozed(case, me.id, until), self._audit("snoozed", row, me, self.clock.now())])

    async def wake(self, case: str, me: Agent) -> None:
        """Take it up again."""
        await self.item(case, me)
        await self._change([rows.woken(case, self.clock.now())])

    async def resolve(
        self, case: str, me: Agent, key: str, *, note: str, silent: bool, why: str = "resolved", csat: bool = False
    ) -> None:
        """It is dealt with; the bot has the conversation again. `silent`: the customer is told, and asked, nothing."""
        row, now = await self.item(case, me), self.clock.now()
        done = self._inbound(row, me, "resolve", key, now, note=note, silent=silent, csat=csat and not silent)
        closed = rows.cases_closed(row["conversation"], why, now)
        await self._change([rows.ended(case, me.id, why, now), closed, self._audit(why, row, me, now)], [done])
        self._count(row, why, now)

    async def give_back(
        self, case: str, me: Agent, key: str, *, how: str, dialog: str, answers: Mapping[str, Any], note: str
    ) -> None:
        """Back to the bot: to resume where it stood, to start a dialog, or to close what was open."""
        row, now = await self.item(case, me), self.clock.now()
        more: dict[str, Any] = {"how": how, "dialog": dialog, "answers": dict(answers), "note": note}
        back = self._inbound(row, me, "return", key, now, **more)
        closed = rows.cases_closed(row["conversation"], "returned", now)
        await self._change(
            [rows.ended(case, me.id, "returned", now), closed, self._audit("returned", row, me, now)], [back]
        )
        self._count(row, "returned", now)

    async def offer(self, case: str, me: Agent, key: str, dialog: str, answers: Mapping[str, Any]) -> None:
        """Offer a dialog in the customer's chat, its answers filled in; the agent keeps the conversation."""
        row, now = await self.item(case, me), self.clock.now()
        self._held(row)
        offered = self._inbound(row, me, "offer", key, now, dialog=dialog, answers=dict(answers))
        await self._change([rows.replied(case, me.id, now), self._audit("offered", row, me, now)], [offered])

    def _note(self, row: Mapping[str, Any], me: Agent, key: str, note: str, now: datetime) -> Sql:
        values = {
            "id": f"{me.id}:{key or row['version']}",
            "item": row["id"],
            "conversation": row["conversation"],
            "person": row["person"] or row["known"],
            "agent": me.id,
            "text": note,
            "at": now.timestamp(),
        }
        return Sql(_NOTE, values)

    async def _change(self, changes: Sequence[Sql], inbounds: Sequence[Inbound] = ()) -> None:
        try:
            await self.store.change(changes, inbounds)
        except Conflict:
            raise Changed from None

    def _count(self, row: Mapping[str, Any], how: str, now: datetime) -> None:
        DESK_ENDED.labels(how, row["reason"], row["channel"], row["tariff"] or "unknown").inc()
        DESK_RESOLVED.labels(row["reason"], row["channel"]).observe(now.timestamp() - row["opened_at"])

    def _held(self, row: Mapping[str, Any]) -> None:
        if row["state"] != "held":
            raise Changed("It is put aside; take it up first.")

    def _inbound(
        self, row: Mapping[str, Any], me: Agent, act: str, key: str, now: datetime, *, said: str = "", **data: Any
    ) -> Inbound:
        return Inbound(
            key=f"desk:{me.id}:{key}" if not key.startswith(("claim:", "transfer:")) else f"desk:{row['id']}:{key}",
            kind="agent",
            at=now,
            conversation=row["conversation"],
            text=said,
            data={"act": act, "name": me.first, "agent": me.id, "case": row["id"], **data},
        )

    def _audit(self, what: str, row: Mapping[str, Any], me: Agent, now: datetime) -> Sql:
        return audit_row(
            what=f"desk.{what}",
            at=now,
            conversation=row["conversation"],
            person=row["person"],
            subject=row["id"],
            detail={"agent": me.id},
        )


def _touch(case: str) -> Sql:
    return Sql("UPDATE desk_item SET version = version + 1 WHERE id = :id", {"id": case})
