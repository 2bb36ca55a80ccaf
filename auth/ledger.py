"""A sign-in's life in the table `link_txn`: created, started in one browser, ended once.

Every end is one transaction with its audit row and the signal that the parked dialog waits for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from auth.keys import hashed
from bot.audit import audit_row
from bot.model import Accepted, Inbound, Plain
from bot.ports import Clock, Sql, Store
from bot.store.codec import key_hash

End = Literal["done", "declined", "expired", "other_person", "aborted"]

_COLUMNS = """id, handle_hash, state, purpose, brand, connection, channel, user_id, conversation, op, person, provider,
    action, action_hash, shown, link, link_version, cookie_hash, state_hash, secrets, issuer, sub, customer_ref, acr,
    auth_time, masked, code_hash, code_tries, code_expires_at, created_at, expires_at, ended_at, ended_why"""
_BY_HANDLE = f"SELECT {_COLUMNS} FROM link_txn WHERE handle_hash = :handle_hash"
_BY_ID = f"SELECT {_COLUMNS} FROM link_txn WHERE id = :id"
_OVERDUE = f"""SELECT {_COLUMNS} FROM link_txn WHERE ended_at IS NULL AND expires_at <= :now
    ORDER BY expires_at LIMIT {{limit}}"""

_START = """
UPDATE link_txn SET state = 'started', provider = :provider, issuer = :issuer, cookie_hash = :cookie_hash,
    state_hash = :state_hash, secrets = :secrets
WHERE id = :id AND ended_at IS NULL AND expires_at > :now
    AND (state = 'created' OR (state = 'started' AND cookie_hash = :cookie_hash))"""

_TAKE_STATE = """
UPDATE link_txn SET state_hash = NULL, secrets = NULL
WHERE id = :id AND state = 'started' AND state_hash = :state_hash AND ended_at IS NULL"""

_PAUSE = """
UPDATE link_txn SET secrets = :secrets
WHERE id = :id AND state = 'started' AND state_hash IS NULL AND ended_at IS NULL"""

_HOLD = """
UPDATE link_txn SET state = 'authenticated', issuer = :issuer, sub = :sub, person = :person, customer_ref = :ref,
    acr = :acr, auth_time = :auth_time, masked = :masked, secrets = :secrets, code_hash = :code_hash, code_tries = 0,
    code_expires_at = :code_expires
WHERE id = :id AND state = 'started' AND ended_at IS NULL"""

_END = """
UPDATE link_txn SET state = :state, ended_at = :now, ended_why = :why, secrets = NULL, state_hash = NULL,
    cookie_hash = COALESCE(cookie_hash, :cookie_hash), person = COALESCE(person, :person), masked = :masked
WHERE id = :id AND ended_at IS NULL"""
_OLD = "SELECT id FROM link_txn WHERE ended_at <= :before ORDER BY ended_at LIMIT {limit}"
_FORGET = "DELETE FROM link_txn WHERE id = :id"
_SEEN = "SELECT 1 AS found FROM seen WHERE connection = :connection AND key_hash = :key_hash"
_OLD_LOGIN = "SELECT 1 AS found FROM browser_login WHERE expires_at <= :now LIMIT 1"
_FORGET_LOGINS = "DELETE FROM browser_login WHERE expires_at <= :now"


@dataclass(frozen=True, slots=True)
class Txn:
    """One sign-in or approval asked for in a chat. Times are epoch seconds by the injected clock."""

    id: str
    handle_hash: bytes
    state: str
    purpose: Literal["link", "stepup"]
    brand: str
    connection: str
    channel: str
    user_id: str
    conversation: str
    op: str
    person: str | None
    provider: str | None
    action: str | None
    action_hash: bytes | None
    shown: str | None
    link: str | None
    link_version: int | None
    cookie_hash: bytes | None
    state_hash: bytes | None
    secrets: bytes | None
    issuer: str | None
    sub: str | None
    customer_ref: str | None
    acr: str | None
    auth_time: float | None
    masked: str | None
    code_hash: bytes | None
    code_tries: int
    code_expires_at: float | None
    created_at: float
    expires_at: float
    ended_at: float | None
    ended_why: str | None


class Ledger:
    """Reads and moves sign-ins. Every move raises `Conflict` where the row is not in the state it expects."""

    __slots__ = ("clock", "store")

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    async def by_handle(self, handle: str) -> Txn | None:
        """The sign-in whose link this is."""
        return _first(await self.store.query(_BY_HANDLE, handle_hash=hashed(handle)))

    async def by_id(self, transaction: str) -> Txn | None:
        """The sign-in with this id."""
        return _first(await self.store.query(_BY_ID, id=transaction))

    async def overdue(self, now: datetime, limit: int) -> list[Txn]:
        """Sign-ins that ran out and whose dialogs do not know yet."""
        rows = await self.store.query(_OVERDUE.format(limit=int(limit)), now=now.timestamp())
        return [_txn(row) for row in rows]

    async def start(self, txn: Txn, *, provider: str, issuer: str, cookie: str, state: str, secrets: bytes) -> None:
        """Pin the sign-in to this browser and remember what its return must show. A second browser is refused."""
        now = self.clock.now()
        values = {
            "id": txn.id,
            "now": now.timestamp(),
            "provider": provider,
            "issuer": issuer,
            "cookie_hash": hashed(cookie),
            "state_hash": hashed(state),
            "secrets": secrets,
        }
        await self.store.change([Sql(_START, values, rows=1), self.audit(txn, "started", now, {"provider": provider})])

    async def take_state(self, txn: Txn, state: str) -> None:
        """Use the state up, whatever comes of it."""
        await self.store.change([Sql(_TAKE_STATE, {"id": txn.id, "state_hash": hashed(state)}, rows=1)])

    async def pause(self, txn: Txn, secrets: bytes) -> None:
        """Keep what a sign-in has shown so far, until the customer goes on from our page."""
        await self.store.change([Sql(_PAUSE, {"id": txn.id, "secrets": secrets}, rows=1)])

    async def hold(self, txn: Txn, **found: Any) -> None:
        """Keep who signed in, unlinked, until the chat that began it brings the page's code."""
        now = self.clock.now()
        audited = self.audit(txn, "authenticated", now, {"issuer": found["issuer"]}, None)
        await self.store.change([Sql(_HOLD, {"id": txn.id, **found}, rows=1), audited])

    async def end(
        self,
        txn: Txn,
        state: End,
        why: str,
        *,
        cookie: str | None = None,
        person: str | None = None,
        masked: str | None = None,
        changes: Sequence[Sql] = (),
        outcome: Mapping[str, Plain] | None = None,
        detail: Mapping[str, Plain] | None = None,
        message: Inbound | None = None,
    ) -> tuple[Accepted, ...]:
        """End the sign-in once, with whatever stands or falls with it, and tell the parked dialog.

        `message`: the customer's own that ended it, accepted in the same transaction, and first.
        """
        now = self.clock.now()
        values = {
            "id": txn.id,
            "state": state,
            "now": now.timestamp(),
            "why": why,
            "cookie_hash": hashed(cookie) if cookie else None,
            "person": person,
            "masked": masked,
        }
        ended = Sql(_END, values, rows=1)
        audited = self.audit(txn, state, now, {"why": why, **(detail or {})}, person)
        told: dict[str, Any] = {"status": _told(txn, state, why), "reason": why, **(outcome or {})}
        signal = Inbound(
            key=f"link:{txn.id}:{told['status']}",
            kind="signal",
            at=now,
            conversation=txn.conversation,
            data={"op": txn.op, "outcome": told},
        )
        said = [signal] if message is None else [message, signal]
        return await self.store.change([ended, *changes, audited], said)

    async def forget(self, before: datetime, limit: int) -> int:
        """Forget sign-ins that ended before then; returns how many."""
        rows = await self.store.query(_OLD.format(limit=int(limit)), before=before.timestamp())
        if rows:
            await self.store.change([Sql(_FORGET, {"id": row["id"]}) for row in rows])
        return len(rows)

    async def seen(self, inbound: Inbound) -> bool:
        """Whether a customer's message was accepted before."""
        assert inbound.address is not None
        names = {"connection": inbound.address.connection, "key_hash": key_hash(inbound.key)}
        return bool(await self.store.query(_SEEN, **names))

    async def forget_logins(self) -> None:
        """Forget which browsers had a login that approves nothing any more."""
        now = {"now": self.clock.now().timestamp()}
        if await self.store.query(_OLD_LOGIN, **now):
            await self.store.change([Sql(_FORGET_LOGINS, now)])

    async def refused(self, txn: Txn | None, why: str) -> None:
        """Record an attempt that changed nothing."""
        now = self.clock.now()
        if txn is None:
            await self.store.change([audit_row(what="link.refused", at=now, detail={"why": why})])
        else:
            await self.store.change([self.audit(txn, "refused", now, {"why": why})])

    def audit(self, txn: Txn, what: str, at: datetime, detail: Mapping[str, Plain], person: str | None = None) -> Sql:
        """The audit row of one thing that happened to a sign-in."""
        return audit_row(
            what=f"{txn.purpose}.{what}",
            at=at,
            conversation=txn.conversation,
            person=person or txn.person,
            subject=txn.id,
            detail=detail,
        )


def _told(txn: Txn, state: End, why: str) -> str:
    """What the dialog hears. A stopped approval may be asked for again, like one that ran out."""
    if state != "aborted":
        return state
    if txn.purpose == "stepup":
        return "expired"
    return why if why == "wrong_browser" else "failed"


def _first(rows: list[dict[str, Any]]) -> Txn | None:
    return _txn(rows[0]) if rows else None


def _txn(row: dict[str, Any]) -> Txn:
    return Txn(**row)
