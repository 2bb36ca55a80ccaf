"""The port by which a dialog asks for a sign-in or an approval: every answer is rows of the turn's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from secrets import token_hex
from typing import Any, Literal

from auth.actions import action_hash
from auth.keys import Keys, hashed
from auth.revocation import of_address
from auth.settings import AuthSettings
from bot.audit import audit_row
from bot.errors import Conflict
from bot.model import Address, Standing
from bot.ports import Begun, Sql, Store

_BEGIN = """
INSERT INTO link_txn (id, handle_hash, state, purpose, brand, connection, channel, user_id, conversation, op, person,
    action, action_hash, shown, link, link_version, locale, created_at, expires_at)
VALUES (:id, :handle_hash, 'created', :purpose, :brand, :connection, :channel, :user, :conversation, :op, :person,
    :action, :action_hash, :shown, :link, :version, :locale, :now, :expires)"""

_REPLACE = """
UPDATE link_txn SET state = 'voided', ended_at = :now, ended_why = 'replaced', secrets = NULL, state_hash = NULL
WHERE conversation = :conversation AND purpose = :purpose AND ended_at IS NULL"""

_VOID = """
UPDATE link_txn SET state = 'voided', ended_at = :now, ended_why = 'left', secrets = NULL, state_hash = NULL
WHERE id = :transaction AND conversation = :conversation AND ended_at IS NULL"""

_VOID_GRANT = """
UPDATE step_up_grant SET voided_at = :now
WHERE txn = :transaction AND conversation = :conversation AND used_by IS NULL AND voided_at IS NULL"""

_CONSUME = """
UPDATE step_up_grant SET used_by = :key, used_at = COALESCE(used_at, :now)
WHERE id = :grant AND action_hash = :action_hash AND link = :link AND link_version = :version AND voided_at IS NULL
    AND (used_by = :key OR (used_by IS NULL AND expires_at > :now))"""

_LINK_HOLDS = """
UPDATE identity_link SET last_used_at = :now
WHERE id = :link AND version = :version AND revoked_at IS NULL AND expires_at > :now"""

_ASKED = """
SELECT COUNT(*) AS asked FROM link_txn
WHERE connection = :connection AND user_id = :user AND created_at > :since"""


class Transactions:
    """Implements `bot.ports.Login`. One live transaction per chat and purpose, for `settings.transaction` seconds."""

    __slots__ = ("_keys", "_settings", "_store")

    def __init__(self, store: Store, keys: Keys, settings: AuthSettings) -> None:
        self._store = store
        self._keys = keys
        self._settings = settings

    def begin(
        self,
        *,
        conversation: str,
        address: Address,
        purpose: Literal["link", "stepup"],
        op: str,
        now: datetime,
        action: str = "",
        arguments: Mapping[str, Any] | None = None,
        shown: str = "",
        standing: Standing | None = None,
        locale: str | None = None,
    ) -> Begun:
        """Start a transaction, ending an older live one of the same chat and purpose.

        Raises `Conflict` where the chat is not private, or an approval is asked of a chat that is not linked.
        """
        if address.kind != "private":
            raise Conflict("A sign-in is only ever asked for in a private chat.")
        if purpose == "stepup" and (standing is None or not standing.link or not action):
            raise Conflict("An approval needs a linked chat and an action.")
        transaction = token_hex(16)
        person = standing.person.id if standing and standing.person else None
        values = {
            "id": transaction,
            "handle_hash": hashed(self._keys.handle(transaction)),
            "purpose": purpose,
            "brand": address.brand,
            "connection": address.connection,
            "channel": address.channel,
            "user": address.user,
            "conversation": conversation,
            "op": op,
            "person": person,
            "action": action or None,
            "action_hash": action_hash(action, arguments or {}) if purpose == "stepup" else None,
            "shown": shown or None,
            "link": standing.link if standing and purpose == "stepup" else None,
            "version": standing.link_version if standing and purpose == "stepup" else None,
            "locale": locale,
            "now": now.timestamp(),
            "expires": now.timestamp() + self._settings.transaction,
        }
        replaced = {"now": now.timestamp(), "conversation": conversation, "purpose": purpose}
        audited = audit_row(
            what=f"{purpose}.begun",
            at=now,
            conversation=conversation,
            person=person,
            subject=transaction,
            detail={"op": op, "action": action},
        )
        return Begun(transaction, (Sql(_REPLACE, replaced), Sql(_BEGIN, values, rows=1), audited))

    def consume(
        self,
        *,
        grant: str,
        action: str,
        arguments: Mapping[str, Any],
        standing: Standing,
        key: str,
        now: datetime,
    ) -> tuple[Sql, ...]:
        """Use a grant up for the effect `key`: again for the same key, never for another action, link or key."""
        bound = {"link": standing.link, "version": standing.link_version, "now": now.timestamp()}
        return (
            Sql(
                _CONSUME,
                {**bound, "grant": grant, "key": key, "action_hash": action_hash(action, arguments)},
                rows=1,
            ),
            Sql(_LINK_HOLDS, bound, rows=1),
            audit_row(
                what="stepup.used",
                at=now,
                person=standing.person.id if standing.person else None,
                subject=grant,
                detail={"key": key, "action": action, "link": standing.link, "version": standing.link_version},
            ),
        )

    def void(self, *, conversation: str, transaction: str, now: datetime) -> tuple[Sql, ...]:
        """End a transaction that nobody waits for, and its grant if that is not used yet."""
        values = {"now": now.timestamp(), "conversation": conversation, "transaction": transaction}
        return (
            Sql(_VOID, values),
            Sql(_VOID_GRANT, values),
            audit_row(what="link.voided", at=now, conversation=conversation, subject=transaction),
        )

    def unlink(self, *, address: Address, now: datetime, reason: str) -> tuple[Sql, ...]:
        """Revoke an address's link, and with it its token, its unused grants and its live transactions."""
        return of_address(address.connection, address.user, now, reason)

    async def may_begin(self, *, address: Address, now: datetime) -> bool:
        """Whether this address may ask for one more: `settings.requests` in `settings.requests_per` seconds."""
        since = now.timestamp() - self._settings.requests_per
        rows = await self._store.query(_ASKED, connection=address.connection, user=address.user, since=since)
        return int(rows[0]["asked"]) < self._settings.requests
