"""Which provider a sign-in goes to, and in which order, where it takes more than one.

A sign-in has up to three legs: one that proves which of the channel's accounts is in this browser, one at the provider
that was chosen, and, where that one knows no customer, one at the brand's own. What a leg has shown is carried sealed.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from auth.errors import ProviderDown, ProviderMisconfigured
from auth.keys import fresh
from auth.ledger import Ledger, Txn
from auth.outcomes import Linked
from auth.provider import Provider
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.observe import logger

CARRIED = ("proven", "next", "social_issuer", "social_sub")
"""What one leg leaves for the next: the channel proven, the provider to go on to, the social identity to bind."""


class Legs:
    """Picks providers and sends the browser to them."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        vault: Vault,
        providers: Mapping[str, Provider],
        public_url: str,
        settings: AuthSettings,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._providers = providers
        self._public_url = public_url.rstrip("/")
        self._settings = settings
        self._log = logger("auth.pages")

    def brand(self) -> Provider:
        """The brand's own sign-in."""
        return next(one for one in self._providers.values() if not one.settings.social)

    def chosen(self, name: str) -> Provider:
        """The provider the customer chose, or the brand's own."""
        return self._providers.get(name) or self.brand()

    def offered(self) -> list[Provider]:
        """The providers a link can be made through."""
        return list(self._providers.values())

    def approver(self, link: Linked) -> Provider | None:
        """Where an approval under this link signs in: where it was linked if that may approve, else the brand's own."""
        where = next((one for one in self._providers.values() if one.settings.issuer == link.issuer), None)
        if where is None or where.settings.approves:
            return where
        return self.brand()

    async def start(self, txn: Txn, chosen: Provider, cookie: str) -> str:
        """The address a link's sign-in begins at. Raises as `begin`."""
        prover = next(
            (one for one in self._providers.values() if txn.channel and one.settings.proves == txn.channel), None
        )
        if prover is not None and prover is not chosen and prover.settings.kind != "facebook":
            try:
                return await self.begin(txn, prover, cookie, {"next": chosen.settings.id})
            except (ProviderDown, ProviderMisconfigured) as failed:
                # Without the proof the chat is asked for a code instead.
                self._log.warning("no proof of the channel", provider=prover.settings.id, detail=failed.detail)
        return await self.begin(txn, chosen, cookie, {})

    async def begin(self, txn: Txn, provider: Provider, cookie: str, carried: Mapping[str, str]) -> str:
        """The address of one leg, pinned to this browser.

        Raises `ProviderDown`, `ProviderMisconfigured`; `Conflict` for a second browser.
        """
        approving = txn.purpose == "stepup"
        state = f"{txn.id}.{fresh()}"
        address, secrets = await provider.begin(
            redirect_uri=f"{self._public_url}/link/callback/{provider.settings.id}",
            state=state,
            max_age=self._settings.step_up_max_age if approving else self._settings.link_max_age,
        )
        await self._ledger.start(
            txn,
            provider=provider.settings.id,
            issuer=provider.settings.issuer,
            cookie=cookie,
            state=state,
            secrets=self._vault.seal("login", txn.id, {**secrets, **carried}),
        )
        return address

    async def pause(self, txn: Txn, carried: Mapping[str, str]) -> None:
        """Keep what was shown so far until the customer goes on from our page. Raises `Conflict`."""
        await self._ledger.pause(txn, self._vault.seal("paused", txn.id, carried))

    def paused(self, txn: Txn) -> dict[str, str] | None:
        """What a paused sign-in has shown, or None where it is not paused."""
        if txn.state != "started" or txn.state_hash is not None or txn.secrets is None or txn.ended_at is not None:
            return None
        return self._vault.open("paused", txn.id, txn.secrets)


def redirect(address: str) -> web.Response:
    """A sign-in's address, followed by GET and remembered by nobody."""
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
