"""The live stream: one reader of the board a process, and one server-sent stream for each page that looks at it.

Everything comes from the store, so any process shows what every other one did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from bot.errors import ParleyError, StoreUnavailable
from bot.observe import logger
from bot.ports import Clock, Store
from bot.web import Drain
from desk.api.reading import Reading
from desk.api.signin import SESSION
from desk.board import TYPING, Board, read_board
from desk.desk import Desk
from desk.log import CONVERSATIONS, newer
from desk.staff import Agent, Staff
from desk.times import iso

log = logger("parley.desk")

TICK = 0.3
"""Seconds between looks at the store, while anybody watches."""
SEEN = 10.0
"""Seconds between signs of life of a page that is open."""
PANEL = 1.0
"""Seconds between two drawings of the panel at most."""


class Live:
    """Reads the board and wakes the streams. A worker: `run` and `stop`."""

    def __init__(self, *, store: Store, clock: Clock, staff: Staff, desk: Desk, reading: Reading, drain: Drain) -> None:
        self._store, self._clock, self._staff, self._desk, self._reading = store, clock, staff, desk, reading
        self._board: Board | None = None
        self._ticked = asyncio.Condition()
        self._watchers = 0
        self._stopping = asyncio.Event()
        drain.on_finish(self.stop)

    async def run(self) -> None:
        """Look until `stop`."""
        while not self._stopping.is_set():
            if self._watchers:
                try:
                    self._board = await read_board(self._store, self._clock)
                except StoreUnavailable as error:
                    log.warning("desk cannot read", error=str(error))
            async with self._ticked:
                self._ticked.notify_all()
            try:
                await asyncio.wait_for(self._stopping.wait(), TICK)
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """End the streams: their pages come again, perhaps to another process."""
        self._stopping.set()
        async with self._ticked:
            self._ticked.notify_all()

    async def stream(self, request: web.Request, me: Agent) -> web.StreamResponse:
        """`GET /desk/events`."""
        case, after = request.query.get("case", ""), _positions(request.query.get("after", ""))
        if case:
            row = await self._desk.item(case, me, looks=True)
            # The page says how far it has read, never in which conversations.
            person = row["person"] or row["known"]
            theirs = await self._store.query(CONVERSATIONS, id=row["conversation"], person=person)
            after = {one["id"]: after[one["id"]] for one in theirs if one["id"] in after}
        view = _View(self._reading, self._desk, self._store, me, case, after)
        if not self._watchers:
            self._board = None  # Nobody has looked since, so it is as old as that.
        self._watchers += 1
        try:
            made: web.StreamResponse
            async with sse_response(request) as response:
                made = response
                await _send(response, "hello", {"now": iso(self._clock.now())})
                await self._follow(response, view, me, request.cookies.get(SESSION, ""))
        finally:
            self._watchers -= 1
        return made

    async def _follow(self, response: EventSourceResponse, view: _View, me: Agent, session: str) -> None:
        loop, alive = asyncio.get_running_loop(), 0.0
        while not self._stopping.is_set() and response.is_connected():
            if loop.time() - alive > SEEN:
                if await self._staff.of(session) is None:
                    # Signed out, or over: the page comes again and is told.
                    return
                await self._staff.seen(me.id)
                alive = loop.time()
            board = self._board or await read_board(self._store, self._clock)
            try:
                for name, data in await view.changes(board, loop.time()):
                    await _send(response, name, data)
            except ParleyError as gone:
                # The case is no longer theirs to see: the page asks again and is told why.
                await _send(response, "notify", _notice("gone", view.case, "No longer yours", str(gone)))
                view.case = ""
            async with self._ticked:
                await self._ticked.wait()
        if self._stopping.is_set() and response.is_connected():
            await _send(response, "bye", {})


class _View:
    """What one page has been shown."""

    def __init__(
        self, reading: Reading, desk: Desk, store: Store, me: Agent, case: str, positions: dict[str, int]
    ) -> None:
        self._reading, self._desk, self._store, self._me = reading, desk, store, me
        self.case, self._positions = case, positions
        self._mark = b""
        self._before: dict[str, dict[str, Any]] | None = None
        self._approvals: dict[str, str] = {}
        self._shown: tuple[Any, ...] = ()
        self._drawn = self._looked = 0.0
        self._typing: set[tuple[str, str]] = set()

    async def changes(self, board: Board, at: float) -> list[tuple[str, Any]]:
        """Events since the last time."""
        events: list[tuple[str, Any]] = []
        mark = board.mark()
        if mark != self._mark:
            me = board.agents.get(self._me.id, self._me)
            if (me.presence, me.load, me.role) != (self._me.presence, self._me.load, self._me.role) or not self._mark:
                events.append(("me", self._reading.agent(me)))
            self._me = me
            events.append(("queue", self._reading.queue.draw(board, me)))
            events += self._notices(board)
            self._mark = mark
        if self.case:
            await self._still_theirs(board)
            events += await self._lines(board, at)
            events += self._types(board)
            events += await self._panel(board, at)
        return events

    async def _still_theirs(self, board: Board) -> None:
        """Raises `NotAllowed` or `Gone` once the agent may no longer look; asked only where the board has doubts."""
        row = next((one for one in board.items if one["id"] == self.case), None)
        if row is None or not (self._me.lead or row["state"] == "waiting" or row["agent"] == self._me.id):
            await self._desk.item(self.case, self._me, looks=True)

    async def _lines(self, board: Board, at: float) -> list[tuple[str, Any]]:
        row = next((one for one in board.items if one["id"] == self.case), None)
        moved = row is not None and row["pos"] > self._positions.get(row["conversation"], -1)
        if not moved and at - self._looked < PANEL:
            return []
        self._looked = at
        if row is not None:
            self._positions.setdefault(row["conversation"], 0)
        lines: list[dict[str, Any]] = []
        for conversation, after in list(self._positions.items()):
            found = await newer(self._store, conversation, after, self._me.id, case=self.case)
            if found:
                self._positions[conversation] = int(found[-1]["pos"])
                lines += [one for one in found if one["kind"] != "typing"]
        return [("lines", {"case": self.case, "lines": lines})] if lines else []

    async def _panel(self, board: Board, at: float) -> list[tuple[str, Any]]:
        row = next((one for one in board.items if one["id"] == self.case), None)
        if row is None:
            return []
        acts = tuple((one["id"], one["status"]) for one in board.approvals)
        shown = (row["version"], row["pos"], row["state"], acts)
        if shown == self._shown or at - self._drawn < PANEL:
            return []
        kept = await self._desk.item(self.case, self._me, looks=True)
        # The first one too: something may have changed since the page read the case.
        self._shown, self._drawn = shown, at
        return [("context", {"case": self.case, **await self._reading.panel(kept, self._me, self.case, board)})]

    def _types(self, board: Board) -> list[tuple[str, Any]]:
        now = board.now.timestamp()
        types = {
            ("agent", one["name"])
            for one in board.viewers.get(self.case, [])
            if one["agent"] != self._me.id and (one["typing_at"] or 0) > now - TYPING
        }
        if self.case in board.typists:
            types.add(("customer", ""))
        changed, self._typing = types ^ self._typing, types
        return [
            ("typing", {"case": self.case, "who": who, "name": name, "on": (who, name) in types})
            for who, name in sorted(changed)
        ]

    def _notices(self, board: Board) -> list[tuple[str, Any]]:
        """What is worth a desktop notification. It shows on locked screens: no names, and no customer's words."""
        before, me = self._before, self._me
        now = {row["id"]: row for row in board.items}
        self._before = now
        approvals, self._approvals = self._approvals, {one["id"]: one["agent"] for one in board.approvals}
        if before is None:
            return []
        found: list[tuple[str, Any]] = []
        for id, row in now.items():
            was = before.get(id)
            found += [("notify", one) for one in self._of_row(row, was, me)]
        for id, was in before.items():
            if was["agent"] == me.id and was["state"] == "held" and (id not in now or now[id]["agent"] != me.id):
                found.append(("notify", _notice("gone", id, "No longer yours", was["reference"])))
        if me.lead:
            for one in board.approvals:
                if one["id"] not in approvals and one["agent"] != me.id:
                    found.append(("notify", _notice("approval", one["item"], "An approval is asked for", "")))
        for id, asked in approvals.items():
            if asked == me.id and id not in self._approvals:
                found.append(("notify", _notice("decided", "", "Your wish was decided", "")))
        return found

    def _of_row(self, row: Mapping[str, Any], was: Mapping[str, Any] | None, me: Agent) -> list[dict[str, Any]]:
        text = f"{row['channel']}, {row['reference']}"
        label = self._reading.known.reason(row["reason"])
        if row["state"] == "waiting" and row["offered_to"] == me.id and (was is None or was["offered_to"] != me.id):
            return [_notice("offered", row["id"], f"For you: {label}", text)]
        if row["state"] == "waiting" and (was is None or was["state"] != "waiting") and row["offered_to"] is None:
            fits = row["skill"] is None or row["skill"] in me.skills or me.lead
            return [_notice("waiting", row["id"], label, text)] if fits and me.presence != "away" else []
        if row["agent"] == me.id and was is not None and row["unread"] > was["unread"]:
            return [_notice("message", row["id"], "A customer has written", text)]
        return []


def _notice(kind: str, case: str, title: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "case": case, "title": title, "text": text}


async def _send(response: EventSourceResponse, name: str, data: Any) -> None:
    await response.send(msgspec.json.encode(data).decode(), event=name)


def _positions(given: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in given.split(","):
        conversation, _, pos = part.rpartition(":")
        if conversation and pos.isascii() and pos.isdecimal() and len(pos) <= 15:
            found[conversation] = int(pos)
    return found
