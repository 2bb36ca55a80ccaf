"""Who asks: a session with a role, and for every change the page's own token. Refusals go into the audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Any

import msgspec
from aiohttp import web

from bot.audit import audit_row
from bot.ports import Clock, Store
from bot.sparing import Sparing
from desk.api.signin import SESSION
from desk.errors import NotAllowed, SignInFirst
from desk.staff import Agent, Staff

CSRF = "X-Desk-CSRF"
ALIVE = 10.0
"""Seconds between two signs of life that are written down."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Guarded = Callable[[web.Request, Agent], Awaitable[web.StreamResponse]]


class Guard:
    """Wraps the desk's handlers."""

    def __init__(self, store: Store, clock: Clock, staff: Staff, *, public_url: str) -> None:
        self._store, self._clock, self._staff, self._origin = store, clock, staff, public_url
        self._strangers = Sparing("desk")

    def __call__(self, handler: Guarded, *, lead: bool = False) -> Handler:
        """The handler, for agents; with `lead`, for leads alone."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            agent: Agent | None = None
            try:
                agent = await self.agent(request)
                if request.method != "GET":
                    self._from_our_page(request)
                if lead and not agent.lead:
                    raise NotAllowed("This is for leads.")
                return await handler(request, agent)
            except (SignInFirst, NotAllowed) as refused:
                await self._keep(request, agent, refused)
                raise

        return guarded

    async def agent(self, request: web.Request) -> Agent:
        """Whose session this is. Raises `SignInFirst`."""
        found = await self._staff.of(request.cookies.get(SESSION, ""))
        if found is None:
            raise SignInFirst
        if self._clock.now().timestamp() - found.seen_at > ALIVE:
            await self._staff.seen(found.id)
        return found

    def _from_our_page(self, request: web.Request) -> None:
        given = request.headers.get(CSRF, "")
        sent = request.headers.get("Origin")
        ours = sent is None or sent == self._origin
        if not (ours and compare_digest(given.encode(), self._staff.csrf(request.cookies.get(SESSION, "")).encode())):
            raise NotAllowed("That did not come from the desk's own page.")

    async def _keep(self, request: web.Request, agent: Agent | None, refused: SignInFirst | NotAllowed) -> None:
        if agent is None and not self._strangers.may():
            return
        route = request.match_info.route.name or ""
        detail: dict[str, Any] = {"why": refused.code, "route": route, "agent": agent.id if agent else ""}
        row = audit_row(
            what="desk.refused", at=self._clock.now(), subject=request.match_info.get("case", ""), detail=detail
        )
        await self._store.change([row])


async def body(request: web.Request, shape: type[Any]) -> Any:
    """The request's JSON as this shape. Raises `BadBody`."""
    from bot.web.problems import BadBody

    try:
        return msgspec.json.decode(await request.read() or b"{}", type=shape)
    except (msgspec.DecodeError, msgspec.ValidationError) as wrong:
        raise BadBody(str(wrong)) from None
