"""What the console reads. Nothing here changes anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.ports import Clock, Store
from bot.settings import DeskSettings
from bot.web.problems import BadBody, json
from desk.acts import Acts
from desk.api.signin import SESSION
from desk.board import Board, Queue, read_board
from desk.context import Known, context, offerable, parameters_of, title
from desk.desk import Desk
from desk.figures import figures
from desk.hours import Hours
from desk.log import page
from desk.staff import Agent, Staff
from desk.times import iso


class Reading:
    """The GET requests."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: DeskSettings,
        staff: Staff,
        desk: Desk,
        queue: Queue,
        known: Known,
        acts: Acts,
        hours: Hours,
        brand: Mapping[str, str],
        locale: str,
    ) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._staff, self._desk, self.queue, self.known = staff, desk, queue, known
        self._acts, self._hours, self._brand, self._locale = acts, hours, brand, locale

    async def me(self, request: web.Request, me: Agent) -> web.Response:
        """Who I am here, and what I may do."""
        now = self._clock.now()
        colleagues = await self._staff.all()
        until, opens = self._hours.until(now), self._hours.next(now)
        return json(
            {
                "agent": self.agent(me),
                "csrf": self._staff.csrf(request.cookies.get(SESSION, "")),
                "brand": dict(self._brand),
                "locale": self._locale,
                "dialogs": [self._dialog(id) for id in offerable(self.known)],
                "acts": [self._act(kind, me) for kind in self._acts.kinds],
                "reasons": {reason: self.known.reason(reason) for reason in self._reasons()},
                "skills": sorted(set(self._settings.skills.values())),
                "colleagues": [
                    {
                        "id": one.id,
                        "name": one.name,
                        "role": one.role,
                        "presence": one.presence if one.there(now, self._settings.offline) else "away",
                        "load": one.load,
                        "capacity": one.capacity,
                    }
                    for one in colleagues
                    if one.id != me.id
                ],
                "hours": {
                    "open": self._hours.is_open(now),
                    "until": iso(until) if until else None,
                    "next": iso(opens) if opens else None,
                    "line": self._brand.get("hours", ""),
                },
                "upload": self._settings.upload,
            }
        )

    def agent(self, me: Agent) -> dict[str, Any]:
        """An agent, as their own page sees them."""
        return {
            "id": me.id,
            "name": me.name,
            "first": me.first,
            "role": me.role,
            "presence": me.presence,
            "skills": list(me.skills),
            "languages": list(me.languages),
            "capacity": me.capacity,
            "load": me.load,
        }

    async def board(self, request: web.Request, me: Agent) -> web.Response:
        """The queue."""
        return json(self.queue.draw(await read_board(self._store, self._clock), me))

    async def case(self, request: web.Request, me: Agent) -> web.Response:
        """One conversation: its row, its panel, its latest lines."""
        case = request.match_info["case"]
        row = await self._desk.item(case, me, looks=True)
        lines, more = await page(
            self._store, row["conversation"], row["person"] or row["known"], me.id, case=case, before=math.inf
        )
        return json({**await self.panel(row, me, case), "lines": lines, "more": more})

    async def panel(self, row: Mapping[str, Any], me: Agent, case: str, board: Board | None = None) -> dict[str, Any]:
        """The row, the context and what the agent may do."""
        board = board or await read_board(self._store, self._clock)
        shown = next((one for one in board.items if one["id"] == case), None) or {**row, "unread": 0}
        mine = row["agent"] == me.id and row["state"] == "held"
        why = "" if mine else "Take it first." if row["state"] == "waiting" else "Another agent has it."
        return {
            "item": self.queue.item(shown, board, me),
            "context": await context(self.known, row, me, board.agents),
            "may": {"claim": row["state"] == "waiting", "write": mine, "why": why},
        }

    async def lines(self, request: web.Request, me: Agent) -> web.Response:
        """Older lines."""
        case = request.match_info["case"]
        row = await self._desk.item(case, me, looks=True)
        try:
            before = float(request.query.get("before", "inf"))
        except ValueError:
            raise BadBody("`before` is a cursor from an earlier answer.") from None
        person = row["person"] or row["known"]
        lines, more = await page(self._store, row["conversation"], person, me.id, case=case, before=before)
        return json({"lines": lines, "more": more})

    async def figures(self, request: web.Request, me: Agent) -> web.Response:
        """How it goes, for leads."""
        try:
            hours = min(24.0 * 92, max(1.0, float(request.query.get("hours", "24"))))
        except ValueError:
            raise BadBody("`hours` is a number.") from None
        made = await figures(self._store, self._clock.now(), hours, self.known.reason)
        board = await read_board(self._store, self._clock)
        now = board.now
        waiting = [row for row in board.items if row["state"] == "waiting"]
        there = [one for one in board.agents.values() if one.there(now, self._settings.offline)]
        made["now"] = {
            "waiting": len(waiting),
            "held": sum(row["state"] == "held" for row in board.items),
            "available": sum(one.presence == "available" for one in there),
            "longest_wait": int(max((now.timestamp() - row["waiting_since"] for row in waiting), default=0)),
        }
        present = {one.id for one in there}
        for one in made["agents"]:
            if one["id"] not in present:
                one["presence"] = "away"
        return json(made)

    def _dialog(self, id: str) -> dict[str, Any]:
        return {
            "id": id,
            "title": title(self.known, id),
            "parameters": [
                {"name": name, "label": name.replace("_", " ").capitalize(), "choices": None}
                for name, *_ in parameters_of(self.known, id)
            ],
        }

    def _act(self, kind: str, me: Agent) -> dict[str, Any]:
        every: dict[str, list[tuple[str, str, str, bool, int | None]]] = {
            "goodwill": [("amount", "Amount", "pence", True, None), ("reason", "Why", "text", True, 400)],
            "ticket": [("text", "What for", "text", True, 4000), ("reason", "Why", "text", True, 400)],
            "callback": [("at", "When", "datetime", False, None), ("reason", "Why", "text", True, 400)],
        }
        titles = {"goodwill": "Goodwill credit", "ticket": "Ticket", "callback": "Call back"}
        return {
            "id": kind,
            "title": titles[kind],
            "limit": self._acts.limit(kind, me.role),
            "fields": [
                {"name": name, "label": label, "type": of, "required": needed, "max": most}
                for name, label, of, needed, most in every[kind]
            ],
        }

    def _reasons(self) -> list[str]:
        return sorted({"asked", "misunderstood", "backend_down", *self._settings.urgency, *self._settings.skills})
