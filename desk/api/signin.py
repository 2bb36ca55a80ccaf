"""How agents come in: through the provider and back, with what ties both ends to one browser in a sealed cookie."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from secrets import token_urlsafe
from typing import Protocol

import msgspec
from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken

from bot.audit import audit_row
from bot.errors import ParleyError
from bot.observe import logger
from bot.ports import Clock, Store
from bot.sparing import Sparing
from desk.staff import SignedInStaff, Staff

SESSION = "parley_desk"
LEG = "parley_desk_leg"
LEG_LIFE = 600

log = logger("parley.desk")


class SignIn(Protocol):
    """The provider that agents sign in at."""

    async def begin(self, *, redirect_uri: str, state: str) -> tuple[str, dict[str, str]]:
        """The address to go to, and the secrets to finish with."""
        ...

    async def finish(self, *, query: Mapping[str, str], secrets: Mapping[str, str]) -> SignedInStaff:
        """Who came back. Raises a `ParleyError` where the sign-in does not hold."""
        ...


class Entrance:
    """The login's three requests."""

    def __init__(
        self, store: Store, clock: Clock, staff: Staff, provider: SignIn | None, *, public_url: str, key: bytes
    ) -> None:
        self._store, self._clock, self._staff, self._provider = store, clock, staff, provider
        self._callback = f"{public_url}/desk/callback"
        self._secure = public_url.startswith("https://")
        self._sealing = Fernet(key)
        self._strangers = Sparing("desk")

    async def login(self, request: web.Request) -> web.Response:
        """Off to the provider."""
        if self._provider is None:
            return _page(503, "No sign-in for the desk is set up", "See desk.login in the configuration.")
        state = token_urlsafe(32)
        url, secrets = await self._provider.begin(redirect_uri=self._callback, state=state)
        response = web.Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})
        sealed = self._sealing.encrypt(msgspec.json.encode({**secrets, "state": state})).decode()
        # Lax: the provider's redirect back is a navigation from another site.
        response.set_cookie(
            LEG, sealed, max_age=LEG_LIFE, path="/desk", httponly=True, samesite="Lax", secure=self._secure
        )
        return response

    async def callback(self, request: web.Request) -> web.Response:
        """Back from the provider: a session for whoever has a role here."""
        if self._provider is None:
            return _page(503, "No sign-in for the desk is set up", "See desk.login in the configuration.")
        try:
            leg = msgspec.json.decode(
                self._sealing.decrypt(request.cookies.get(LEG, "").encode(), ttl=LEG_LIFE), type=dict[str, str]
            )
        except (InvalidToken, msgspec.DecodeError):
            return await self._refused("leg", "This sign-in was begun in another browser, or too long ago.")
        if not compare_digest(request.query.get("state", ""), leg["state"]):
            return await self._refused("state", "This sign-in was begun in another browser, or too long ago.")
        try:
            who = await self._provider.finish(query=request.query, secrets=leg)
        except ParleyError as error:
            log.info("desk sign-in refused", error=type(error).__name__)
            return await self._refused("provider", "The sign-in did not work.")
        role = self._staff.role_of(who.roles)
        if role is None:
            return await self._refused("role", "You have no role at this desk. Ask whoever leads it.")
        cookie = await self._staff.begin(who, role)
        response = web.Response(status=303, headers={"Location": "/desk", "Cache-Control": "no-store"})
        response.del_cookie(LEG, path="/desk")
        # Strict would lose the session on the way back from the provider's page.
        response.set_cookie(SESSION, cookie, path="/desk", httponly=True, samesite="Lax", secure=self._secure)
        return response

    async def _refused(self, why: str, message: str) -> web.Response:
        if self._strangers.may():
            await self._store.change([audit_row(what="desk.refused", at=self._clock.now(), detail={"why": why})])
        return _page(403, "Not this time", message)


def _page(status: int, title: str, message: str) -> web.Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport"'
        f' content="width=device-width, initial-scale=1"><title>{title}</title>'
        '<link rel="stylesheet" href="/ui/theme.css"></head><body><main class="plain-page">'
        f'<h1>{title}</h1><p>{message}</p><p><a href="/desk/login">Sign in</a></p></main></body></html>'
    )
    response = web.Response(status=status, text=text, content_type="text/html", headers={"Cache-Control": "no-store"})
    response.del_cookie(LEG, path="/desk")
    return response
