"""The return from a sign-in, checked step by step before it is believed (RFC 9700 §2.1, RFC 9207 §2.4)."""

from __future__ import annotations

import re
from hmac import compare_digest

from aiohttp import web

from auth.errors import SignInRefused
from auth.id_token import SignedIn
from auth.keys import hashed
from auth.ledger import Ledger, Txn
from auth.linking import Bound
from auth.outcomes import Outcomes, same_person
from auth.pages.browser import Browser
from auth.pages.legs import CARRIED, Legs
from auth.provider import Provider
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.errors import Conflict

_STATE = re.compile(r"([0-9a-f]{32})\.[A-Za-z0-9_-]{43}")


class Returns:
    """Takes a sign-in's return in two steps: whose it is, using its state up; then what it proves."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        outcomes: Outcomes,
        vault: Vault,
        legs: Legs,
        browser: Browser,
        settings: AuthSettings,
    ) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._vault = vault
        self._legs = legs
        self._browser = browser
        self._settings = settings

    async def named(self, request: web.Request) -> Txn | None:
        """The sign-in that the state names, believed or not."""
        match = _STATE.fullmatch(_one(request, "state"))
        return await self._ledger.by_id(match.group(1)) if match else None

    async def take(self, request: web.Request, provider: Provider) -> Txn:
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

    async def complete(self, request: web.Request, txn: Txn, provider: Provider, cookie: str) -> str:
        """Check the response, exchange the code, and write what it brings; the next leg's address, or "" for none.

        Raises `SignInRefused`, `ProviderDown`, `ProviderMisconfigured`, `Conflict`.
        """
        if self._ledger.clock.now().timestamp() >= txn.expires_at:
            await self._ledger.end(txn, "expired", "late", cookie=cookie)
            return ""
        if await self._browser.elsewhere(request, txn):
            raise SignInRefused("wrong_browser")
        issuer = _one(request, "iss")
        if issuer != provider.settings.issuer and (issuer or await provider.requires_iss()):
            raise SignInRefused("iss")
        error = _one(request, "error")
        if error == "access_denied":
            await self._ledger.end(txn, "declined", "sign_in", cookie=cookie)
            return ""
        code = _one(request, "code")
        if error or not code or txn.secrets is None:
            raise SignInRefused("provider_error")
        secrets = self._vault.open("login", txn.id, txn.secrets)
        max_age = self._settings.step_up_max_age if txn.purpose == "stepup" else self._settings.link_max_age
        signed_in = await provider.finish(code=code, secrets=secrets, max_age=max_age)
        if txn.purpose == "stepup":
            await self._approve(txn, signed_in, cookie)
            return ""
        carried = {name: secrets[name] for name in CARRIED if name in secrets}
        carried |= self._proof(txn, provider, signed_in)
        if following := carried.pop("next", ""):
            return await self._legs.begin(txn, self._legs.chosen(following), cookie, carried)
        return await self._link(txn, provider, signed_in, cookie, carried)

    def _proof(self, txn: Txn, provider: Provider, signed_in: SignedIn) -> dict[str, str]:
        """Whether the channel's account in this browser is the chat's. Raises `SignInRefused("wrong_account")`."""
        if provider.settings.proves != txn.channel or signed_in.account is None:
            return {}
        if not compare_digest(signed_in.account.encode(), txn.user_id.encode()):
            raise SignInRefused("wrong_account")
        return {"proven": txn.channel}

    async def _link(
        self, txn: Txn, provider: Provider, signed_in: SignedIn, cookie: str, carried: dict[str, str]
    ) -> str:
        bound = Bound(carried["social_issuer"], carried["social_sub"]) if "social_sub" in carried else None
        proven = txn.channel == "webchat" or carried.get("proven") == txn.channel
        try:
            if not proven:
                await self._outcomes.hold(txn, signed_in, bound)
                return ""
            try:
                await self._outcomes.link(txn, signed_in, cookie, bound)
            except Conflict:
                # Another sign-in of this chat or customer was written between our reading and our writing.
                await self._outcomes.link(txn, signed_in, cookie, bound)
        except SignInRefused as refused:
            if refused.why != "no_customer" or not provider.settings.social:
                raise
            # Nobody's customer yet: the page asks whether to go on to the brand's own sign-in.
            social = {"social_issuer": signed_in.issuer, "social_sub": signed_in.sub, "social_name": signed_in.name}
            await self._legs.pause(txn, {**carried, **social, "social_provider": provider.settings.id})
        return ""

    async def _approve(self, txn: Txn, signed_in: SignedIn, cookie: str) -> None:
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
