"""What a good sign-in brings about: a link between chat and customer, or a grant for one action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from auth.errors import SignInRefused
from auth.id_token import SignedIn
from auth.keys import hashed
from auth.ledger import Ledger, Txn
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.model import Plain
from bot.ports import Sql

_PERSON = "SELECT id FROM person WHERE brand = :brand AND customer_ref = :ref"
_NEW_PERSON = """
INSERT INTO person (id, brand, customer_ref, created_at) VALUES (:person, :brand, :ref, :now)
ON CONFLICT (brand, customer_ref) DO NOTHING"""
_PERSON_IS = "UPDATE person SET customer_ref = :ref WHERE id = :person AND brand = :brand AND customer_ref = :ref"
_BOUND = """
SELECT p.id, p.customer_ref FROM bound_identity b JOIN person p ON p.id = b.person
WHERE b.issuer = :issuer AND b.sub = :sub AND b.brand = :brand AND b.revoked_at IS NULL"""

_ACTIVE = """
SELECT id, person, issuer, sub, version, auth_time, expires_at FROM identity_link
WHERE connection = :connection AND user_id = :user AND revoked_at IS NULL"""
_LINK = """
SELECT id, person, issuer, sub, version FROM identity_link
WHERE id = :link AND version = :version AND revoked_at IS NULL AND expires_at > :now"""
_SPARE_TOKEN = "DELETE FROM token_blob WHERE link = :old AND kind = 'revoke'"
_DROP_TOKEN = "UPDATE token_blob SET kind = 'revoke' WHERE link = :old"
_REVOKE_OLD = """
UPDATE identity_link SET revoked_at = :now, revoked_why = 'replaced', version = version + 1
WHERE id = :old AND revoked_at IS NULL"""
_LEAVE = """
UPDATE address_of SET to_at = :now WHERE connection = :connection AND user_id = :user AND to_at IS NULL"""
_NEW_LINK = """
INSERT INTO identity_link (id, brand, connection, channel, user_id, person, issuer, sub, customer_ref, acr, session,
    auth_time, linked_at, last_used_at, expires_at)
VALUES (:link, :brand, :connection, :channel, :user, :person, :issuer, :sub, :ref, :acr, :session,
    :auth_time, :now, :now, :expires)"""
_SAME_LINK = """
UPDATE identity_link SET acr = :acr, session = :session, auth_time = :auth_time, last_used_at = :now,
    expires_at = :expires
WHERE id = :link AND version = :version AND revoked_at IS NULL"""
_ADDRESS = """
INSERT INTO address_of (person, connection, user_id, from_at) VALUES (:person, :connection, :user, :now)"""
_TOKEN = """
INSERT INTO token_blob (link, kind, ciphertext, person) VALUES (:link, 'refresh', :sealed, :person)
ON CONFLICT (link, kind) DO UPDATE SET ciphertext = excluded.ciphertext, held = NULL"""
_LOGIN = """
INSERT INTO browser_login (cookie_hash, issuer, sub, person, acr, auth_time, expires_at)
VALUES (:cookie_hash, :issuer, :sub, :person, :acr, :auth_time, :expires)
ON CONFLICT (cookie_hash, issuer) DO UPDATE SET sub = excluded.sub, person = excluded.person, acr = excluded.acr,
    auth_time = excluded.auth_time, expires_at = excluded.expires_at"""
_FRESH = """
SELECT sub, acr, auth_time FROM browser_login
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
    issuer: str
    sub: str
    version: int


class Outcomes:
    """Writes what a sign-in brings, in one transaction with its end and its signal."""

    __slots__ = ("_ledger", "_settings", "_vault")

    def __init__(self, ledger: Ledger, vault: Vault, settings: AuthSettings) -> None:
        self._ledger = ledger
        self._vault = vault
        self._settings = settings

    async def link(self, txn: Txn, signed_in: SignedIn, cookie: str) -> None:
        """Link the chat to the customer who signed in. Raises `SignInRefused("no_customer")`, `Conflict`."""
        store, now = self._ledger.store, self._ledger.clock.now()
        person, ref = await self._customer(txn, signed_in)
        active = await store.query(_ACTIVE, connection=txn.connection, user=txn.user_id)
        old = active[0] if active else None
        same = old is not None and (old["issuer"], old["sub"], old["person"]) == (
            signed_in.issuer,
            signed_in.sub,
            person,
        )
        link: str = old["id"] if old and same else uuid4().hex
        values: dict[str, Any] = {
            "link": link,
            "brand": txn.brand,
            "connection": txn.connection,
            "channel": txn.channel,
            "user": txn.user_id,
            "person": person,
            "issuer": signed_in.issuer,
            "sub": signed_in.sub,
            "ref": ref,
            "acr": signed_in.acr,
            "session": hashed(cookie),
            "auth_time": signed_in.auth_time,
            "now": now.timestamp(),
            "expires": now.timestamp() + self._settings.life,
            "old": old["id"] if old else None,
            "version": old["version"] if old else 1,
        }
        changes = [_sql(_NEW_PERSON, values), _sql(_PERSON_IS, values, rows=1)]
        if old and same:
            changes.append(_sql(_SAME_LINK, values, rows=1))
        else:
            if old:
                changes += [
                    _sql(_SPARE_TOKEN, values),
                    _sql(_DROP_TOKEN, values),
                    _sql(_REVOKE_OLD, values, rows=1),
                    _sql(_LEAVE, values),
                    self._ledger.audit(txn, "replaced", now, {"link": old["id"]}, old["person"]),
                ]
            changes += [_sql(_NEW_LINK, values, rows=1), _sql(_ADDRESS, values, rows=1)]
        if signed_in.refresh_token:
            sealed = self._vault.seal("refresh", link, {"token": signed_in.refresh_token})
            changes.append(Sql(_TOKEN, {"link": link, "sealed": sealed, "person": person}))
        changes.append(self._login(cookie, signed_in, person))
        masked = mask(ref)
        told: dict[str, Plain] = {"status": "linked", "link": link, "person": person, "masked": masked}
        told["changed"] = old is not None and not same
        await self._ledger.end(
            txn,
            "done",
            "linked",
            cookie=cookie,
            person=person,
            masked=masked,
            changes=changes,
            outcome=told,
            detail={"link": link, "again": same},
        )

    async def linked(self, txn: Txn) -> Linked | None:
        """The link that an approval was asked under, if it still stands unchanged."""
        now = self._ledger.clock.now().timestamp()
        rows = await self._ledger.store.query(_LINK, link=txn.link, version=txn.link_version, now=now)
        return Linked(**rows[0]) if rows else None

    async def fresh_login(self, link: Linked, cookie: str, acr_values: Sequence[str]) -> bool:
        """Whether this browser has a login of the linked customer, young and strong enough for an approval."""
        now = self._ledger.clock.now().timestamp()
        rows = await self._ledger.store.query(_FRESH, cookie_hash=hashed(cookie), issuer=link.issuer, now=now)
        return bool(
            rows
            and rows[0]["sub"] == link.sub
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
            changes.append(self._login(cookie, signed_in, link.person))
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

    async def _customer(self, txn: Txn, signed_in: SignedIn) -> tuple[str, str]:
        """The person's id, new or known, and the brand's reference."""
        store = self._ledger.store
        if signed_in.customer_ref is None:
            rows = await store.query(_BOUND, issuer=signed_in.issuer, sub=signed_in.sub, brand=txn.brand)
            if not rows:
                raise SignInRefused("no_customer")
            return rows[0]["id"], rows[0]["customer_ref"]
        rows = await store.query(_PERSON, brand=txn.brand, ref=signed_in.customer_ref)
        return (rows[0]["id"] if rows else uuid4().hex), signed_in.customer_ref

    def _login(self, cookie: str, signed_in: SignedIn, person: str) -> Sql:
        values = {
            "cookie_hash": hashed(cookie),
            "issuer": signed_in.issuer,
            "sub": signed_in.sub,
            "person": person,
            "acr": signed_in.acr,
            "auth_time": signed_in.auth_time,
            "expires": signed_in.auth_time + self._settings.step_up_max_age,
        }
        return Sql(_LOGIN, values)


def same_person(link: Linked, signed_in: SignedIn) -> bool:
    """Whether the person who signed in is the one the chat is linked to."""
    return (link.issuer, link.sub) == (signed_in.issuer, signed_in.sub)


def mask(customer_ref: str) -> str:
    """The last two characters of a customer reference: enough to tell one's own accounts apart."""
    return customer_ref[-2:] if len(customer_ref) > 3 else "…"


def _sql(text: str, values: dict[str, Any], rows: int | None = None) -> Sql:
    return Sql(text, {name: value for name, value in values.items() if f":{name}" in text}, rows=rows)
