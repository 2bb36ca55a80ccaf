"""Refresh tokens: kept sealed, turned in by one worker at a time, revoked when a link ends."""

from __future__ import annotations

from collections.abc import Mapping

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused, TokenRevoked, VaultBroken
from auth.ledger import Ledger
from auth.provider import Provider
from auth.revocation import notice, of_link
from auth.vault import Vault
from bot.audit import audit_row
from bot.errors import Conflict
from bot.ports import Sql

_HELD = "SELECT ciphertext FROM token_blob WHERE link = :link AND kind = 'refresh'"
_OWNER = "SELECT id, issuer, person, connection, user_id FROM identity_link WHERE id = :link"
_DUE = """
SELECT link FROM token_blob WHERE kind = 'refresh' AND expires_at <= :now ORDER BY expires_at LIMIT {limit}"""
_LATER = "UPDATE token_blob SET expires_at = :at WHERE link = :link AND kind = 'refresh'"
_LOCK = """
UPDATE token_blob SET held = :until
WHERE link = :link AND kind = 'refresh' AND (held IS NULL OR held < :database_now)"""
_RENEWED = """
UPDATE token_blob SET ciphertext = :sealed, held = NULL, expires_at = :turn_in
WHERE link = :link AND kind = 'refresh' AND held = :until"""
_RELEASE = "UPDATE token_blob SET held = NULL WHERE link = :link AND kind = 'refresh' AND held = :until"
_DROP = "DELETE FROM token_blob WHERE link = :link AND kind = :kind"
_UNLINKED = """
SELECT t.link, t.ciphertext, l.issuer FROM token_blob t JOIN identity_link l ON l.id = t.link
WHERE t.kind = 'revoke' LIMIT {limit}"""
_ALL = "SELECT link, kind, ciphertext FROM token_blob ORDER BY link, kind"
_RESEAL = """
UPDATE token_blob SET ciphertext = :new WHERE link = :link AND kind = :kind AND ciphertext = :old"""

LOCK = 30.0
"""Seconds one worker may take to turn a token in."""
RETRY = 600.0
"""Seconds after which a provider that did not answer is asked again."""
NOTICE = "host.unlinked-by-provider"
"""What the customer is told when the provider no longer stands by the login."""


class Tokens:
    """Reads and writes `token_blob`. A token leaves this class only towards its provider."""

    def __init__(self, ledger: Ledger, vault: Vault, providers: Mapping[str, Provider], every: float) -> None:
        self._ledger = ledger
        self._every = every
        self._vault = vault
        self._providers = providers

    async def refresh(self, link: str) -> bool:
        """Turn the link's token in for the next. False where another worker is at it, or the link has none.

        Raises `TokenRevoked` after revoking the link, where the provider no longer honours the token (it was used
        twice, or withdrawn there); `ProviderDown` where it does not answer.
        """
        store = self._ledger.store
        started = await store.database_now()
        lock = {"link": link, "until": started + LOCK, "database_now": started}
        try:
            await store.change([Sql(_LOCK, lock, rows=1)])
        except Conflict:
            return False
        held = (await store.query(_HELD, link=link))[0]["ciphertext"]
        owner = (await store.query(_OWNER, link=link))[0]
        provider = self._of(owner["issuer"])
        mine = {"link": link, "until": lock["until"]}
        try:
            token = self._vault.open("refresh", link, held)["token"]
            if provider is None:
                raise ProviderMisconfigured(f"No provider is configured for {owner['issuer']}.")
            renewed = await provider.refresh(token)
        except (TokenRevoked, VaultBroken) as gone:
            await self._end(link, owner, type(gone).__name__)
            raise TokenRevoked from None
        except (ProviderDown, ProviderMisconfigured, SignInRefused):
            await store.change([Sql(_RELEASE, mine)])
            raise
        sealed = self._vault.seal("refresh", link, {"token": renewed})
        turn_in = self._ledger.clock.now().timestamp() + self._every
        await store.change([Sql(_RENEWED, {**mine, "sealed": sealed, "turn_in": turn_in}, rows=1)])
        return True

    async def refresh_due(self, limit: int = 20) -> int:
        """Turn in the tokens whose time has come; returns how many links it ended. For a sweep."""
        store, now, ended = self._ledger.store, self._ledger.clock.now().timestamp(), 0
        for row in await store.query(_DUE.format(limit=int(limit)), now=now):
            try:
                await self.refresh(row["link"])
            except TokenRevoked:
                ended += 1
            except (ProviderDown, ProviderMisconfigured, SignInRefused):
                # Nothing was proven against the link; it is asked again later.
                await store.change([Sql(_LATER, {"link": row["link"], "at": now + RETRY})])
        return ended

    async def revoke_unlinked(self, limit: int = 100) -> int:
        """Tell providers about tokens of links that have ended, then forget them. Returns how many were forgotten."""
        store, done = self._ledger.store, 0
        for row in await store.query(_UNLINKED.format(limit=int(limit))):
            provider = self._of(row["issuer"])
            try:
                if provider is not None:
                    await provider.revoke(self._vault.open("refresh", row["link"], row["ciphertext"])["token"])
            except ProviderDown:
                continue
            except (VaultBroken, ProviderMisconfigured, SignInRefused) as failed:
                why = type(failed).__name__
                await store.change([self._audit("token.not_revoked", row["link"], why)])
            await store.change(
                [Sql(_DROP, {"link": row["link"], "kind": "revoke"}), self._audit("token.revoked", row["link"], "")]
            )
            done += 1
        return done

    async def rotate(self) -> int:
        """Seal every token again under the first vault key; returns how many. Links stay as they are."""
        store, done = self._ledger.store, 0
        for row in await store.query(_ALL):
            values = {"link": row["link"], "kind": row["kind"], "old": row["ciphertext"]}
            await store.change([Sql(_RESEAL, {**values, "new": self._vault.rotate(row["ciphertext"])})])
            done += 1
        return done

    async def _end(self, link: str, owner: Mapping[str, str], why: str) -> None:
        """End the link and tell its chat, once: the token was used by somebody else, withdrawn, or changed here."""
        store, now = self._ledger.store, self._ledger.clock.now()
        drop = Sql(_DROP, {"link": link, "kind": "refresh"})
        told = await notice(store, owner, now, NOTICE)
        try:
            await store.change([drop, *of_link(owner, now, why)], told)
        except Conflict:
            # It was unlinked meanwhile; only the token is left over.
            await store.change([drop])

    def _audit(self, what: str, link: str, why: str) -> Sql:
        return audit_row(what=what, at=self._ledger.clock.now(), subject=link, detail={"why": why})

    def _of(self, issuer: str) -> Provider | None:
        return next((one for one in self._providers.values() if one.settings.issuer == issuer), None)
