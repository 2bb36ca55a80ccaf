"""Canned replies: an agent's own, and those that a lead keeps for all."""

from __future__ import annotations

import re
from secrets import token_hex

from aiohttp import web

from bot.errors import Conflict
from bot.ports import Clock, Sql, Store
from bot.web.problems import json
from desk.api import shapes
from desk.api.guard import body
from desk.errors import NotAllowed
from desk.staff import Agent

SHIPPED = (
    ("hello", "Greeting", "Hello, I'm {agent}. I've read what you wrote to our assistant, so you needn't repeat it."),
    ("look", "Looking into it", "Let me look into that for you. It will take me a minute or two."),
    ("still", "Still there?", "Are you still there? I'm happy to wait; just write when you can."),
    ("callback", "Call back", "I can have somebody call you on {date} at {time}. Would that suit you?"),
    ("bye", "Goodbye", "Glad I could help. Your reference is {reference}, should you need this again."),
)
"""What there is before anybody has written one."""

_ALL = "SELECT * FROM desk_reply WHERE owner IS NULL OR owner = :me ORDER BY shortcut"
_KEEP = (
    "INSERT INTO desk_reply (id, shortcut, title, text, owner, at) VALUES (:id, :shortcut, :title, :text, :owner, :at)"
    " ON CONFLICT (id) DO UPDATE SET shortcut = excluded.shortcut, title = excluded.title, text = excluded.text,"
    " at = excluded.at WHERE desk_reply.owner = :owner OR (desk_reply.owner IS NULL AND CAST(:owner AS TEXT) IS NULL)"
)
_DROP = "DELETE FROM desk_reply WHERE id = :id AND (owner = :me OR (owner IS NULL AND :lead = 1))"


class Replies:
    """The requests."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def all(self, request: web.Request, me: Agent) -> web.Response:
        """Mine and everybody's; those that ship until a lead has written one with the same shortcut."""
        rows = await self._store.query(_ALL, me=me.id)
        taken = {row["shortcut"] for row in rows}
        shipped = [
            _reply(f"shipped-{shortcut}", shortcut, title, text, shared=True)
            for shortcut, title, text in SHIPPED
            if shortcut not in taken
        ]
        kept = [
            _reply(row["id"], row["shortcut"], row["title"], row["text"], shared=row["owner"] is None) for row in rows
        ]
        return json({"replies": sorted([*kept, *shipped], key=lambda one: str(one["shortcut"]))})

    async def keep(self, request: web.Request, me: Agent) -> web.Response:
        """Write one. Raises `NotAllowed` for an agent who would write for all."""
        given = await body(request, shapes.Reply)
        if given.shared and not me.lead:
            raise NotAllowed("Leads write the replies for all.")
        id = given.id if given.id and not given.id.startswith("shipped-") else token_hex(8)
        values = {
            "id": id,
            "shortcut": given.shortcut,
            "title": given.title,
            "text": given.text,
            "owner": None if given.shared else me.id,
            "at": self._clock.now().timestamp(),
        }
        try:
            await self._store.change([Sql(_KEEP, values, rows=1)])
        except Conflict:
            raise NotAllowed("That reply is somebody else's.") from None
        return json({"id": id})

    async def drop(self, request: web.Request, me: Agent) -> web.Response:
        """Delete one of mine; a lead also one of everybody's."""
        values = {"id": request.match_info["id"], "me": me.id, "lead": int(me.lead)}
        await self._store.change([Sql(_DROP, values)])
        return web.Response(status=204)


def _reply(id: str, shortcut: str, title: str, text: str, *, shared: bool) -> dict[str, object]:
    filled = {"agent", "reference", "brand"}
    asked = [name for name in dict.fromkeys(re.findall(r"\{(\w+)\}", text)) if name not in filled]
    return {"id": id, "shortcut": shortcut, "title": title, "text": text, "placeholders": asked, "shared": shared}
