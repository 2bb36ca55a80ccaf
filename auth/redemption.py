"""Codes on their way into a chat: taken out of the message before it is written anywhere, and honoured once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hmac import compare_digest

from auth.codes import Found, find, redact
from auth.errors import SignInRefused, VaultBroken
from auth.keys import Keys
from auth.ledger import Ledger, Txn
from auth.outcomes import Outcomes
from auth.settings import AuthSettings
from bot.audit import audit_row
from bot.errors import Conflict
from bot.model import Accepted, Inbound
from bot.ports import Sql

WRONG = "host.code-wrong"
MOST = 3
"""How many of the things in one message that look like a code are tried; the message counts as one try."""

_ATTEMPTS = 3
_OF_ADDRESS = """
SELECT t.id FROM link_txn t JOIN conversation c ON c.id = t.conversation
WHERE t.connection = :connection AND t.user_id = :user AND c.thread = :thread AND t.code_hash IS NOT NULL
ORDER BY t.created_at DESC LIMIT 1"""
_KNOWN = "SELECT id FROM link_txn WHERE code_hash = :code_hash LIMIT 1"
# A platform that delivers a message twice does not use up two tries.
_TRY = """
UPDATE link_txn SET code_tries = code_tries + 1
WHERE id = :id AND state = 'authenticated' AND ended_at IS NULL AND code_tries = :tries"""


class Redemption:
    """Implements `bot.ports.Redactor`: the hash stands in for the code from the moment a message is accepted."""

    __slots__ = ("_keys", "_ledger", "_outcomes", "_settings")

    def __init__(self, ledger: Ledger, outcomes: Outcomes, keys: Keys, settings: AuthSettings) -> None:
        self._ledger = ledger
        self._outcomes = outcomes
        self._keys = keys
        self._settings = settings

    async def take(self, inbound: Inbound) -> Accepted | None:
        """Accept a message that brings a code, without the code; None, and nothing done, for every other message.

        A code counts in the private chat that began the sign-in alone, typed and not edited in. What looks like one
        is taken out where this chat is waiting for one, or where it is somebody's.
        """
        found = find(inbound.text)[:MOST] if inbound.address is not None and inbound.kind in ("message", "file") else []
        if not found or inbound.address is None:
            return None
        txn = await self._asked(inbound)
        live = txn is not None and txn.ended_at is None
        if not live and not await self._somebodys(found):
            return None
        message = replace(inbound, text=redact(inbound.text, find(inbound.text)), data={**inbound.data, "code": True})
        typed = inbound.kind == "message" and not inbound.data.get("edited")
        if txn is None or not live or not typed or inbound.address.kind != "private":
            return await self._refuse(txn, message, "code_elsewhere")
        for _ in range(_ATTEMPTS):
            try:
                return await self._settle(txn, message, found)
            except Conflict:
                # It ended, or was tried, meanwhile, or another sign-in of this chat or customer was written.
                again = await self._ledger.by_id(txn.id)
                if again is None or again.ended_at is not None or await self._ledger.seen(message):
                    break
                txn = again
        return await self._refuse(txn, message, "code_late")

    async def _settle(self, txn: Txn, message: Inbound, found: Sequence[Found]) -> Accepted:
        if self._ledger.clock.now().timestamp() >= (txn.code_expires_at or 0):
            return (await self._ledger.end(txn, "expired", "code_late", message=message))[0]
        if self._right(txn, found):
            try:
                return await self._outcomes.redeem(txn, message)
            except (SignInRefused, VaultBroken) as refused:
                why = refused.why if isinstance(refused, SignInRefused) else "sealed"
                return (await self._ledger.end(txn, "aborted", why, message=message))[0]
        if txn.code_tries + 1 >= self._settings.tries:
            return (await self._ledger.end(txn, "aborted", "code_tries", message=message))[0]
        return await self._refuse(txn, message, "code_wrong", [Sql(_TRY, {"id": txn.id, "tries": txn.code_tries}, 1)])

    async def _refuse(self, txn: Txn | None, message: Inbound, why: str, changes: Sequence[Sql] = ()) -> Accepted:
        now = self._ledger.clock.now()
        if txn is None:
            audited = audit_row(what="link.refused", at=now, detail={"why": why})
        else:
            audited = self._ledger.audit(txn, "refused", now, {"why": why})
        said = Inbound(
            key=f"code:{message.key}", kind="signal", at=now, address=message.address, data={"notice": WRONG}
        )
        store = self._ledger.store
        if await self._ledger.seen(message):
            return await store.accept(message)
        return (await store.change([*changes, audited], [message, said]))[0]

    async def _asked(self, inbound: Inbound) -> Txn | None:
        assert inbound.address is not None
        at = inbound.address
        rows = await self._ledger.store.query(_OF_ADDRESS, connection=at.connection, user=at.user, thread=at.thread)
        return await self._ledger.by_id(rows[0]["id"]) if rows else None

    async def _somebodys(self, found: Sequence[Found]) -> bool:
        for one in found:
            for made in self._keys.code_hashes(one.code):
                if await self._ledger.store.query(_KNOWN, code_hash=made):
                    return True
        return False

    def _right(self, txn: Txn, found: Sequence[Found]) -> bool:
        held = txn.code_hash or b""
        made = [code_hash for one in found for code_hash in self._keys.code_hashes(one.code)]
        # All of them are compared, so that the time taken says nothing.
        return sum(compare_digest(one, held) for one in made) > 0
