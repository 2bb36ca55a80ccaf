"""A provider says that somebody has signed out there (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused
from auth.keys import hashed
from auth.ledger import Ledger
from auth.provider import Provider
from auth.revocation import notice, of_link
from bot.audit import audit_row
from bot.errors import Conflict
from bot.observe import logger
from bot.ports import Sql
from bot.sparing import Sparing
from bot.web import form

NOTICES = frozenset({"link_logout"})
"""The route, by name: what anybody may post a token to."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"
NOTICE = "host.unlinked-signed-out"
FRESH = 120.0
"""Seconds a logout token is good for, where it does not say (§2.4 recommends two minutes)."""
_MAX = 16384
_SEEN = "SELECT 1 AS found FROM seen WHERE connection = :connection AND key_hash = :key_hash"
_KEEP = "INSERT INTO seen (connection, key_hash, at) VALUES (:connection, :key_hash, :at) ON CONFLICT DO NOTHING"
_LINKS = """
SELECT id, person, connection, user_id FROM identity_link
WHERE issuer = :issuer AND sub = :sub AND revoked_at IS NULL"""


class Logouts:
    """Takes logout tokens and ends the links they name."""

    __slots__ = ("_ledger", "_log", "_providers", "_strangers")

    def __init__(self, ledger: Ledger, providers: Mapping[str, Provider]) -> None:
        self._ledger = ledger
        self._providers = providers
        self._log = logger("auth.logout")
        self._strangers = Sparing("link")

    def routes(self) -> list[web.RouteDef]:
        """One address for each provider."""
        return [web.post("/link/logout/{provider}", self.take, name="link_logout")]

    async def take(self, request: web.Request) -> web.Response:
        """200 once the links are gone, 400 for a token that does not hold, 503 where its keys cannot be had."""
        provider = self._providers.get(request.match_info["provider"])
        token = (await form(request)).get("logout_token")
        if provider is None or not isinstance(token, str) or not 0 < len(token) <= _MAX:
            return _answer(400)
        try:
            claims = await provider.logout_claims(token)
            sub = self._check(claims, provider)
            token_id = {"connection": f"logout:{provider.settings.id}", "key_hash": hashed(claims["jti"])}
            if await self._ledger.store.query(_SEEN, **token_id):
                raise SignInRefused("replayed")
        except SignInRefused as refused:
            at = self._ledger.clock.now()
            detail = {"why": refused.why, "provider": provider.settings.id}
            if self._strangers.may():
                await self._ledger.store.change([audit_row(what="logout.refused", at=at, detail=detail)])
            return _answer(400)
        except (ProviderDown, ProviderMisconfigured) as failed:
            self._log.warning("logout token not checked", provider=provider.settings.id, detail=failed.detail)
            return _answer(503)
        # Remembered last: after a crash in between, the provider's next try still ends them.
        await self._end(provider.settings.issuer, sub)
        now = self._ledger.clock.now().timestamp()
        await self._ledger.store.change([Sql(_KEEP, {**token_id, "at": now})])
        return _answer(200)

    def _check(self, claims: Mapping[str, Any], provider: Provider) -> str:
        """The subject of a token that holds (§2.6). Raises `SignInRefused`."""
        now = self._ledger.clock.now().timestamp()
        settings, aud, events = provider.settings, claims.get("aud"), claims.get("events")
        issued, expires, sub, jti = (claims.get(name) for name in ("iat", "exp", "sub", "jti"))
        if claims.get("iss") != settings.issuer:
            raise SignInRefused("iss")
        if ([aud] if isinstance(aud, str) else aud) != [settings.client_id]:
            raise SignInRefused("aud")
        if isinstance(issued, bool) or not isinstance(issued, int | float) or not now - FRESH <= issued <= now + FRESH:
            raise SignInRefused("iat")
        if expires is not None and (not isinstance(expires, int | float) or expires <= now):
            raise SignInRefused("exp")
        if not isinstance(events, Mapping) or not isinstance(events.get(EVENT), Mapping):
            raise SignInRefused("events")
        if "nonce" in claims:
            # It is there to keep an id_token from being used as this (§2.4).
            raise SignInRefused("nonce")
        if not isinstance(jti, str) or not jti:
            raise SignInRefused("jti")
        if not isinstance(sub, str) or not sub:
            raise SignInRefused("sub")
        return sub

    async def _end(self, issuer: str, sub: str) -> None:
        store, now = self._ledger.store, self._ledger.clock.now()
        for link in await store.query(_LINKS, issuer=issuer, sub=sub):
            told = await notice(store, link, now, NOTICE)
            try:
                await store.change(of_link(link, now, "signed_out"), told)
            except Conflict:
                # It was unlinked meanwhile.
                continue


def _answer(status: int) -> web.Response:
    return web.Response(status=status, headers={"Cache-Control": "no-store"})
