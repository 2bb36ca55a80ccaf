"""Which page a sign-in shows in the state it is in. Changes nothing but the browser's own pin cookie."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from auth.codes import shown
from auth.errors import ProviderDown, ProviderMisconfigured
from auth.keys import Keys, fresh
from auth.ledger import Ledger, Txn
from auth.outcomes import Outcomes
from auth.pages.browser import Browser
from auth.pages.legs import Legs
from auth.pages.render import Ask, Button, Renderer
from auth.provider import Provider
from bot.observe import logger

_ENDS = {
    ("done", "link"): "linked",
    ("done", "stepup"): "approved",
    ("declined", "link"): "declined",
    ("declined", "stepup"): "declined",
    ("other_person", "stepup"): "other_person",
    ("expired", "link"): "expired",
    ("expired", "stepup"): "expired",
}
_ABORTED = {"wrong_browser", "no_customer", "link_changed", "wrong_account"}
_GOOD = {"linked", "approved"}


class Views:
    """Builds the pages."""

    def __init__(
        self, *, ledger: Ledger, outcomes: Outcomes, keys: Keys, legs: Legs, browser: Browser, renderer: Renderer
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._keys = keys
        self._legs = legs
        self._browser = browser
        self._renderer = renderer
        self._log = logger("auth.pages")

    def path(self, txn: Txn) -> str:
        """Where a sign-in's page is."""
        handle = self._keys.handle_of(txn.id, txn.handle_hash)
        return f"/link/{handle}" if handle else "/chat"

    def gone(self) -> web.Response:
        """For an address that names no sign-in: there is no chat to send a new one to."""
        return self._renderer.end("gone", status=404)

    def stale(self, again: str = "", status: int = 403) -> web.Response:
        """For a form that is not from our own page in this browser, or a return that nobody waits for."""
        return self._renderer.end("stale", status=status, again=again)

    def down(self, txn: Txn, provider: Provider) -> web.Response:
        """The provider does not answer; the sign-in lives on."""
        label = provider.settings.label or provider.settings.id
        return self._renderer.end("down", status=503, again=self.path(txn), provider=label)

    def stopped(self, request: web.Request, txn: Txn, kind: str, status: int) -> web.Response:
        """An end that is not success: why, and one button that sends a fresh link into the chat that began it."""
        cookie = self._browser.cookie(request) or fresh()
        button = Button(f"{self.path(txn)}/again", self._keys.form_token(txn.id, cookie), self._renderer.word("again"))
        response = self._renderer.end(kind, status=status, button=button, channel=txn.channel, masked=txn.masked or "")
        self._browser.remember(response, cookie)
        return response

    def ended(self, request: web.Request, txn: Txn) -> web.Response:
        """How it ended, to the browser it ended in; to any other only that it is over."""
        kind = _ENDS.get((txn.state, txn.purpose), "used")
        if txn.state == "aborted":
            kind = txn.ended_why if txn.ended_why in _ABORTED else "refused"
            if kind == "link_changed" and txn.purpose == "link":
                kind = "refused"
        if txn.ended_why == "unlinked_here":
            kind = "unlinked"
        if not self._browser.pinned(request, txn):
            kind = "used"
        if kind == "unlinked":
            return self._renderer.end(kind, channel=txn.channel)
        if kind not in _GOOD:
            return self.stopped(request, txn, kind, 200 if kind == "declined" else 410)
        button = None
        if kind == "linked":
            token = self._keys.form_token(txn.id, self._browser.cookie(request))
            button = Button(f"{self.path(txn)}/unlink", token, self._renderer.word("unlink"))
        return self._renderer.end(kind, button=button, channel=txn.channel, masked=txn.masked or "")

    def sent(self, txn: Txn) -> web.Response:
        """A fresh link was sent into the chat, if that can be."""
        return self._renderer.end("sent", channel=txn.channel)

    def code(self, txn: Txn) -> web.Response | None:
        """The code of a sign-in that waits for it, or None once that has run out."""
        left = (txn.code_expires_at or 0) - self._ledger.clock.now().timestamp()
        code = self._keys.code_of(txn.id, txn.code_hash or b"")
        if left <= 0 or code is None:
            return None
        minutes = max(1, int(left // 60))
        return self._renderer.code(shown(code), masked=txn.masked or "", channel=txn.channel, minutes=minutes)

    async def ask(self, request: web.Request, txn: Txn) -> web.Response:
        """What is asked: to connect, to bind, or to approve one action."""
        cookie = self._browser.cookie(request) or fresh()
        paused = self._legs.paused(txn) if self._browser.pinned(request, txn) else None
        yes, providers = "ask.yes", self._legs.offered()
        if txn.purpose == "stepup":
            link = await self._outcomes.linked(txn)
            approver = self._legs.approver(link) if link else None
            if link is None or approver is None:
                return self.stopped(request, txn, "link_changed", 410)
            providers = [approver]
            where = approver.settings
            known = await self._outcomes.fresh_login(link, cookie, where.issuer, where.acr_values)
            yes = "approve.yes" if known else "approve.sign_in"
        elif paused is not None:
            providers = [self._legs.brand()]
        reached, origins = await self._reached(providers)
        if not reached:
            return self.down(txn, providers[0])
        kind, field, offered = "ask" if txn.purpose == "link" else "approve", "provider", self._offered(reached)
        social = self._legs.chosen(paused["social_provider"]).settings if paused is not None else None
        if social is not None:
            kind, field = "bind", "bind"
            label = social.label or social.kind.capitalize()
            words = [("yes", "bind.yes"), ("no", "bind.once")]
            offered = [(value, self._renderer.word(word, provider=label)) for value, word in words]
        ask = Ask(
            kind=kind,
            action=self.path(txn),
            token=self._keys.form_token(txn.id, cookie),
            yes=yes,
            providers=offered,
            ago=self._renderer.ago(self._ledger.clock.now().timestamp() - txn.created_at),
            shown=txn.shown or "",
            field=field,
            channel=txn.channel,
            provider=(social or reached[0].settings).label or reached[0].settings.id,
            name=paused["social_name"] if paused is not None else "",
            hint=request.query.get("account_linking_token", "")[:512],
        )
        response = self._renderer.ask(ask, form_origins=origins)
        self._browser.remember(response, cookie)
        return response

    def _offered(self, reached: Sequence[Provider]) -> list[tuple[str, str]]:
        labels = [(one.settings.id, one.settings.label or one.settings.id) for one in reached]
        return [(value, self._renderer.with_provider(label)) for value, label in labels]

    async def _reached(self, providers: Sequence[Provider]) -> tuple[list[Provider], list[str]]:
        """Those that answer, and where their forms lead. A leg may lead on to any of the others."""
        reached: list[Provider] = []
        origins: list[str] = []
        for provider in providers:
            try:
                origins += await provider.form_origins()
                reached.append(provider)
            except (ProviderDown, ProviderMisconfigured) as failed:
                self._log.error("provider left out", provider=provider.settings.id, detail=failed.detail)
        return reached, origins
