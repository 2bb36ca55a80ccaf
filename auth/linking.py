"""The rows that link a chat to a customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from auth.errors import SignInRefused
from auth.id_token import SignedIn
from auth.ledger import Ledger, Txn
from auth.settings import AuthSettings
from auth.vault import Vault
from bot.ports import Sql

_PERSON = "SELECT id FROM person WHERE brand = :brand AND customer_ref = :ref"
_NEW_PERSON = """
INSERT INTO person (id, brand, customer_ref, created_at) VALUES (:person, :brand, :ref, :now)
ON CONFLICT (brand, customer_ref) DO NOTHING"""
_PERSON_IS = "UPDATE person SET customer_ref = :ref WHERE id = :person AND brand = :brand AND customer_ref = :ref"
_BOUND = """
SELECT p.id, p.customer_ref FROM bound_identity b JOIN person p ON p.id = b.person
WHERE b.issuer = :issuer AND b.sub = :sub AND b.brand = :brand AND b.revoked_at IS NULL"""
_BIND = """
INSERT INTO bound_identity (issuer, sub, brand, person, bound_at) VALUES (:issuer, :sub, :brand, :person, :now)
ON CONFLICT (issuer, sub) DO UPDATE SET brand = excluded.brand, person = excluded.person,
    bound_at = excluded.bound_at, revoked_at = NULL"""
_ACTIVE = """
SELECT id, person, issuer, sub, version FROM identity_link
WHERE connection = :connection AND user_id = :user AND revoked_at IS NULL"""
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
INSERT INTO address_of (person, connection, user_id, from_at) VALUES (:person, :connection, :user, :now)
ON CONFLICT (person, connection, user_id, from_at) DO UPDATE SET to_at = NULL"""
_TOKEN = """
INSERT INTO token_blob (link, kind, ciphertext, person, expires_at)
VALUES (:link, 'refresh', :sealed, :person, :turn_in)
ON CONFLICT (link, kind) DO UPDATE SET ciphertext = excluded.ciphertext, held = NULL,
    expires_at = excluded.expires_at"""


@dataclass(frozen=True, slots=True)
class Bound:
    """A social identity that the customer wants to come back by."""

    issuer: str
    sub: str


@dataclass(frozen=True, slots=True)
class Linking:
    """What linking writes and says. `again`: the same chat, customer and login as before."""

    changes: tuple[Sql, ...]
    link: str
    person: str
    customer_ref: str
    changed: bool
    again: bool


class Linker:
    """Works out who a sign-in is, and the rows that link the chat to them."""

    __slots__ = ("_ledger", "_settings", "_vault")

    def __init__(self, ledger: Ledger, vault: Vault, settings: AuthSettings) -> None:
        self._ledger = ledger
        self._vault = vault
        self._settings = settings

    async def customer(self, txn: Txn, signed_in: SignedIn) -> tuple[str, str]:
        """The person's id, new or known, and the brand's reference. Raises `SignInRefused("no_customer")`."""
        store = self._ledger.store
        if signed_in.customer_ref is None:
            rows = await store.query(_BOUND, issuer=signed_in.issuer, sub=signed_in.sub, brand=txn.brand)
            if not rows:
                raise SignInRefused("no_customer")
            return rows[0]["id"], rows[0]["customer_ref"]
        rows = await store.query(_PERSON, brand=txn.brand, ref=signed_in.customer_ref)
        return (rows[0]["id"] if rows else uuid4().hex), signed_in.customer_ref

    async def linking(
        self, txn: Txn, signed_in: SignedIn, session: bytes | None, now: datetime, bound: Bound | None = None
    ) -> Linking:
        """Link the chat to whoever signed in. Raises `SignInRefused`; the rows raise `Conflict`."""
        person, ref = await self.customer(txn, signed_in)
        active = await self._ledger.store.query(_ACTIVE, connection=txn.connection, user=txn.user_id)
        old = active[0] if active else None
        # A social login leaves the brand's own as it was: it only says again who this is.
        social = signed_in.customer_ref is None
        mine = old is not None and old["person"] == person
        same = old is not None and mine and (social or (old["issuer"], old["sub"]) == (signed_in.issuer, signed_in.sub))
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
            "session": session,
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
            turn_in = now.timestamp() + self._settings.refresh
            changes.append(Sql(_TOKEN, {"link": link, "sealed": sealed, "person": person, "turn_in": turn_in}))
        if bound is not None:
            values |= {"issuer": bound.issuer, "sub": bound.sub}
            changes += [_sql(_BIND, values), self._ledger.audit(txn, "bound", now, {"issuer": bound.issuer}, person)]
        return Linking(tuple(changes), link, person, ref, old is not None and not mine, same)


def mask(customer_ref: str) -> str:
    """The last two characters of a customer reference: enough to tell one's own accounts apart."""
    return customer_ref[-2:] if len(customer_ref) > 3 else "…"


def _sql(text: str, values: Mapping[str, Any], rows: int | None = None) -> Sql:
    return Sql(text, {name: value for name, value in values.items() if f":{name}" in text}, rows=rows)
