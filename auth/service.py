"""Identity linking as one thing, for the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from auth.identity import Identities
from auth.keys import Keys
from auth.ledger import Ledger
from auth.minter import LinkMinter
from auth.oidc import OidcProvider
from auth.outcomes import Outcomes
from auth.pages import LinkPages, Renderer, WebProof
from auth.pages.render import FOLDER
from auth.settings import AuthSettings, ProviderSettings
from auth.tokens import Tokens
from auth.transactions import Transactions
from auth.vault import Vault
from bot.errors import Conflict, SettingsError
from bot.ports import Clock, Identity, Login, Store
from bot.web.ui import serve


class Auth:
    """Builds the parts and offers what others need: `login`, `identity`, `minter`, `routes()`, `sweep()`.

    `server_keys` (32 bytes or more each) and `vault_keys` (Fernet keys): the first makes, all are recognised.
    `brand` has name, phone, logo and theme (addresses); `words` replaces texts of the pages by name.
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
        settings: AuthSettings | None = None,
        words: Mapping[str, str] | None = None,
        chat: str = "/chat",
        locale: str = "en-GB",
    ) -> None:
        if not providers:
            raise SettingsError("identity.providers is empty: without one, nobody can sign in.")
        if any(
            len(set(names)) < len(providers) for names in zip(*((one.id, one.issuer) for one in providers), strict=True)
        ):
            raise SettingsError("identity.providers: each needs its own id and issuer.")
        settings = settings or AuthSettings()
        keys = Keys(server_keys)
        self.vault = Vault(vault_keys)
        self.providers = {one.id: OidcProvider(one, clock, settings) for one in providers}
        self.ledger = Ledger(store, clock)
        self.login: Login = Transactions(keys, settings)
        self.identity: Identity = Identities(store, settings)
        self.minter = LinkMinter(store, clock, keys, public_url)
        self.tokens = Tokens(self.ledger, self.vault, self.providers)
        self._pages = LinkPages(
            ledger=self.ledger,
            outcomes=Outcomes(self.ledger, self.vault, settings),
            keys=keys,
            vault=self.vault,
            providers=self.providers,
            proof=proof,
            renderer=Renderer(brand, words=words, chat=chat, locale=locale),
            public_url=public_url,
            settings=settings,
        )

    def routes(self) -> list[web.RouteDef]:
        """The pages and their stylesheet."""
        return [*self._pages.routes(), *serve("/link-assets", FOLDER)]

    async def sweep(self, limit: int = 100) -> int:
        """End what ran out, telling its dialogs, and revoke what was unlinked. To be run every few seconds.

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
        await self.tokens.revoke_unlinked(limit)
        await self.ledger.forget_logins()
        return ended

    async def check(self) -> dict[str, str]:
        """By provider: "" if it can be used, else what is wrong and what to do."""
        return {name: await provider.problem() for name, provider in self.providers.items()}
