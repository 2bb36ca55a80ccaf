"""What the desk does by the clock: who is there, offers, reassignment, waking, words to whoever waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.audit import audit_row
from bot.errors import Conflict
from bot.model import Inbound
from bot.observe.metrics import DESK_AGENTS, DESK_WAITING
from bot.ports import Clock, Sql, Store
from desk import rows
from desk.acts import Acts
from desk.board import Board, read_board, waits_of
from desk.builtin import BuiltInDesk
from desk.presence import Wait, look
from desk.routing import Free, offers, reachable
from desk.staff import Agent, Staff

_LAST = (
    "SELECT max(CASE WHEN e.side = 'customer' THEN e.pos END) AS asked,"
    " max(CASE WHEN e.side = 'agent' THEN e.pos END) AS said,"
    " max(CASE WHEN e.side = 'agent' THEN e.at END) AS answered,"
    " max(CASE WHEN e.side = 'customer' THEN e.at END) AS at FROM entry e WHERE e.conversation = :id"
)
_OFFER = (
    "UPDATE desk_item SET offered_to = :agent, offered_at = :at, version = version + 1"
    " WHERE id = :id AND state = 'waiting' AND offered_to IS NULL"
)
_FOR_ALL = (
    "UPDATE desk_item SET offered_to = NULL, version = version + 1"
    " WHERE id = :id AND state = 'waiting' AND offered_to = :agent"
)
_UNOFFER = (
    "UPDATE desk_item SET offered_to = NULL, offered_at = NULL, version = version + 1"
    " WHERE id = :id AND state = 'waiting' AND offered_to = :agent"
)
_TOLD = (
    "UPDATE desk_item SET told = :told, told_at = :at WHERE id = :id AND state = 'waiting'"
    " AND (told_at IS NULL OR told_at <= :before)"
)
_QUIET = "UPDATE desk_item SET live = 0, version = version + 1 WHERE id = :id AND state = 'waiting' AND live = 1"
_TARIFF = (
    "SELECT i.id, p.customer_ref FROM desk_item i JOIN conversation c ON c.id = i.conversation"
    " JOIN person p ON p.id = coalesce(i.person, c.person) WHERE i.tariff IS NULL AND i.opened_at > :since LIMIT 20"
)


BRAND = 1.0
"""Seconds that a round waits for the brand's systems at most; what they say later is for a later round."""


class Sweep:
    """One round is `once`; several processes may do it: every step is compared and set."""

    def __init__(self, store: Store, clock: Clock, handoff: BuiltInDesk, staff: Staff, acts: Acts) -> None:
        self._store, self._clock, self._handoff, self._staff, self._acts = store, clock, handoff, staff, acts
        self._settings = handoff.settings
        self._asking: asyncio.Task[None] | None = None
        self._began = clock.now().timestamp()
        """Of this process, epoch seconds. What came before, an outage perhaps, is nobody's silence."""

    async def once(self) -> None:
        """Look, and do what is due."""
        now = self._clock.now()
        self._handoff.seen = await look(self._store, now, self._settings.offline)
        board = await read_board(self._store, self._clock)
        free = [self._free(one, now) for one in board.agents.values()]
        DESK_WAITING.set(sum(row["state"] == "waiting" for row in board.items))
        DESK_AGENTS.set(sum(one.there for one in free))
        for row in board.items:
            if row["state"] == "waiting":
                await self._waiting(row, board, now)
            elif row["state"] == "snoozed":
                await self._snoozed(row, now)
            else:
                await self._held(row, board, now)
        await self._offer(board, free, now)
        await self._store.change([self._staff.forget(now)])
        # A brand's system that hangs must not keep the next round from those who wait.
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_the_brand(now))
        done, _ = await asyncio.wait({self._asking}, timeout=BRAND)
        if done:
            asked, self._asking = self._asking, None
            asked.result()

    async def _ask_the_brand(self, now: datetime) -> None:
        await self._acts.sweep()
        await self._tariffs(now)

    def _free(self, agent: Agent, now: datetime) -> Free:
        there = agent.presence == "available" and agent.there(now, self._settings.offline)
        return Free(agent.id, frozenset(agent.skills), frozenset(agent.languages), agent.capacity, agent.load, there)

    async def _offer(self, board: Board, free: list[Free], now: datetime) -> None:
        waiting = [waits_of(row) for row in board.items if row["state"] == "waiting"]
        # What was offered to one in vain is everybody's now.
        tried = {row["id"] for row in board.items if row["offered_at"] and not row["offered_to"]}
        waiting = [one for one in waiting if one.item not in tried]
        wanted = [reachable(one, free) for one in waiting]
        for item, agent in offers(wanted, free, now.timestamp(), self._settings.risk):
            await self._try([Sql(_OFFER, {"id": item, "agent": agent, "at": now.timestamp()}, rows=1)])

    async def _waiting(self, row: Mapping[str, Any], board: Board, now: datetime) -> None:
        at, settings = now.timestamp(), self._settings
        if row["offered_to"]:
            values = {"id": row["id"], "agent": row["offered_to"]}
            offered = board.agents.get(row["offered_to"])
            # Who is wrapping up is given nothing new, but keeps what a colleague passed to them by name.
            fresh = at - self._began <= settings.offline and offered is not None and offered.presence != "away"
            if offered is None or not (fresh or offered.there(now, settings.offline)):
                await self._try([Sql(_UNOFFER, values, rows=1)])
            elif at - (row["offered_at"] or 0) > settings.offer:
                await self._try([Sql(_FOR_ALL, values, rows=1)])
        if not row["live"]:
            return
        last = (await self._store.query(_LAST, id=row["conversation"]))[0]["at"] or 0
        if at - max(last, row["waiting_since"]) > settings.quiet:
            # They have put the phone away: the place is kept, and they are not told of each change any more.
            await self._try([Sql(_QUIET, {"id": row["id"]}, rows=1)])
            return
        await self._update(row, now)

    async def _update(self, row: Mapping[str, Any], now: datetime) -> None:
        """A word to whoever waits, when what they were told has changed; at most once in `update` seconds."""
        at, seen = now.timestamp(), self._handoff.seen
        if at - (row["told_at"] or 0) < self._settings.update:
            return
        attended = self._handoff.attended(now)
        told = seen.wait.told() if attended else "nobody"
        if told == row["told"]:
            return
        wait = seen.wait if attended else Wait()
        text = "host.desk-still" if attended else "host.desk-gone"
        values = {"low": wait.low, "high": wait.high}
        mark = Sql(_TOLD, {"id": row["id"], "told": told, "at": at, "before": at - self._settings.update}, rows=1)
        await self._try([mark], [self._signal(row, text, values, f"update:{int(at)}", now)])

    async def _snoozed(self, row: Mapping[str, Any], now: datetime) -> None:
        if row["unread"] or (row["snoozed_until"] or 0) <= now.timestamp():
            await self._try([rows.woken(row["id"], now)])

    async def _held(self, row: Mapping[str, Any], board: Board, now: datetime) -> None:
        """An agent whose page is gone, or who leaves the customer unanswered: somebody else takes over."""
        at, holder = now.timestamp(), board.agents.get(row["agent"])
        offline = holder is None or holder.seen_at <= at - self._settings.offline
        since = max(row["claimed_at"] or at, holder.seen_at if holder else 0, self._began)
        if offline and at - since > self._settings.offline:
            await self._back(row, holder, now, "offline")
            return
        last = (await self._store.query(_LAST, id=row["conversation"]))[0]
        # Of one that was put aside, the time is when it was taken up again.
        open_since = max(last["at"] or 0, row["claimed_at"] or 0, row["snoozed_until"] or 0, self._began)
        # Whoever it was passed to has to write as well; what was said before is not theirs.
        answered = max(last["answered"] or 0, row["replied_at"] or 0) >= (row["claimed_at"] or 0)
        left = not answered or (row["unread"] and (last["asked"] or 0) > (last["said"] or 0))
        if left and at - open_since > self._settings.unanswered:
            await self._back(row, holder, now, "unanswered")

    async def _back(self, row: Mapping[str, Any], holder: Agent | None, now: datetime, why: str) -> None:
        back = rows.released(row["id"], row["agent"], to=None, skill=None, keep_skill=True, now=now)
        leaves = Inbound(
            key=f"desk:{row['id']}:back:{row['version']}",
            kind="agent",
            at=now,
            conversation=row["conversation"],
            data={"act": "leave", "name": holder.first if holder else "Your colleague", "text": "host.agent-gone"},
        )
        await self._try([back, self._audit(f"reassigned_{why}", row, now)], [leaves])

    async def _tariffs(self, now: datetime) -> None:
        for row in await self._store.query(_TARIFF, since=now.timestamp() - 86400):
            tariff = await self._acts.tariff(row["customer_ref"])
            if tariff is None:
                return
            values = {"id": row["id"], "tariff": tariff}
            await self._store.change([Sql("UPDATE desk_item SET tariff = :tariff WHERE id = :id", values)])

    def _signal(self, row: Mapping[str, Any], text: str, values: Mapping[str, Any], key: str, now: datetime) -> Inbound:
        return Inbound(
            key=f"desk:{row['id']}:{key}",
            kind="signal",
            at=now,
            conversation=row["conversation"],
            data={"notice": text, "values": dict(values)},
        )

    def _audit(self, what: str, row: Mapping[str, Any], now: datetime) -> Sql:
        return audit_row(
            what=f"desk.{what}",
            at=now,
            conversation=row["conversation"],
            person=row["person"],
            subject=row["id"],
            detail={"agent": row["agent"] or ""},
        )

    async def _try(self, changes: list[Sql], inbounds: list[Inbound] | None = None) -> None:
        try:
            await self._store.change(changes, inbounds or [])
        except Conflict:
            # Another process, an agent or the customer was first.
            return
