"""Past a customer's limit: kept in the log, given no turn, answered once. The platform hears that it was taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Conflict
from bot.model import Accepted, Control, Inbound
from bot.observe.metrics import LIMITED
from bot.pace import Pace
from bot.ports import Redactor, Sql, Store
from bot.store.codec import CUSTOMER_KINDS, key_hash, shown_body

NOTICE = "host.too-fast"

_SEEN = (
    "INSERT INTO seen (connection, key_hash, at) VALUES (:connection, :key_hash, :at)"
    " ON CONFLICT (connection, key_hash) DO NOTHING"
)
_HERE = "connection = :connection AND user_id = :user AND thread = :thread"
_PLACE = f"UPDATE conversation SET pos = pos + 1, last_inbound_at = :at WHERE {_HERE}"
_ENTRY = (
    "INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)"
    f" SELECT id, pos, 'customer', :kind, :body, :key, person, case_id, :at FROM conversation WHERE {_HERE}"
)
_WAITING = f"SELECT seq - done AS waiting FROM conversation WHERE {_HERE}"
_STANDS = (
    "SELECT c.id, e.pos FROM conversation c LEFT JOIN entry e ON e.conversation = c.id AND e.ref = :key"
    f" AND e.side = 'customer' WHERE {_HERE}"
)


@dataclass(frozen=True, slots=True)
class Paces:
    """`messages`: all that one customer sends. `humans`: asking for a person, which is heard beyond that limit.
    `notices`: how often they are told."""

    messages: Pace
    humans: Pace
    notices: Pace


def paces(store: Store, secret: bytes, *, rate: float, burst: float) -> Paces:
    """The three buckets of every customer. A person may be asked for twice at once and then every half minute; the
    notice comes once in ten minutes."""
    return Paces(
        Pace(store, "messages", rate=rate, burst=burst, secret=secret),
        Pace(store, "humans", rate=1 / 30, burst=2, secret=secret),
        Pace(store, "notices", rate=1 / 600, burst=1, secret=secret),
    )


class Overflow:
    """Takes what is over the limit out of the way, before it is accepted. `first` has its look before."""

    def __init__(
        self,
        store: Store,
        first: Redactor,
        control: Callable[[str, str | None], Control | None],
        paces: Paces,
        *,
        waiting: int,
    ) -> None:
        self._store, self._first, self._control = store, first, control
        self._paces, self._longest = paces, waiting

    async def take(self, inbound: Inbound) -> Accepted | None:
        """Keep a message that is over its sender's limit; None for every other one. Raises `StoreUnavailable`."""
        coded = await self._first.take(inbound)
        if coded is not None or inbound.address is None or inbound.kind not in CUSTOMER_KINDS:
            return coded
        sender = f"{inbound.address.connection}\0{inbound.address.user}"
        taken = await self._paces.messages.take(sender)
        if not taken.wait and not (taken.busy and await self._queued(inbound) >= self._longest):
            return None
        if self._asks_for_a_person(inbound) and not (await self._paces.humans.take(sender)).wait:
            return None
        kept = await self._keep(inbound)
        if kept.fresh:
            LIMITED.labels(inbound.address.channel, "messages").inc()
            await self._tell(inbound, kept.conversation, sender)
        return kept

    def _asks_for_a_person(self, inbound: Inbound) -> bool:
        plain = inbound.kind == "message" and not inbound.data.get("edited")
        return plain and self._control(inbound.text, inbound.locale) == "human"

    async def _queued(self, inbound: Inbound) -> int:
        rows = await self._store.query(_WAITING, **_here(inbound))
        return int(rows[0]["waiting"]) if rows else 0

    async def _keep(self, inbound: Inbound) -> Accepted:
        assert inbound.address is not None
        here, at = _here(inbound), inbound.at.timestamp()
        seen = {"connection": inbound.address.connection, "key_hash": key_hash(inbound.key), "at": at}
        entry = {**here, "kind": inbound.kind, "body": shown_body(inbound), "key": inbound.key, "at": at}
        changes = [Sql(_SEEN, seen, rows=1), Sql(_PLACE, {**here, "at": at}, rows=1), Sql(_ENTRY, entry, rows=1)]
        fresh = True
        try:
            await self._store.change(changes)
        except Conflict:
            # The platform brings it again, or the conversation has gone meanwhile.
            await self._store.conversation_of(inbound.address)
            try:
                await self._store.change(changes)
            except Conflict:
                fresh = False
        rows = await self._store.query(_STANDS, key=inbound.key, **here)
        return Accepted(rows[0]["id"], 0, int(rows[0]["pos"] or 0), fresh)

    async def _tell(self, inbound: Inbound, conversation: str, sender: str) -> None:
        if (await self._paces.notices.take(sender)).wait:
            return
        key = f"slow:{conversation}:{inbound.key}"
        notice = Inbound(key=key, kind="signal", at=inbound.at, conversation=conversation, data={"notice": NOTICE})
        await self._store.change([], [notice])


def _here(inbound: Inbound) -> dict[str, str]:
    address = inbound.address
    assert address is not None
    return {"connection": address.connection, "user": address.user, "thread": address.thread}
