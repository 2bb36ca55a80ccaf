"""What the console does. Every request carries the page's own token; most a key, so that a repeat changes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from bot.model import File
from bot.observe.metrics import LIMITED
from bot.pace import Pace
from bot.ports import Clock, Store
from bot.web.problems import BadBody, TooMany, json
from desk.acts import Acts, Wish, approval_shape
from desk.api import shapes
from desk.api.guard import body
from desk.api.reading import Reading
from desk.board import read_board
from desk.context import offerable, return_lines
from desk.desk import Desk
from desk.files import Files
from desk.log import note_line
from desk.staff import Agent, Staff
from desk.times import iso
from desk.writing import Typing

NOTHING = 204


class Acting:
    """The POST requests."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        staff: Staff,
        desk: Desk,
        acts: Acts,
        files: Files,
        reading: Reading,
        csat: bool,
        typing: Typing,
        uploads: Pace,
    ) -> None:
        self._typing, self._uploads = typing, uploads
        self._store, self._clock, self._staff, self._desk = store, clock, staff, desk
        self._acts, self._files, self._reading, self._csat = acts, files, reading, csat

    async def presence(self, request: web.Request, me: Agent) -> web.Response:
        """Available, wrapping up or away."""
        wanted = await body(request, shapes.Presence)
        await self._staff.present(me.id, wanted.state)
        return json({"agent": {**self._reading.agent(me), "presence": wanted.state}})

    async def claim(self, request: web.Request, me: Agent) -> web.Response:
        """Take a conversation."""
        await self._desk.claim(_case(request), me)
        return await self._item(request, me)

    async def viewing(self, request: web.Request, me: Agent) -> web.Response:
        """I look at it."""
        given = await body(request, shapes.Viewing)
        await self._desk.item(_case(request), me, looks=True)
        await self._desk.view(_case(request), me, typing=given.typing)
        if given.typing:
            await self._typing.show(_case(request), me)
        return web.Response(status=NOTHING)

    async def seen(self, request: web.Request, me: Agent) -> web.Response:
        """I have read up to here."""
        given = await body(request, shapes.Seen)
        await self._desk.seen(_case(request), me, given.pos)
        return web.Response(status=NOTHING)

    async def say(self, request: web.Request, me: Agent) -> web.Response:
        """Write to the customer."""
        given, case = await body(request, shapes.Say), _case(request)
        if not given.text.strip() and given.file is None:
            raise BadBody("There is nothing to send.")
        file = await self._files.of(given.file, case) if given.file else None
        row = await self._desk.say(case, me, given.key, given.text, msgspec.to_builtins(file) if file else None)
        return json({"line": self._provisional(row, me, given, file)})

    async def note(self, request: web.Request, me: Agent) -> web.Response:
        """Keep a private note."""
        given = await body(request, shapes.Note)
        return json({"line": note_line(await self._desk.note(_case(request), me, given.key, given.text), me.id)})

    async def transfer(self, request: web.Request, me: Agent) -> web.Response:
        """Pass it to a colleague or a skill."""
        given = await body(request, shapes.Transfer)
        if given.to_agent is not None and given.to_agent not in {one.id for one in await self._staff.all()}:
            raise BadBody("There is no such colleague.")
        if given.to_agent == me.id:
            raise BadBody("You have it already.")
        await self._desk.transfer(
            _case(request), me, to_agent=given.to_agent, to_skill=given.to_skill, note=given.note, key=given.key
        )
        return await self._item(request, me, ended=True)

    async def snooze(self, request: web.Request, me: Agent) -> web.Response:
        """Put it aside."""
        given = await body(request, shapes.Snooze)
        if given.until.tzinfo is None or given.until <= self._clock.now():
            raise BadBody("`until` is a time in the future, with its zone.")
        await self._desk.snooze(_case(request), me, given.until)
        return await self._item(request, me)

    async def wake(self, request: web.Request, me: Agent) -> web.Response:
        """Take it up again."""
        await self._desk.wake(_case(request), me)
        return await self._item(request, me)

    async def resolve(self, request: web.Request, me: Agent) -> web.Response:
        """It is dealt with."""
        given = await body(request, shapes.Resolve)
        why = "spam" if given.spam else "closed" if given.silent else "resolved"
        silent = given.silent or given.spam
        await self._desk.resolve(
            _case(request), me, given.key, note=given.note, silent=silent, why=why, csat=self._csat
        )
        return await self._item(request, me, ended=True)

    async def give_back(self, request: web.Request, me: Agent) -> web.Response:
        """Back to the bot."""
        given = await body(request, shapes.Return)
        if given.how == "start" and given.dialog not in offerable(self._reading.known):
            raise BadBody("There is no such dialog to start.")
        await self._desk.give_back(
            _case(request),
            me,
            given.key,
            how=given.how,
            dialog=given.dialog or "",
            answers=given.answers,
            note=given.note,
        )
        return await self._item(request, me, ended=True)

    async def preview(self, request: web.Request, me: Agent) -> web.Response:
        """The very line that the customer will read."""
        given = await body(request, shapes.Preview)
        lines = return_lines(self._reading.known, me)
        return json({"line": lines["start"].get(given.dialog, "") if given.how == "start" else lines[given.how]})

    async def offer(self, request: web.Request, me: Agent) -> web.Response:
        """Offer a dialog in the customer's chat."""
        given = await body(request, shapes.Offer)
        if given.dialog not in offerable(self._reading.known):
            raise BadBody("There is no such dialog to offer.")
        await self._desk.offer(_case(request), me, given.key, given.dialog, given.answers)
        return await self._item(request, me)

    async def act(self, request: web.Request, me: Agent) -> web.Response:
        """Do something under my own authority."""
        given = await body(request, shapes.Act)
        if given.act == "goodwill" and given.amount is None:
            raise BadBody("How much?")
        row = await self._desk.item(_case(request), me)
        amount = given.amount if given.act == "goodwill" else None
        wish = Wish(given.act, given.reason, amount, given.text, given.at or "")
        kept = await self._acts.ask(row, me, given.key, wish)
        status = {"asked": "waiting_approval", "intent": "unknown"}.get(kept["status"], kept["status"])
        agents = {one.id: one for one in await self._staff.all()}
        approval = approval_shape(kept, agents) if kept["status"] == "asked" else None
        return json({"status": status, "reference": kept["reference"], "approval": approval})

    async def decide(self, request: web.Request, me: Agent) -> web.Response:
        """A lead approves or declines."""
        given = await body(request, shapes.Decision)
        kept = await self._acts.decide(
            request.match_info["id"], me, approve=given.decision == "approve", why=given.reason
        )
        agents = {one.id: one for one in await self._staff.all()}
        return json({"approval": approval_shape(kept, agents)})

    async def upload(self, request: web.Request, me: Agent) -> web.Response:
        """Take a file to be sent."""
        row = await self._desk.item(_case(request), me)
        # Before it is read: who is over the limit costs no memory.
        taken = await self._uploads.take(me.id)
        if taken.wait:
            LIMITED.labels("desk", "uploads").inc()
            raise TooMany(retry_after=taken.wait)
        file = await self._files.take(request, row, me)
        return json(
            {"file": {"id": file.ref.removeprefix("desk:"), "name": file.name, "type": file.type, "size": file.size}}
        )

    async def _item(self, request: web.Request, me: Agent, *, ended: bool = False) -> web.Response:
        board = await read_board(self._store, self._clock)
        row = next((one for one in board.items if one["id"] == _case(request)), None)
        if row is None or (ended and row["agent"] != me.id):
            return json({"item": None})
        return json({"item": self._reading.queue.item(row, board, me)})

    def _provisional(self, row: dict[str, Any], me: Agent, given: shapes.Say, file: File | None) -> dict[str, Any]:
        """The line as it is on its way in; the stream brings it with its place in the log."""
        shown = None
        if file is not None:
            id = file.ref.removeprefix("desk:")
            url = f"/desk/api/cases/{row['id']}/files/{id}"
            shown = {"id": id, "name": file.name, "type": file.type, "size": file.size, "url": url}
        return {
            "conversation": row["conversation"],
            "pos": 0,
            "channel": row["channel"],
            "side": "agent",
            "kind": "message",
            "at": iso(self._clock.now()),
            "author": me.first,
            "text": given.text,
            "choices": [],
            "card": None,
            "cards": [],
            "link": None,
            "file": shown,
            "ref": "",
            "status": "queued",
            "reason": None,
            "mine": True,
            "key": given.key,
        }


def _case(request: web.Request) -> str:
    return request.match_info["case"]
