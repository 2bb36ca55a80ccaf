"""The pages' requests: open, decide, return from the sign-in. A GET changes nothing; every end is written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest

from aiohttp import web

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused, VaultBroken
from auth.keys import Keys, hashed
from auth.ledger import End, Ledger, Txn
from auth.outcomes import Outcomes
from auth.pages.afterwards import Afterwards
from auth.pages.browser import Browser
from auth.pages.legs import Legs, redirect
from auth.pages.proof import Hint, WebProof
from auth.pages.render import Renderer
from auth.pages.returns import Returns
from auth.pages.views import Views
from auth.provider import Provider
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.errors import Conflict
from bot.observe import logger
from bot.web import form

PAGES = frozenset({"link", "link_decide", "link_callback", "link_again", "link_unlink"})
"""The routes, by name: what anybody may ask who has seen an address."""

HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")


class LinkPages:
    """Serves `/link/<handle>` and the sign-in's return address."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        outcomes: Outcomes,
        keys: Keys,
        vault: Vault,
        providers: Mapping[str, Provider],
        proof: WebProof,
        hints: Mapping[str, Hint],
        renderer: Renderer,
        public_url: str,
        settings: AuthSettings,
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._keys = keys
        self._providers = providers
        self._hints = hints
        browser = self._browser = Browser(public_url, proof)
        legs = self._legs = Legs(
            ledger=ledger, vault=vault, providers=providers, public_url=public_url, settings=settings
        )
        self._views = Views(ledger=ledger, outcomes=outcomes, keys=keys, legs=legs, browser=browser, renderer=renderer)
        self._returns = Returns(
            ledger=ledger, outcomes=outcomes, vault=vault, legs=legs, browser=browser, settings=settings
        )
        self._afterwards = Afterwards(ledger=ledger, keys=keys, browser=browser, views=self._views)
        self._log = logger("auth.pages")

    def routes(self) -> list[web.RouteDef]:
        """The routes, for the composition root."""
        return [
            web.get("/link/{handle}", self.show, name="link"),
            web.post("/link/{handle}", self.decide, name="link_decide"),
            web.get("/link/callback/{provider}", self.returned, name="link_callback"),
            web.post("/link/{handle}/again", self.again, name="link_again"),
            web.post("/link/{handle}/unlink", self.unlink, name="link_unlink"),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what is asked, or how it ended. Changes nothing, so that a preview robot uses nothing up."""
        txn = await self._txn(request)
        if txn is None:
            return self._views.gone()
        if txn.ended_at is not None:
            return self._views.ended(request, txn)
        if self._expired(txn):
            return self._views.stopped(request, txn, "expired", 410)
        if await self._browser.of_another(request, txn):
            await self._ledger.refused(txn, "wrong_browser")
        pinned = self._browser.pinned(request, txn)
        if await self._browser.elsewhere(request, txn) or (txn.cookie_hash and not pinned):
            return self._views.stopped(request, txn, "wrong_browser", 403)
        if txn.state == "authenticated":
            return self._views.code(txn) or self._views.stopped(request, txn, "expired", 410)
        return await self._views.ask(request, txn)

    async def decide(self, request: web.Request) -> web.Response:
        """Yes or no, from our own form in the browser that chats."""
        txn = await self._txn(request)
        if txn is None:
            return self._views.gone()
        here = self._views.path(txn)
        if txn.ended_at is not None:
            await self._ledger.refused(txn, "ended")
            raise web.HTTPSeeOther(here)
        if self._expired(txn):
            await self._stop(txn, "expired", "late", None)
            return self._views.stopped(request, txn, "expired", 410)
        if await self._browser.elsewhere(request, txn):
            await self._stop(txn, "aborted", "wrong_browser", None)
            return self._views.stopped(request, txn, "wrong_browser", 403)
        posted = await form(request)
        cookie = self._browser.cookie(request)
        token = str(posted.get("token", ""))
        if not (cookie and self._browser.same_site(request) and self._keys.form_token_fits(token, txn.id, cookie)):
            await self._ledger.refused(txn, "form")
            return self._views.stale(here)
        if txn.cookie_hash and not compare_digest(hashed(cookie), txn.cookie_hash):
            await self._ledger.refused(txn, "second_browser")
            return self._views.stopped(request, txn, "wrong_browser", 403)
        if txn.state == "authenticated":
            raise web.HTTPSeeOther(here)
        if posted.get("act") == "no":
            await self._stop(txn, "declined", "declined", cookie)
            raise web.HTTPSeeOther(here)
        if await self._contradicted(txn, str(posted.get("hint", ""))):
            await self._stop(txn, "aborted", "wrong_account", cookie)
            raise web.HTTPSeeOther(here)
        return await self._yes(request, txn, cookie, str(posted.get("provider", "")), str(posted.get("bind", "")))

    async def returned(self, request: web.Request) -> web.Response:
        """Back from the sign-in (RFC 6749 §4.1.2)."""
        provider = self._providers.get(request.match_info["provider"])
        if provider is None:
            return self._views.gone()
        try:
            txn = await self._returns.take(request, provider)
        except SignInRefused as refused:
            return await self._strange(request, refused)
        cookie = self._browser.cookie(request)
        try:
            address = await self._returns.complete(request, txn, provider, cookie)
            if address:
                response = redirect(address)
                self._browser.remember(response, cookie)
                return response
        except SignInRefused as refused:
            await self._stop(txn, "aborted", refused.why, cookie)
        except VaultBroken:
            await self._stop(txn, "aborted", "sealed", cookie)
        except (ProviderDown, ProviderMisconfigured) as failed:
            return await self._unreached(txn, provider, failed)
        except Conflict:
            # Ended elsewhere meanwhile, or the link changed under it; the first is shown as it ended.
            await self._stop(txn, "aborted", "link_changed", cookie)
        raise web.HTTPSeeOther(self._views.path(txn))

    async def again(self, request: web.Request) -> web.Response:
        """Send a fresh link into the chat that began this one."""
        txn = await self._txn(request)
        return self._views.gone() if txn is None else await self._afterwards.again(request, txn)

    async def unlink(self, request: web.Request) -> web.Response:
        """Undo the link that was just made, from the page that says so."""
        txn = await self._txn(request)
        return self._views.gone() if txn is None else await self._afterwards.unlink(request, txn)

    async def _yes(self, request: web.Request, txn: Txn, cookie: str, chosen: str, bind: str) -> web.Response:
        provider: Provider | None = self._legs.chosen(chosen)
        try:
            if txn.purpose == "stepup":
                link = await self._outcomes.linked(txn)
                provider = self._legs.approver(link) if link else None
                if link is None or provider is None:
                    raise Conflict
                where = provider.settings
                if await self._outcomes.fresh_login(link, cookie, where.issuer, where.acr_values):
                    await self._outcomes.approve(txn, link, cookie, None)
                    raise web.HTTPSeeOther(self._views.path(txn))
        except Conflict:
            await self._stop(txn, "aborted", "link_changed", cookie)
            raise web.HTTPSeeOther(self._views.path(txn)) from None
        assert provider is not None
        try:
            paused = self._legs.paused(txn)
            if txn.purpose == "stepup":
                address = await self._legs.begin(txn, provider, cookie, {})
            elif paused is not None:
                kept = ("proven", "social_issuer", "social_sub") if bind == "yes" else ("proven",)
                carried = {name: paused[name] for name in kept if name in paused}
                provider = self._legs.brand()
                address = await self._legs.begin(txn, provider, cookie, carried)
            else:
                address = await self._legs.start(txn, provider, cookie)
        except (ProviderDown, ProviderMisconfigured) as failed:
            return await self._unreached(txn, provider, failed)
        except Conflict:
            await self._ledger.refused(txn, "second_browser")
            return self._views.stopped(request, txn, "wrong_browser", 403)
        response = redirect(address)
        self._browser.remember(response, cookie)
        return response

    async def _contradicted(self, txn: Txn, hint: str) -> bool:
        """Whether the channel's own app says that another of its accounts is here. Its silence proves nothing."""
        asked = self._hints.get(txn.channel)
        if asked is None or not hint:
            return False
        user = await asked.user_of(hint)
        return user is not None and user != txn.user_id

    async def _strange(self, request: web.Request, refused: SignInRefused) -> web.Response:
        known = await self._returns.named(request)
        await self._ledger.refused(known, refused.why)
        if known and known.ended_at is not None and self._browser.pinned(request, known):
            raise web.HTTPSeeOther(self._views.path(known))
        if known and refused.why == "cookie":
            return self._views.stopped(request, known, "wrong_browser", 400)
        return self._views.stale(status=400)

    async def _unreached(self, txn: Txn, provider: Provider, failed: Exception) -> web.Response:
        kind = "provider_down" if isinstance(failed, ProviderDown) else "provider_misconfigured"
        detail = getattr(failed, "detail", "")
        self._log.error(kind.replace("_", " "), provider=provider.settings.id, detail=detail)
        await self._ledger.refused(txn, kind)
        return self._views.down(txn, provider)

    async def _stop(self, txn: Txn, state: End, why: str, cookie: str | None) -> None:
        try:
            await self._ledger.end(txn, state, why, cookie=cookie)
        except Conflict:
            # It has ended meanwhile, and the dialog was told how.
            await self._ledger.refused(txn, "ended")

    def _expired(self, txn: Txn) -> bool:
        return self._ledger.clock.now().timestamp() >= txn.expires_at

    async def _txn(self, request: web.Request) -> Txn | None:
        handle = request.match_info["handle"]
        return await self._ledger.by_handle(handle) if HANDLE.fullmatch(handle) else None
