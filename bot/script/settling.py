"""Effects whose dialog is gone while their outcome was unknown: read back later, and the customer told what it was.

A dialog that is still parked with its effect reads it back itself; this is for those that were stopped, dropped or
left. It is never called again: a read-back alone can end it, and what stays unknown stays with its case.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_type_hints

import msgspec

from bot.audit import audit_row
from bot.errors import Conflict, DomainError, NotPlain, Temporary
from bot.model import Inbound
from bot.ports import Clock, Sql, Store
from bot.script.catalogue import Services
from bot.script.values import from_plain, to_plain

log = logging.getLogger("parley.effects")

EVERY = 60.0
"""Seconds between two rounds."""
FOR = timedelta(days=3)
"""How long an unknown effect is read back."""
READ = 5.0

_UNKNOWN = (
    "SELECT e.key, e.conversation, e.person, e.function, e.arguments, e.read_back, c.state FROM effect e"
    " JOIN conversation c ON c.id = e.conversation WHERE e.status IN ('intent', 'unknown') AND e.status = 'unknown'"
    " AND e.begun_at > :since"
    " ORDER BY e.begun_at LIMIT 50"
)
_DONE = (
    "UPDATE effect SET status = 'done', outcome = :outcome, reference = :reference, settled_at = :at"
    " WHERE key = :key AND status = 'unknown'"
)
_CLOSE = (
    "UPDATE cases SET closed = :at, outcome = 'settled' WHERE conversation = :conversation AND closed IS NULL"
    " AND cause IN ('effect_unknown', 'effect_unsettled') AND about = :about"
)


class Settling:
    """One round is `once`; in several processes each effect is settled by the first."""

    def __init__(self, store: Store, clock: Clock, services: Services) -> None:
        self._store, self._clock = store, clock
        self._by_name = {contract.__name__: (contract, service) for contract, service in services.items()}

    async def once(self) -> int:
        """Read back what no dialog waits for any more; returns how many were found done."""
        since = (self._clock.now() - FOR).timestamp()
        settled = 0
        for row in await self._store.query(_UNKNOWN, since=since):
            if row["key"].encode() not in bytes(row["state"]):
                settled += await self._settle(row)
        return settled

    async def _settle(self, row: Mapping[str, Any]) -> bool:
        value = await self._read_back(row)
        if value is None:
            return False
        now = self._clock.now()
        reference = str(getattr(value, "reference", "") or "")
        done = {
            "key": row["key"],
            "outcome": msgspec.json.encode(to_plain(value, row["function"])).decode(),
            "reference": reference or None,
            "at": now.timestamp(),
        }
        about = msgspec.json.encode({"effect": row["key"]}).decode()
        told = Inbound(
            key=f"settled:{row['key']}",
            kind="signal",
            at=now,
            conversation=row["conversation"],
            data={"notice": "host.effect-settled", "values": {"reference": reference or row["key"][:8]}},
        )
        record = audit_row(
            what="effect.done",
            at=now,
            conversation=row["conversation"],
            person=row["person"],
            subject=row["key"],
            detail={"function": row["function"]},
        )
        close = Sql(_CLOSE, {"conversation": row["conversation"], "about": about, "at": now.timestamp()})
        try:
            await self._store.change([Sql(_DONE, done, rows=1), close, record], [told])
        except Conflict:
            return False  # Another process was first.
        return True

    async def _read_back(self, row: Mapping[str, Any]) -> Any:
        contract, _, _ = str(row["function"]).partition(".")
        found = self._by_name.get(contract)
        if found is None:
            return None
        kind, service = found
        declared = getattr(kind, row["read_back"])
        hints = get_type_hints(declared)
        given = msgspec.json.decode(row["arguments"])
        try:
            values = {name: from_plain(value, hints.get(name, Any), row["function"]) for name, value in given.items()}
        except NotPlain:
            log.warning("effect cannot be read back", extra={"function": row["function"]})
            return None
        if "key" in inspect.signature(declared).parameters:
            values["key"] = row["key"]
        try:
            async with asyncio.timeout(READ):
                return await getattr(service, row["read_back"])(**values)
        except (Temporary, DomainError, TimeoutError, OSError):
            return None
