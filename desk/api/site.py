"""Builds the desk: its requests and its workers, from what the composition root has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from bot.errors import UnknownText
from bot.pace import Pace
from bot.ports import Channel, Clock, Identity, Recogniser, Store
from bot.script.catalogue import Dialogs
from bot.script.texts import Texts
from bot.secret import derive
from bot.serving import Every, Worker
from bot.web import Drain
from desk.acts import Acts, approval_shape
from desk.api.acting import Acting
from desk.api.guard import Guard
from desk.api.live import Live
from desk.api.reading import Reading
from desk.api.replies import Replies
from desk.api.signin import Entrance, SignIn
from desk.board import Queue
from desk.brand_acts import BrandActs, OwnActs
from desk.builtin import BuiltInDesk
from desk.console import ConsoleConfig, assets, document, page_headers
from desk.context import Known
from desk.desk import Desk
from desk.errors import SignInFirst
from desk.files import Files
from desk.staff import Agent, Staff
from desk.sweep import Sweep
from desk.writing import Typing

LOOK = 1.0
"""Seconds between the desk's own rounds."""


class DeskSite:
    """The desk at `/desk`. `key` is a Fernet key for the login's cookie."""

    def __init__(
        self,
        handoff: BuiltInDesk,
        *,
        store: Store,
        clock: Clock,
        identity: Identity,
        recogniser: Recogniser,
        channels: Mapping[str, Channel],
        dialogs: Dialogs,
        texts: Texts,
        provider: SignIn | None,
        brand_acts: BrandActs | None,
        drain: Drain,
        public_url: str,
        brand: Mapping[str, str],
        locale: str,
        secret: bytes,
        key: bytes,
    ) -> None:
        settings = handoff.settings
        self._texts = texts
        self.staff = Staff(store, clock, settings, derive(secret, "desk"))
        self.desk = Desk(store, clock)
        self.files = Files(store, clock, settings.upload)
        self.acts = Acts(store, clock, settings, brand_acts or OwnActs(store), credits=brand_acts is not None)
        self.queue = Queue(settings, self.reason, approval_shape)
        care = frozenset({*settings.urgency, *settings.skills})
        self.known = Known(store, clock, identity, recogniser, channels, dialogs, texts, self.reason, care)
        self.sweep = Sweep(store, clock, handoff, self.staff, self.acts)
        self._guard = Guard(store, clock, self.staff, public_url=public_url)
        self._entrance = Entrance(store, clock, self.staff, provider, public_url=public_url, key=key)
        self._reading = Reading(
            store=store, clock=clock, settings=settings, staff=self.staff, desk=self.desk, queue=self.queue,
            known=self.known, acts=self.acts, hours=handoff.hours, brand=brand, locale=locale,
        )  # fmt: skip
        rate, burst = settings.uploads, settings.uploads_burst
        uploads = Pace(store, "desk-uploads", rate=rate, burst=burst, secret=derive(secret, "desk-uploads"))
        self._acting = Acting(
            store=store, clock=clock, staff=self.staff, desk=self.desk, acts=self.acts, files=self.files,
            reading=self._reading, csat=settings.csat, typing=Typing(store, clock, channels), uploads=uploads,
        )  # fmt: skip
        self._replies = Replies(store, clock)
        self.live = Live(store=store, clock=clock, staff=self.staff, desk=self.desk, reading=self._reading, drain=drain)
        self._console = ConsoleConfig(brand=brand, locale=locale)

    def reason(self, reason: str) -> str:
        """What a reason for a hand-over is called."""
        try:
            return self._texts.format(f"desk-reason.{reason}", None, {}, None)
        except UnknownText:
            return reason.replace("_", " ").capitalize()

    def workers(self) -> dict[str, Worker]:
        """The desk's rounds and its live reader."""
        return {"desk": Every(LOOK, "desk", self.sweep.once), "desk-live": self.live}

    def routes(self) -> list[web.RouteDef]:
        """All of it."""
        guard, read, do = self._guard, self._reading, self._acting
        case = "/desk/api/cases/{case}"
        return [
            web.get("/desk", self.page, name="desk"),
            web.get("/desk/login", self._entrance.login, name="desk_login"),
            web.get("/desk/callback", self._entrance.callback, name="desk_callback"),
            web.post("/desk/logout", guard(self.logout), name="desk_logout"),
            web.get("/desk/events", guard(self.live.stream), name="desk_events"),
            web.get("/desk/api/me", guard(read.me), name="desk_me"),
            web.get("/desk/api/queue", guard(read.board), name="desk_queue"),
            web.get("/desk/api/figures", guard(read.figures, lead=True), name="desk_figures"),
            web.get("/desk/api/replies", guard(self._replies.all), name="desk_replies"),
            web.post("/desk/api/replies", guard(self._replies.keep), name="desk_replies_keep"),
            web.post("/desk/api/replies/{id}/delete", guard(self._replies.drop), name="desk_replies_drop"),
            web.post("/desk/api/presence", guard(do.presence), name="desk_presence"),
            web.post("/desk/api/approvals/{id}", guard(do.decide, lead=True), name="desk_decide"),
            web.get(case, guard(read.case), name="desk_case"),
            web.get(f"{case}/lines", guard(read.lines), name="desk_lines"),
            web.get(f"{case}/files/{{id}}", guard(self.file), name="desk_file"),
            web.post(f"{case}/claim", guard(do.claim), name="desk_claim"),
            web.post(f"{case}/viewing", guard(do.viewing), name="desk_viewing"),
            web.post(f"{case}/seen", guard(do.seen), name="desk_seen"),
            web.post(f"{case}/say", guard(do.say), name="desk_say"),
            web.post(f"{case}/note", guard(do.note), name="desk_note"),
            web.post(f"{case}/files", guard(do.upload), name="desk_upload"),
            web.post(f"{case}/transfer", guard(do.transfer), name="desk_transfer"),
            web.post(f"{case}/snooze", guard(do.snooze), name="desk_snooze"),
            web.post(f"{case}/wake", guard(do.wake), name="desk_wake"),
            web.post(f"{case}/resolve", guard(do.resolve), name="desk_resolve"),
            web.post(f"{case}/return", guard(do.give_back), name="desk_return"),
            web.post(f"{case}/preview", guard(do.preview), name="desk_preview"),
            web.post(f"{case}/offer", guard(do.offer), name="desk_offer"),
            web.post(f"{case}/act", guard(do.act), name="desk_act"),
            *assets(),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The console, for whoever has a session; anybody else is sent to sign in."""
        try:
            await self._guard.agent(request)
        except SignInFirst:
            raise web.HTTPFound("/desk/login") from None
        return web.Response(text=document(self._console), content_type="text/html", headers=page_headers())

    async def logout(self, request: web.Request, me: Agent) -> web.Response:
        """Sign out."""
        from desk.api.signin import SESSION

        await self.staff.end(request.cookies.get(SESSION, ""), me)
        response = web.Response(status=204)
        response.del_cookie(SESSION, path="/desk")
        return response

    async def file(self, request: web.Request, me: Agent) -> web.Response:
        """A file of a case that the agent may see."""
        case: Any = request.match_info["case"]
        await self.desk.item(case, me, looks=True)
        return await self.files.show(request.match_info["id"], case)
