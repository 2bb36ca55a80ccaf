"""Identity linking as one thing, for the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiohttp import web

from auth.facebook import Facebook
from auth.identity import Identities
from auth.keys import Keys
from auth.ledger import Ledger
from auth.logout import Logouts
from auth.minter import LinkMinter
from auth.oidc import OidcProvider
from auth.outcomes import Outcomes
from auth.pages import Hint, LinkPages, Renderer, WebProof
from auth.pages.render import FOLDER
from auth.provider import Provider
from auth.redemption import Redemption
from auth.settings import AuthSettings, ProviderSettings
from auth.tokens import Tokens
from auth.transactions import Transactions
from auth.vault import Vault
from bot.errors import Conflict, SettingsError
from bot.ports import Clock, Identity, Login, Redactor, Store
from bot.web.ui import serve


class Auth:
    """Builds the parts and offers what others need: `login`, `identity`, `minter`, `redactor`, `routes()`, `sweep()`.

    `server_keys` (32 bytes or more each) and `vault_keys` (Fernet keys): the first makes, all are recognised.
    `hints`: by channel, what its own app says of the account in it. `brand` has name, phone, logo and theme
    (addresses); `words` replaces texts of the pages by name.
    """

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        providers: Sequence[ProviderSettings],
        server_keys: Sequence[bytes],
        vault_keys: Sequence[str | bytes],
        public_url: str,
        brand: Mapping[str, str],
        proof: WebProof,
        hints: Mapping[str, Hint] | None = None,
        settings: AuthSettings | None = None,
        words: Mapping[str, str] | None = None,
        chat: str = "/chat",
        locale: str = "en-GB",
    ) -> None:
        if all(one.social for one in providers):
            raise SettingsError("identity.providers has none of kind oidc: without one, nobody is a customer.")
        if any(
            len(set(names)) < len(providers) for names in zip(*((one.id, one.issuer) for one in providers), strict=True)
        ):
            raise SettingsError("identity.providers: each needs its own id and issuer.")
        settings = settings or AuthSettings()
        keys = Keys(server_keys)
        self.vault = Vault(vault_keys)
        self.providers: dict[str, Provider] = {
            one.id: Facebook(one, clock) if one.kind == "facebook" else OidcProvider(one, clock, settings)
            for one in providers
        }
        self.ledger = Ledger(store, clock)
        self.login: Login = Transactions(store, keys, settings)
        self.identity: Identity = Identities(store, settings)
        self.minter = LinkMinter(store, clock, keys, public_url)
        self.tokens = Tokens(self.ledger, self.vault, self.providers, settings.refresh)
        outcomes = Outcomes(self.ledger, self.vault, keys, settings)
        self.redactor: Redactor = Redemption(self.ledger, outcomes, keys, settings)
        self._logouts = Logouts(self.ledger, self.providers)
        self._kept = timedelta(seconds=settings.kept)
        self._pages = LinkPages(
            ledger=self.ledger,
            outcomes=outcomes,
            keys=keys,
            vault=self.vault,
            providers=self.providers,
            proof=proof,
            hints={} if hints is None else hints,
            renderer=Renderer(brand, words=words, chat=chat, locale=locale),
            public_url=public_url,
            settings=settings,
        )

    def routes(self) -> list[web.RouteDef]:
        """The pages, their stylesheet, and where providers say that somebody has signed out."""
        return [*self._logouts.routes(), *self._pages.routes(), *serve("/link-assets", FOLDER)]

    async def sweep(self, limit: int = 100) -> int:
        """End what ran out, telling its dialogs; turn in refresh tokens; revoke what was unlinked; forget what is old.

        To be run every few seconds.
        Returns how many sign-ins it ended. Safe in several processes at once.
        """
        ended = 0
        for txn in await self.ledger.overdue(self.ledger.clock.now(), limit):
            try:
                await self.ledger.end(txn, "expired", "late")
                ended += 1
            except Conflict:
                # Another process, or the customer, was first.
                continue
        await self.tokens.refresh_due()
        await self.tokens.revoke_unlinked(limit)
        await self.ledger.forget_logins()
        await self.ledger.forget(self.ledger.clock.now() - self._kept, limit)
        return ended

    async def check(self) -> dict[str, str]:
        """By provider: "" if it can be used, else what is wrong and what to do."""
        return {name: await provider.problem() for name, provider in self.providers.items()}
