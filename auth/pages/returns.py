"""The return from a sign-in, checked step by step before it is believed (RFC 9700 §2.1, RFC 9207 §2.4)."""

from __future__ import annotations

import re
from hmac import compare_digest

from aiohttp import web

from auth.errors import SignInRefused
from auth.keys import hashed
from auth.ledger import Ledger, Txn
from auth.oidc import OidcProvider
from auth.outcomes import Outcomes, same_person
from auth.pages.browser import Browser
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.errors import Conflict

_STATE = re.compile(r"([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")


class Returns:
    """Takes a sign-in's return in two steps: whose it is, using its state up; then what it proves."""

    def __init__(
        self, *, ledger: Ledger, outcomes: Outcomes, vault: Vault, browser: Browser, settings: AuthSettings
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._vault = vault
        self._browser = browser
        self._settings = settings

    async def named(self, request: web.Request) -> Txn | None:
        """The sign-in that the state names, believed or not."""
        match = _STATE.fullmatch(_one(request, "state"))
        return await self._ledger.by_id(match.group(1)) if match else None

    async def take(self, request: web.Request, provider: OidcProvider) -> Txn:
        """The sign-in this return belongs to; its state is used up whatever comes of it. Raises `SignInRefused`."""
        txn = await self.named(request)
        state = _one(request, "state")
        if txn is None or txn.state_hash is None or not compare_digest(hashed(state), txn.state_hash):
            raise SignInRefused("state")
        try:
            await self._ledger.take_state(txn, state)
        except Conflict:
            raise SignInRefused("state") from None
        if not self._browser.pinned(request, txn):
            raise SignInRefused("cookie")
        if txn.provider != provider.settings.id:
            raise SignInRefused("provider")
        return txn

    async def complete(self, request: web.Request, txn: Txn, provider: OidcProvider, cookie: str) -> None:
        """Check the response, exchange the code, and write what it brings.

        Raises `SignInRefused`, `ProviderDown`, `ProviderMisconfigured`, `Conflict`.
        """
        if self._ledger.clock.now().timestamp() >= txn.expires_at:
            await self._ledger.end(txn, "expired", "late", cookie=cookie)
            return
        if not await self._browser.proven(request, txn):
            raise SignInRefused("wrong_browser")
        issuer = _one(request, "iss")
        if issuer != provider.settings.issuer and (issuer or await provider.requires_iss()):
            raise SignInRefused("iss")
        error = _one(request, "error")
        if error == "access_denied":
            await self._ledger.end(txn, "declined", "sign_in", cookie=cookie)
            return
        code = _one(request, "code")
        if error or not code or txn.secrets is None:
            raise SignInRefused("provider_error")
        max_age = self._settings.step_up_max_age if txn.purpose == "stepup" else self._settings.link_max_age
        signed_in = await provider.finish(
            code=code, secrets=self._vault.open("login", txn.id, txn.secrets), max_age=max_age
        )
        if txn.purpose == "link":
            try:
                await self._outcomes.link(txn, signed_in, cookie)
            except Conflict:
                # Another sign-in of this chat or customer was written between our reading and our writing.
                await self._outcomes.link(txn, signed_in, cookie)
            return
        link = await self._outcomes.linked(txn)
        if link is None:
            raise SignInRefused("link_changed")
        if not same_person(link, signed_in):
            await self._ledger.end(txn, "other_person", "other_person", cookie=cookie)
            return
        await self._outcomes.approve(txn, link, cookie, signed_in)


def _one(request: web.Request, name: str) -> str:
    values = request.query.getall(name, [])
    # Twice the same parameter is not a response of ours (RFC 6749 §3.1).
    return values[0] if len(values) == 1 else ""
