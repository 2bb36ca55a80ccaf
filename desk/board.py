"""The queue as agents see it: what waits, in routing order, and who holds what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from bot.ports import Clock, Store
from bot.settings import DeskSettings
from desk.routing import Waits, rank
from desk.rows import ITEM
from desk.staff import Agent, agent_of
from desk.times import iso, iso_or_none

_ITEMS = (
    f"SELECT {ITEM}, c.pos, p.customer_ref,"
    " (SELECT count(*) FROM entry e WHERE e.conversation = i.conversation AND e.side = 'customer'"
    "  AND e.pos > i.seen_pos) AS unread"
    " FROM desk_item i JOIN conversation c ON c.id = i.conversation"
    " LEFT JOIN person p ON p.id = coalesce(i.person, c.person) WHERE i.state <> 'ended'"
)
_LAST = (
    # CROSS, so that SQLite begins with the few at the desk and not with all that was ever said.
    "SELECT e.conversation, e.side, e.kind, e.at, e.body FROM desk_item i CROSS JOIN entry e"
    " WHERE i.state <> 'ended' AND e.conversation = i.conversation"
    " AND e.pos = (SELECT max(x.pos) FROM entry x WHERE x.conversation = i.conversation"
    " AND x.side IN ('customer', 'agent') AND x.kind IN ('message', 'press', 'file'))"
)
_VIEWERS = (
    "SELECT v.item, v.agent, v.typing_at, a.name FROM desk_viewer v JOIN desk_agent a ON a.id = v.agent"
    " WHERE v.at > :since ORDER BY a.name"
)
_TYPISTS = (
    "SELECT i.id FROM desk_item i JOIN socket s ON s.conversation = i.conversation"
    " WHERE i.state <> 'ended' AND i.state = 'held' AND s.customer_typed_at > :since"
)
_AGENTS = (
    "SELECT a.*, (SELECT count(*) FROM desk_item i"
    " WHERE i.agent = a.id AND i.state <> 'ended' AND i.state = 'held') AS load FROM desk_agent a ORDER BY a.name"
)
_APPROVALS = "SELECT * FROM desk_act WHERE status = 'asked' ORDER BY asked_at"

VIEWING = 8.0
"""Seconds after which somebody who has said nothing looks at a conversation no longer."""
TYPING = 5.0


@dataclass(frozen=True, slots=True)
class Board:
    """The desk at one moment, as rows."""

    now: datetime
    items: list[dict[str, Any]]
    last: Mapping[str, dict[str, Any]]
    viewers: Mapping[str, list[dict[str, Any]]]
    agents: Mapping[str, Agent]
    approvals: list[dict[str, Any]] = field(default_factory=list)
    typists: frozenset[str] = frozenset()
    """The items whose customer types."""

    def mark(self) -> bytes:
        """What it shows, without the time: equal marks need no new picture."""
        seen = [
            self.items,
            self.last,
            {item: [(one["agent"], _types(one, self.now)) for one in here] for item, here in self.viewers.items()},
            [(one.id, one.presence, one.load) for one in self.agents.values()],
            [(one["id"], one["status"]) for one in self.approvals],
        ]
        return msgspec.json.encode(seen)


async def read_board(store: Store, clock: Clock) -> Board:
    """Read it."""
    now = clock.now()
    items = await store.query(_ITEMS)
    last = {row["conversation"]: row for row in await store.query(_LAST)}
    viewers: dict[str, list[dict[str, Any]]] = {}
    for row in await store.query(_VIEWERS, since=now.timestamp() - VIEWING):
        viewers.setdefault(row["item"], []).append(row)
    agents = {row["id"]: agent_of(row) for row in await store.query(_AGENTS)}
    typists = frozenset(row["id"] for row in await store.query(_TYPISTS, since=now.timestamp() - TYPING))
    return Board(now, items, last, viewers, agents, await store.query(_APPROVALS), typists)


class Queue:
    """Draws the board for one agent."""

    def __init__(self, settings: DeskSettings, reason: Callable[[str], str], approval: Callable[..., Any]) -> None:
        self._settings, self._reason, self._approval = settings, reason, approval

    def draw(self, board: Board, me: Agent) -> dict[str, Any]:
        """`GET /desk/api/queue`."""
        now = board.now.timestamp()
        waiting = sorted(
            (row for row in board.items if row["state"] == "waiting"),
            key=lambda row: rank(waits_of(row), now, self._settings.risk),
        )
        held = [row for row in board.items if row["state"] == "held"]
        mine = sorted((row for row in held if row["agent"] == me.id), key=lambda row: row["claimed_at"] or 0)
        others = sorted((row for row in held if row["agent"] != me.id), key=lambda row: row["claimed_at"] or 0)
        asleep = [row for row in board.items if row["state"] == "snoozed" and (me.lead or row["agent"] == me.id)]
        return {
            "now": iso(board.now),
            "waiting": [self.item(row, board, me) for row in waiting],
            "mine": [self.item(row, board, me) for row in mine],
            "others": [self.item(row, board, me, closed=not me.lead) for row in others],
            "snoozed": [self.item(row, board, me) for row in asleep],
            "counts": {"waiting": len(waiting), "held": len(held), "snoozed": len(asleep), "mine": len(mine)},
            "approvals": [self._approval(row, board.agents) for row in board.approvals] if me.lead else [],
        }

    def item(self, row: Mapping[str, Any], board: Board, me: Agent, *, closed: bool = False) -> dict[str, Any]:
        """One row. `closed`: somebody else's conversation, of which only that it is held is shown."""
        last = None if closed else board.last.get(row["conversation"])
        now = board.now.timestamp()
        return {
            "case": row["id"],
            "reference": row["reference"],
            "state": row["state"],
            "reason": row["reason"],
            "reason_label": self._reason(row["reason"]),
            "urgency": row["urgency"],
            "channel": row["channel"],
            "who": who(row.get("customer_ref")),
            "since": iso_or_none(row["waiting_since"]),
            "waited": max(0, int((row["claimed_at"] if row["state"] == "held" else now) - row["waiting_since"])),
            "last": None if last is None else _last(last),
            "unread": row["unread"],
            "skill": row["skill"],
            "language": row["language"],
            "holder": _named(row["agent"], board),
            "offered_to": _named(row["offered_to"], board),
            "viewers": [
                {"id": one["agent"], "name": one["name"], "typing": _types(one, board.now)}
                for one in board.viewers.get(row["id"], [])
                if one["agent"] != me.id
            ],
            "snoozed_until": iso_or_none(row["snoozed_until"]) if row["state"] == "snoozed" else None,
            "at_risk": row["state"] == "waiting" and now - row["waiting_since"] > self._settings.risk,
            "mine": row["agent"] == me.id,
            "live": bool(row["live"]),
            "version": row["version"],
        }


def waits_of(row: Mapping[str, Any]) -> Waits:
    """What routing may know of a row."""
    return Waits(row["id"], row["urgency"], row["waiting_since"], row["skill"], row["language"], row["offered_to"])


def who(customer_ref: str | None) -> str:
    """A customer as agents see them, masked."""
    return f"Customer ending {customer_ref[-2:]}" if customer_ref else "Not signed in"


def _named(agent: str | None, board: Board) -> dict[str, str] | None:
    if agent is None:
        return None
    known = board.agents.get(agent)
    return {"id": agent, "name": known.name if known else "A colleague"}


def _types(viewer: Mapping[str, Any], now: datetime) -> bool:
    return viewer["typing_at"] is not None and viewer["typing_at"] > now.timestamp() - TYPING


def _last(row: Mapping[str, Any]) -> dict[str, Any]:
    body = msgspec.json.decode(row["body"])
    said = str(body.get("text") or (body.get("card") or {}).get("title") or ("A file" if row["kind"] == "file" else ""))
    return {"side": row["side"], "text": said[:120], "at": iso_or_none(row["at"])}
