"""The rows that end a link, whoever asks for it, and the word that the customer is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.audit import audit_row
from bot.model import Inbound
from bot.ports import Sql, Store

_BY_ADDRESS = "connection = :connection AND user_id = :user AND revoked_at IS NULL"
_BY_ID = "id = :link AND revoked_at IS NULL"

_ROWS = (
    # The sealed token stays until the provider was told to revoke it; nothing else reads this kind.
    "DELETE FROM token_blob WHERE kind = 'revoke' AND link IN (SELECT id FROM identity_link WHERE {which})",
    "UPDATE token_blob SET kind = 'revoke' WHERE link IN (SELECT id FROM identity_link WHERE {which})",
    """UPDATE step_up_grant SET voided_at = :now WHERE used_by IS NULL AND voided_at IS NULL
        AND link IN (SELECT id FROM identity_link WHERE {which})""",
    "DELETE FROM browser_login WHERE person IN (SELECT person FROM identity_link WHERE {which})",
    # Whoever was bound by a link that was not theirs must not come back by it.
    """UPDATE bound_identity SET revoked_at = :now WHERE revoked_at IS NULL
        AND person IN (SELECT person FROM identity_link WHERE {which})""",
    "UPDATE address_of SET to_at = :now WHERE connection = :connection AND user_id = :user AND to_at IS NULL",
    """UPDATE link_txn SET state = 'voided', ended_at = :now, ended_why = 'unlinked', secrets = NULL, state_hash = NULL
        WHERE connection = :connection AND user_id = :user AND ended_at IS NULL""",
    "UPDATE identity_link SET revoked_at = :now, revoked_why = :reason, version = version + 1 WHERE {which}",
)
_CHAT = """
SELECT id FROM conversation WHERE connection = :connection AND user_id = :user AND kind = 'private'
ORDER BY COALESCE(last_inbound_at, created_at) DESC LIMIT 1"""


def of_address(connection: str, user: str, now: datetime, reason: str) -> tuple[Sql, ...]:
    """End whatever link this address has, its token, unused grants, bindings and live sign-ins."""
    values = {"connection": connection, "user": user, "now": now.timestamp(), "reason": reason}
    audited = audit_row(what="link.revoked", at=now, detail={"connection": connection, "reason": reason})
    return (*_rows(_BY_ADDRESS, values), audited)


def of_link(link: Mapping[str, Any], now: datetime, reason: str) -> tuple[Sql, ...]:
    """End this very link (a row with id, person, connection and user_id); `Conflict` where it has ended already."""
    values = {
        "link": link["id"],
        "connection": link["connection"],
        "user": link["user_id"],
        "now": now.timestamp(),
        "reason": reason,
    }
    *rows, last = _rows(_BY_ID, values)
    audited = audit_row(what="link.revoked", at=now, person=link["person"], subject=link["id"], detail={"why": reason})
    return (*rows, Sql(last.text, last.values, rows=1), audited)


async def notice(store: Store, link: Mapping[str, Any], now: datetime, text: str) -> Sequence[Inbound]:
    """The signal that has the bot say `text` in the chat that was linked; none where the chat is gone."""
    rows = await store.query(_CHAT, connection=link["connection"], user=link["user_id"])
    return [
        Inbound(key=f"notice:{link['id']}:{text}", kind="signal", at=now, conversation=row["id"], data={"notice": text})
        for row in rows
    ]


def _rows(which: str, values: Mapping[str, Any]) -> list[Sql]:
    texts = [text.format(which=which) for text in _ROWS]
    return [Sql(text, {name: value for name, value in values.items() if f":{name}" in text}) for text in texts]
