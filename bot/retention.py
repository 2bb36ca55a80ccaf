"""Forgets what is older than it may be: a slow walk through each table in the order of its key, in small batches.

No index on any time is kept for it, which would cost every message a little; the walk reads beside the writers, and
writes only where it has found something old. Any number of workers may walk at once: a row is deleted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import StoreUnavailable
from bot.observe import logger
from bot.observe.metrics import FORGOTTEN
from bot.ports import Clock, Sql, Store

log = logger("parley.retention")

DAY = 86_400.0
SEEN = 35
"""Days that an event's key is remembered whatever else is forgotten: no platform brings one again after that."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` whose `time` is older than the days of `setting`, and for which `only` holds."""

    table: str
    key: tuple[str, ...]
    time: str
    setting: str
    only: str = "1 = 1"


_GONE = "NOT EXISTS (SELECT 1 FROM conversation c WHERE c.id = {table}.conversation)"
_EMPTY = " AND ".join(
    [
        "due IS NULL AND out_due IS NULL AND party = 'bot'",
        *(
            f"NOT EXISTS (SELECT 1 FROM {table} x WHERE x.conversation = conversation.id)"
            for table in ("entry", "inbound", "outbound", "timer", "cases", "link_txn", "desk_item")
        ),
        "NOT EXISTS (SELECT 1 FROM identity_link l WHERE l.connection = conversation.connection"
        " AND l.user_id = conversation.user_id AND l.revoked_at IS NULL)",
    ]
)
_NOBODY = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM {table} x WHERE x.person = person.id)"
    for table in ("identity_link", "bound_identity", "conversation", "effect")
)

RULES: tuple[Rule, ...] = (
    Rule("seen", ("connection", "key_hash"), "at", "seen"),
    Rule(
        "inbound",
        ("conversation", "seq"),
        "at",
        "inbound",
        "seq <= coalesce((SELECT c.done FROM conversation c WHERE c.id = inbound.conversation), seq)",
    ),
    Rule("outbound", ("conversation", "seq", "n"), "created_at", "outbound", "status NOT IN ('queued', 'sending')"),
    Rule("entry", ("conversation", "pos"), "at", "log"),
    Rule("conversation", ("id",), "coalesce(last_inbound_at, created_at)", "log", _EMPTY),
    Rule("socket", ("conversation",), "opened_at", "sessions", _GONE.format(table="socket")),
    Rule("stream_token", ("token_hash",), "expires_at", "sessions"),
    Rule("web_session", ("id_hash",), "expires_at", "sessions"),
    Rule("file_handle", ("handle_hash",), "expires_at", "sessions"),
    Rule("desk_session", ("id_hash",), "expires_at", "sessions"),
    Rule("rate", ("bucket",), "held", "sessions"),
    Rule("dead_letter", ("id",), "at", "dead_letters"),
    Rule("kept_file", ("id",), "at", "inbound"),
    Rule("public_ask", ("id",), "created_at", "public_asks", "held IS NULL"),
    Rule("cases", ("id",), "closed", "cases", "closed IS NOT NULL"),
    Rule("desk_item", ("id",), "ended_at", "cases", "ended_at IS NOT NULL"),
    Rule("desk_note", ("id",), "at", "log"),
    Rule("desk_file", ("id",), "at", "log"),
    Rule("desk_act", ("id",), "settled_at", "effects", "settled_at IS NOT NULL"),
    Rule("desk_feed", ("conversation",), "at", "cases", "held IS NULL AND " + _GONE.format(table="desk_feed")),
    Rule("effect", ("key",), "settled_at", "effects", "settled_at IS NOT NULL AND status NOT IN ('intent', 'unknown')"),
    Rule("step_up_grant", ("id",), "expires_at", "links"),
    Rule("identity_link", ("id",), "revoked_at", "links", "revoked_at IS NOT NULL"),
    Rule("bound_identity", ("issuer", "sub"), "revoked_at", "links", "revoked_at IS NOT NULL"),
    Rule("address_of", ("person", "connection", "user_id", "from_at"), "to_at", "links", "to_at IS NOT NULL"),
    Rule("person", ("id",), "created_at", "log", _NOBODY),
    Rule("unsure", ("id",), "at", "unsure"),
    Rule("audit", ("id",), "at", "audit"),
)

ELSEWHERE = frozenset(
    {
        *("link_txn", "browser_login", "token_blob"),  # by auth's own sweep: a dialog or a provider has to be told
        *("timer", "erasure"),  # a timer goes when it fires; an erasure must be known as long as any backup
        *("desk_agent", "desk_reply", "desk_viewer"),  # people's own, until they remove them
    }
)
"""Tables that are not walked."""


class Retention:
    """The walk, as a worker. `days` by setting; 0 keeps for ever. One batch every `every` seconds."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        days: Mapping[str, int],
        *,
        batch: int,
        every: float,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self._store, self._clock = store, clock
        self._days = {**days, "seen": SEEN, "sessions": 1}
        self._batch, self._every = batch, every
        self._rules = [rule for rule in rules if self._days[rule.setting]]
        self._at: dict[str, tuple[Any, ...]] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Walk until `stop`: round after round, a table's next batch at a time."""
        while not self._stopping.is_set():
            for rule in self._rules:
                try:
                    await self.step(rule)
                except StoreUnavailable as error:
                    log.warning("nothing was forgotten", table=rule.table, exc_info=error)
                if await self._rested():
                    return

    async def stop(self) -> None:
        """Begin no further batch."""
        self._stopping.set()

    async def _rested(self) -> bool:
        try:
            await asyncio.wait_for(self._stopping.wait(), self._every)
        except TimeoutError:
            return False
        return True

    async def step(self, rule: Rule) -> int:
        """Look at a table's next batch and delete what is old in it; how many rows. Raises `StoreUnavailable`."""
        before = self._clock.now().timestamp() - self._days[rule.setting] * DAY
        old = f"{rule.time} <= :before AND ({rule.only})"
        names, key = ", ".join(rule.key), _row(rule.key)
        at = self._at.get(rule.table)
        after = f" WHERE {key} > {_values('a', at)}" if at else ""
        rows = await self._store.query(
            f"SELECT {names}, CASE WHEN {old} THEN 1 ELSE 0 END AS is_old FROM {rule.table}{after}"
            f" ORDER BY {names} LIMIT {self._batch}",
            before=before,
            **_named("a", at or ()),
        )
        found = sum(row["is_old"] for row in rows)
        ends = [tuple(row[name] for name in rule.key) for row in (rows[0], rows[-1])] if rows else []
        if found:
            between = f"{key} >= {_values('f', ends[0])} AND {key} <= {_values('t', ends[1])}"
            values = {"before": before, **_named("f", ends[0]), **_named("t", ends[1])}
            await self._store.change([Sql(f"DELETE FROM {rule.table} WHERE {between} AND {old}", values)])
            FORGOTTEN.labels(rule.table).inc(found)
        if len(rows) < self._batch:
            self._at.pop(rule.table, None)
        else:
            self._at[rule.table] = ends[1]
        return int(found)

    async def whole(self) -> dict[str, int]:
        """Walk every table once from its beginning to its end; how many rows went, by table."""
        gone: dict[str, int] = {}
        self._at.clear()
        for rule in self._rules:
            while True:
                gone[rule.table] = gone.get(rule.table, 0) + await self.step(rule)
                if rule.table not in self._at:
                    break
        return {table: rows for table, rows in gone.items() if rows}


def _row(names: Sequence[str]) -> str:
    return f"({', '.join(names)})"


def _values(prefix: str, values: Sequence[Any]) -> str:
    return _row([f":{prefix}{at}" for at in range(len(values))])


def _named(prefix: str, values: Sequence[Any]) -> dict[str, Any]:
    return {f"{prefix}{at}": bytes(one) if isinstance(one, memoryview) else one for at, one in enumerate(values)}
