"""The customer in the browser, for transcripts: signs in, approves, declines; the outcome comes in as a signal.

Stands in for the `Login` and `Identity` ports. Grants are the real table's rows, so a grant used up, expired or for
another action is refused by the same statement that the real login uses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from bot.model import Address, Assurance, Inbound, Person, Standing
from bot.ports import Begun, Clock, Sql, Store
from bot.script.values import canonical, digest

GRANT = timedelta(minutes=5)

_PERSON = (
    "INSERT INTO person (id, brand, customer_ref, created_at) VALUES (:id, :brand, :ref, :at) ON CONFLICT DO NOTHING"
)
_GRANT = (
    "INSERT INTO step_up_grant (id, txn, conversation, action, action_hash, link, link_version, person, granted_at,"
    " expires_at) VALUES (:id, :txn, :conversation, :action, :hash, :link, :version, :person, :at, :until)"
)
_CONSUME = (
    "UPDATE step_up_grant SET used_by = :key, used_at = COALESCE(used_at, :at) WHERE id = :id AND action_hash = :hash"
    " AND link = :link AND link_version = :version AND voided_at IS NULL"
    " AND (used_by = :key OR (used_by IS NULL AND expires_at > :at))"
)


@dataclass(slots=True)
class _Pending:
    conversation: str
    address: Address
    purpose: str
    op: str
    action: str
    hash: bytes
    shown: str


@dataclass(slots=True)
class ScriptedLogin:
    """The login, the identity and the customer's browser in one."""

    store: Store
    clock: Clock
    brand: str
    standings: dict[tuple[str, str], Standing] = field(default_factory=dict)
    _pending: dict[str, _Pending] = field(default_factory=dict)

    async def know(self, address: Address, customer: str, level: Assurance = Assurance.KNOWN) -> None:
        """Link an address to a customer."""
        before = self.standings.get((address.connection, address.user))
        person = f"person-{customer}"
        await self.store.change(
            [Sql(_PERSON, {"id": person, "brand": self.brand, "ref": customer, "at": self.clock.now().timestamp()})]
        )
        self.standings[(address.connection, address.user)] = Standing(
            level,
            Person(person, customer),
            f"link-{address.user}",
            (before.link_version if before else 0) + 1,
            self.clock.now(),
        )

    async def standing(self, address: Address, now: datetime) -> Standing:
        """Who the address is linked to; nobody in a chat that is not private."""
        known = self.standings.get((address.connection, address.user))
        return known if known is not None and address.kind == "private" else Standing()

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
        """Remember what the customer is asked for."""
        hashed = _hash(action, arguments or {})
        transaction = digest(conversation, op, str(now.timestamp()))
        self._pending[transaction] = _Pending(conversation, address, purpose, op, action, hashed, shown)
        return Begun(transaction, ())

    def consume(
        self, *, grant: str, action: str, arguments: Mapping[str, Any], standing: Standing, key: str, now: datetime
    ) -> tuple[Sql, ...]:
        """See `bot.ports.Login`."""
        values = {
            "id": grant,
            "hash": _hash(action, arguments),
            "link": standing.link,
            "version": standing.link_version,
            "key": key,
            "at": now.timestamp(),
        }
        return (Sql(_CONSUME, values, rows=1),)

    async def may_begin(self, *, address: Address, now: datetime) -> bool:
        """Always: nobody floods a transcript."""
        return True

    def void(self, *, conversation: str, transaction: str, now: datetime) -> tuple[Sql, ...]:
        """Nobody waits for it any more."""
        self._pending.pop(transaction, None)
        return ()

    def unlink(self, *, address: Address, now: datetime, reason: str) -> tuple[Sql, ...]:
        """Forget who writes from this address."""
        self.standings.pop((address.connection, address.user), None)
        return ()

    async def signs_in(self, customer: str) -> None:
        """The customer signs in on the page that was last asked for."""
        transaction, pending = self._last("link")
        await self.know(pending.address, customer)
        await self._signal(transaction, pending, [], {"status": "linked"})

    async def approves(self, customer: str) -> None:
        """The customer approves the action that was last asked for; another customer's approval is none."""
        transaction, pending = self._last("stepup")
        standing = self.standings.get((pending.address.connection, pending.address.user), Standing())
        if standing.person is None or standing.person.customer_ref != customer:
            await self._signal(transaction, pending, [], {"status": "other_person"})
            return
        now, grant = self.clock.now(), digest(transaction, "grant")
        values = {
            "id": grant,
            "txn": transaction,
            "conversation": pending.conversation,
            "action": pending.action,
            "hash": pending.hash,
            "link": standing.link,
            "version": standing.link_version,
            "person": standing.person.id,
            "at": now.timestamp(),
            "until": (now + GRANT).timestamp(),
        }
        await self._signal(transaction, pending, [Sql(_GRANT, values)], {"status": "approved", "grant": grant})

    async def declines(self) -> None:
        """The customer declines what was last asked for."""
        transaction, pending = self._last("")
        await self._signal(transaction, pending, [], {"status": "declined"})

    def shown(self) -> str:
        """The words on the approval page."""
        return self._last("stepup")[1].shown

    def _last(self, purpose: str) -> tuple[str, _Pending]:
        for transaction, pending in reversed(self._pending.items()):
            if not purpose or pending.purpose == purpose:
                return transaction, pending
        raise LookupError(f"Nobody was asked to {'approve anything' if purpose == 'stepup' else 'sign in'}.")

    async def _signal(self, transaction: str, pending: _Pending, changes: list[Sql], outcome: dict[str, Any]) -> None:
        del self._pending[transaction]
        signal = Inbound(
            key=f"login:{transaction}",
            kind="signal",
            at=self.clock.now(),
            conversation=pending.conversation,
            data={"op": pending.op, "outcome": outcome},
        )
        await self.store.change(changes, [signal])


def _hash(action: str, arguments: Mapping[str, Any]) -> bytes:
    return bytes.fromhex(digest(action, canonical(arguments)))
