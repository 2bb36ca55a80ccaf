"""The pages' requests: open, decide, return from the sign-in. A GET changes nothing; every end is written once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest

from aiohttp import web

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused
from auth.keys import Keys, fresh, hashed
from auth.ledger import End, Ledger, Txn
from auth.oidc import OidcProvider
from auth.outcomes import Outcomes
from auth.pages.browser import Browser
from auth.pages.proof import WebProof
from auth.pages.render import Ask, Renderer
from auth.pages.returns import Returns
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.errors import Conflict
from bot.observe import logger

HANDLE = re.compile(r"[A-Za-z0-9_-]{43}")

_ENDS = {
    ("done", "link"): "linked",
    ("done", "stepup"): "approved",
    ("declined", "link"): "declined",
    ("declined", "stepup"): "declined",
    ("other_person", "stepup"): "other_person",
    ("expired", "link"): "expired",
    ("expired", "stepup"): "expired",
}
_ABORTED = {"wrong_browser", "no_customer", "link_changed"}


class LinkPages:
    """Serves `/link/<handle>` and the sign-in's return address."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        outcomes: Outcomes,
        keys: Keys,
        vault: Vault,
        providers: Mapping[str, OidcProvider],
        proof: WebProof,
        renderer: Renderer,
        public_url: str,
        settings: AuthSettings,
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._keys = keys
        self._vault = vault
        self._providers = providers
        self._renderer = renderer
        self._public_url = public_url.rstrip("/")
        self._settings = settings
        self._browser = Browser(public_url, proof)
        self._returns = Returns(ledger=ledger, outcomes=outcomes, vault=vault, browser=self._browser, settings=settings)
        self._log = logger("auth.pages")

    def routes(self) -> list[web.RouteDef]:
        """The routes, for the composition root."""
        return [
            web.get("/link/{handle}", self.show, name="link"),
            web.post("/link/{handle}", self.decide, name="link_decide"),
            web.get("/link/callback/{provider}", self.returned, name="link_callback"),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show what is asked, or how it ended. Changes nothing, so that a preview robot uses nothing up."""
        txn = await self._txn(request)
        if txn is None:
            return self._renderer.end("gone", status=404)
        if txn.ended_at is not None:
            return self._ended(txn, pinned=self._browser.pinned(request, txn))
        if self._expired(txn):
            return self._renderer.end("expired", status=410, channel=txn.channel)
        proven = await self._browser.proven(request, txn)
        if not proven or (txn.cookie_hash and not self._browser.pinned(request, txn)):
            if proven is False:
                await self._ledger.refused(txn, "wrong_browser")
            return self._renderer.end("wrong_browser", status=403)
        return await self._ask(request, txn)

    async def decide(self, request: web.Request) -> web.Response:
        """Yes or no, from our own form in the browser that chats."""
        txn = await self._txn(request)
        if txn is None:
            return self._renderer.end("gone", status=404)
        here = self._path(txn)
        if txn.ended_at is not None:
            await self._ledger.refused(txn, "ended")
            raise web.HTTPSeeOther(here)
        if self._expired(txn):
            await self._stop(txn, "expired", "late", None)
            return self._renderer.end("expired", status=410, channel=txn.channel)
        if not await self._browser.proven(request, txn):
            await self._stop(txn, "aborted", "wrong_browser", None)
            return self._renderer.end("wrong_browser", status=403)
        form = await request.post()
        cookie = self._browser.cookie(request)
        token = str(form.get("token", ""))
        if not (cookie and self._browser.same_site(request) and self._keys.form_token_fits(token, txn.id, cookie)):
            await self._ledger.refused(txn, "form")
            return self._renderer.end("stale", status=403, again=here)
        if txn.cookie_hash and not compare_digest(hashed(cookie), txn.cookie_hash):
            await self._ledger.refused(txn, "second_browser")
            return self._renderer.end("wrong_browser", status=403)
        if form.get("act") == "no":
            await self._stop(txn, "declined", "declined", cookie)
            raise web.HTTPSeeOther(here)
        return await self._yes(txn, cookie, str(form.get("provider", "")))

    async def returned(self, request: web.Request) -> web.Response:
        """Back from the sign-in (RFC 6749 §4.1.2)."""
        provider = self._providers.get(request.match_info["provider"])
        if provider is None:
            return self._renderer.end("gone", status=404)
        try:
            txn = await self._returns.take(request, provider)
        except SignInRefused as refused:
            known = await self._returns.named(request)
            await self._ledger.refused(known, refused.why)
            if known and known.ended_at is not None and self._browser.pinned(request, known):
                raise web.HTTPSeeOther(self._path(known)) from None
            kind = "wrong_browser" if refused.why == "cookie" else "stale"
            return self._renderer.end(kind, status=400)
        cookie = self._browser.cookie(request)
        try:
            await self._returns.complete(request, txn, provider, cookie)
        except SignInRefused as refused:
            await self._stop(txn, "aborted", refused.why, cookie)
        except ProviderDown as down:
            self._log.warning("provider does not answer", provider=provider.settings.id, detail=down.detail)
            await self._ledger.refused(txn, "provider_down")
            return self._down(txn, provider)
        except ProviderMisconfigured as wrong:
            self._log.error("provider misconfigured", provider=provider.settings.id, detail=wrong.detail)
            await self._ledger.refused(txn, "provider_misconfigured")
            return self._down(txn, provider)
        except Conflict:
            # Ended elsewhere meanwhile, or the link changed under it; the first is shown as it ended.
            await self._stop(txn, "aborted", "link_changed", cookie)
        raise web.HTTPSeeOther(self._path(txn))

    async def _ask(self, request: web.Request, txn: Txn) -> web.Response:
        cookie = self._browser.cookie(request) or fresh()
        yes, providers = "ask.yes", list(self._providers.values())
        if txn.purpose == "stepup":
            link = await self._outcomes.linked(txn)
            provider = self._of(link.issuer) if link else None
            if link is None or provider is None:
                return self._renderer.end("link_changed", status=410)
            providers = [provider]
            known = await self._outcomes.fresh_login(link, cookie, provider.settings.acr_values)
            yes = "approve.yes" if known else "approve.sign_in"
        reached: list[OidcProvider] = []
        origins: list[str] = []
        for provider in providers:
            try:
                origins += await provider.form_origins()
                reached.append(provider)
            except (ProviderDown, ProviderMisconfigured) as failed:
                self._log.error("provider left out", provider=provider.settings.id, detail=failed.detail)
        if not reached:
            return self._down(txn, providers[0])
        ask = Ask(
            kind="ask" if txn.purpose == "link" else "approve",
            action=self._path(txn),
            token=self._keys.form_token(txn.id, cookie),
            yes=yes,
            providers=[(one.settings.id, one.settings.label or one.settings.id) for one in reached],
            ago=self._renderer.ago(self._ledger.clock.now().timestamp() - txn.created_at),
            shown=txn.shown or "",
        )
        response = self._renderer.ask(ask, form_origins=origins)
        self._browser.remember(response, cookie)
        return response

    async def _yes(self, txn: Txn, cookie: str, chosen: str) -> web.Response:
        provider: OidcProvider | None = self._providers.get(chosen) or next(iter(self._providers.values()))
        max_age = self._settings.link_max_age
        if txn.purpose == "stepup":
            max_age = self._settings.step_up_max_age
            link = await self._outcomes.linked(txn)
            provider = self._of(link.issuer) if link else None
            if link is None or provider is None:
                await self._stop(txn, "aborted", "link_changed", cookie)
                raise web.HTTPSeeOther(self._path(txn))
            if await self._outcomes.fresh_login(link, cookie, provider.settings.acr_values):
                try:
                    await self._outcomes.approve(txn, link, cookie, None)
                except Conflict:
                    await self._stop(txn, "aborted", "link_changed", cookie)
                raise web.HTTPSeeOther(self._path(txn))
        assert provider is not None
        state = f"{txn.id}.{fresh()}"
        try:
            address, secrets = await provider.begin(
                redirect_uri=f"{self._public_url}/link/callback/{provider.settings.id}", state=state, max_age=max_age
            )
        except (ProviderDown, ProviderMisconfigured) as failed:
            self._log.error("provider cannot be used", provider=provider.settings.id, detail=failed.detail)
            return self._down(txn, provider)
        try:
            await self._ledger.start(
                txn,
                provider=provider.settings.id,
                issuer=provider.settings.issuer,
                cookie=cookie,
                state=state,
                secrets=self._vault.seal("login", txn.id, secrets),
            )
        except Conflict:
            await self._ledger.refused(txn, "second_browser")
            return self._renderer.end("wrong_browser", status=403)
        response = web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
        self._browser.remember(response, cookie)
        return response

    async def _stop(self, txn: Txn, state: End, why: str, cookie: str | None) -> None:
        try:
            await self._ledger.end(txn, state, why, cookie=cookie)
        except Conflict:
            # It has ended meanwhile, and the dialog was told how.
            await self._ledger.refused(txn, "ended")

    def _ended(self, txn: Txn, *, pinned: bool) -> web.Response:
        kind = _ENDS.get((txn.state, txn.purpose), "used")
        if txn.state == "aborted":
            kind = txn.ended_why if txn.ended_why in _ABORTED else "refused"
        if not pinned:
            kind = "used"
        good = kind in ("linked", "approved", "declined")
        return self._renderer.end(kind, status=200 if good else 410, channel=txn.channel, masked=txn.masked or "")

    def _down(self, txn: Txn, provider: OidcProvider) -> web.Response:
        label = provider.settings.label or provider.settings.id
        return self._renderer.end("down", status=503, again=self._path(txn), provider=label)

    def _of(self, issuer: str) -> OidcProvider | None:
        return next((one for one in self._providers.values() if one.settings.issuer == issuer), None)

    def _path(self, txn: Txn) -> str:
        handle = self._keys.handle_of(txn.id, txn.handle_hash)
        return f"/link/{handle}" if handle else "/chat"

    def _expired(self, txn: Txn) -> bool:
        return self._ledger.clock.now().timestamp() >= txn.expires_at

    async def _txn(self, request: web.Request) -> Txn | None:
        handle = request.match_info["handle"]
        return await self._ledger.by_handle(handle) if HANDLE.fullmatch(handle) else None
