"""What a good sign-in brings about: a link between chat and customer, a code to type, or a grant for one action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from auth.id_token import SignedIn
from auth.keys import Keys, hashed
from auth.ledger import Ledger, Txn
from auth.linking import Bound, Linker, mask
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.model import Accepted, Inbound, Plain
from bot.ports import Sql

_LINK = """
SELECT id, person, customer_ref, issuer, sub, version FROM identity_link
WHERE id = :link AND version = :version AND revoked_at IS NULL AND expires_at > :now"""
_LOGIN = """
INSERT INTO browser_login (cookie_hash, issuer, sub, person, acr, auth_time, expires_at)
VALUES (:cookie_hash, :issuer, :sub, :person, :acr, :auth_time, :expires)
ON CONFLICT (cookie_hash, issuer) DO UPDATE SET sub = excluded.sub, person = excluded.person, acr = excluded.acr,
    auth_time = excluded.auth_time, expires_at = excluded.expires_at"""
_FRESH = """
SELECT sub, person, acr, auth_time FROM browser_login
WHERE cookie_hash = :cookie_hash AND issuer = :issuer AND expires_at > :now"""
_RENEW = """
UPDATE identity_link SET last_used_at = :now,
    auth_time = CASE WHEN auth_time < :auth_time THEN :auth_time ELSE auth_time END
WHERE id = :link AND version = :version AND revoked_at IS NULL AND expires_at > :now"""
_GRANT = """
INSERT INTO step_up_grant (id, txn, conversation, action, action_hash, link, link_version, person, granted_at,
    expires_at)
VALUES (:grant, :txn, :conversation, :action, :action_hash, :link, :version, :person, :now, :expires)"""


@dataclass(frozen=True, slots=True)
class Linked:
    """The link an approval hangs on, as it is now."""

    id: str
    person: str
    customer_ref: str
    issuer: str
    sub: str
    version: int


class Outcomes:
    """Writes what a sign-in brings, in one transaction with its end and its signal."""

    __slots__ = ("_keys", "_ledger", "_linker", "_settings", "_vault")

    def __init__(self, ledger: Ledger, vault: Vault, keys: Keys, settings: AuthSettings) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keys = keys
        self._settings = settings
        self._linker = Linker(ledger, vault, settings)

    async def link(self, txn: Txn, signed_in: SignedIn, cookie: str, bound: Bound | None = None) -> None:
        """Link the chat to the customer who signed in. Raises `SignInRefused("no_customer")`, `Conflict`."""
        await self._link(txn, signed_in, hashed(cookie), bound)

    async def hold(self, txn: Txn, signed_in: SignedIn, bound: Bound | None = None) -> None:
        """Keep who signed in until the chat brings the code; nothing is linked yet. Raises as `link`."""
        person, ref = await self._linker.customer(txn, signed_in)
        kept = {"refresh": signed_in.refresh_token or "", "ref": signed_in.customer_ref or ""}
        if bound is not None:
            kept |= {"social_issuer": bound.issuer, "social_sub": bound.sub}
        code = self._keys.code(txn.id)
        await self._ledger.hold(
            txn,
            issuer=signed_in.issuer,
            sub=signed_in.sub,
            person=person,
            ref=ref,
            acr=signed_in.acr,
            auth_time=signed_in.auth_time,
            masked=mask(ref),
            secrets=self._vault.seal("held", txn.id, kept),
            code_hash=self._keys.code_hashes(code)[0],
            code_expires=min(self._ledger.clock.now().timestamp() + self._settings.code, txn.expires_at),
        )

    async def redeem(self, txn: Txn, message: Inbound) -> Accepted:
        """Link the chat as its page promised, with the message that brought the code. Raises `Conflict`."""
        assert txn.secrets is not None
        assert txn.issuer
        assert txn.sub
        assert txn.auth_time is not None
        kept = self._vault.open("held", txn.id, txn.secrets)
        signed_in = SignedIn(
            issuer=txn.issuer,
            sub=txn.sub,
            auth_time=txn.auth_time,
            acr=txn.acr,
            customer_ref=kept["ref"] or None,
            refresh_token=kept["refresh"] or None,
        )
        bound = Bound(kept["social_issuer"], kept["social_sub"]) if "social_sub" in kept else None
        return (await self._link(txn, signed_in, txn.cookie_hash, bound, message))[0]

    async def linked(self, txn: Txn) -> Linked | None:
        """The link that an approval was asked under, if it still stands unchanged."""
        now = self._ledger.clock.now().timestamp()
        rows = await self._ledger.store.query(_LINK, link=txn.link, version=txn.link_version, now=now)
        return Linked(**rows[0]) if rows else None

    async def fresh_login(self, link: Linked, cookie: str, issuer: str, acr_values: Sequence[str]) -> bool:
        """Whether this browser has a login of the linked customer there, young and strong enough for an approval."""
        now = self._ledger.clock.now().timestamp()
        rows = await self._ledger.store.query(_FRESH, cookie_hash=hashed(cookie), issuer=issuer, now=now)
        return bool(
            rows
            and rows[0]["person"] == link.person
            and (link.issuer != issuer or rows[0]["sub"] == link.sub)
            and 0 <= now - rows[0]["auth_time"] < self._settings.step_up_max_age
            and (not acr_values or rows[0]["acr"] in acr_values)
        )

    async def approve(self, txn: Txn, link: Linked, cookie: str, signed_in: SignedIn | None) -> None:
        """Grant the one action this approval is for. Raises `Conflict` where the link has changed meanwhile."""
        now = self._ledger.clock.now()
        grant = uuid4().hex
        values: dict[str, Any] = {
            "grant": grant,
            "txn": txn.id,
            "conversation": txn.conversation,
            "action": txn.action,
            "action_hash": txn.action_hash,
            "link": link.id,
            "version": link.version,
            "person": link.person,
            "now": now.timestamp(),
            "expires": now.timestamp() + self._settings.grant,
            "auth_time": signed_in.auth_time if signed_in else 0.0,
        }
        changes = [_sql(_RENEW, values, rows=1), _sql(_GRANT, values, rows=1)]
        if signed_in:
            changes.append(self._login(hashed(cookie), signed_in, link.person))
        told: dict[str, Plain] = {"status": "approved", "grant": grant, "at": now.isoformat()}
        await self._ledger.end(
            txn,
            "done",
            "approved",
            cookie=cookie,
            person=link.person,
            changes=changes,
            outcome=told,
            detail={"grant": grant, "link": link.id, "version": link.version, "anew": signed_in is not None},
        )

    async def _link(
        self, txn: Txn, signed_in: SignedIn, session: bytes | None, bound: Bound | None, message: Inbound | None = None
    ) -> tuple[Accepted, ...]:
        made = await self._linker.linking(txn, signed_in, session, self._ledger.clock.now(), bound)
        changes = list(made.changes)
        if session is not None:
            changes.append(self._login(session, signed_in, made.person))
        masked = mask(made.customer_ref)
        told: dict[str, Plain] = {
            "status": "linked",
            "link": made.link,
            "person": made.person,
            "masked": masked,
            "changed": made.changed,
        }
        return await self._ledger.end(
            txn,
            "done",
            "linked",
            person=made.person,
            masked=masked,
            changes=changes,
            outcome=told,
            detail={"link": made.link, "again": made.again},
            message=message,
        )

    def _login(self, session: bytes, signed_in: SignedIn, person: str) -> Sql:
        values = {
            "cookie_hash": session,
            "issuer": signed_in.issuer,
            "sub": signed_in.sub,
            "person": person,
            "acr": signed_in.acr,
            "auth_time": signed_in.auth_time,
            "expires": signed_in.auth_time + self._settings.step_up_max_age,
        }
        return Sql(_LOGIN, values)


def same_person(link: Linked, signed_in: SignedIn) -> bool:
    """Whether the person who signed in is the one the chat is linked to: the same login, or the same customer's."""
    if signed_in.issuer == link.issuer:
        return signed_in.sub == link.sub
    return signed_in.customer_ref is not None and signed_in.customer_ref == link.customer_ref


def _sql(text: str, values: dict[str, Any], rows: int | None = None) -> Sql:
    return Sql(text, {name: value for name, value in values.items() if f":{name}" in text}, rows=rows)
