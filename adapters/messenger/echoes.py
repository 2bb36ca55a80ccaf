"""Our own messages as Messenger echoes them, noted at the outbound row that waits for a sure answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from adapters.reconcile import Tag
from bot.ports import OutboxClaim, Sql, Store

# Until the row is marked as sent, which overwrites it, its `platform_id` lists the echoes: part/parts=mid, one a line.
_NOTE = (
    "UPDATE outbound SET platform_id = coalesce(platform_id, '') || :line"
    " WHERE conversation = :conversation AND seq = :seq AND n = :n AND status IN ('queued', 'sending')"
    " AND EXISTS (SELECT 1 FROM conversation c WHERE c.id = :conversation AND c.connection = :connection)"
    " AND replace(coalesce(platform_id, ''), :line, '') = coalesce(platform_id, '')"
)
_READ = "SELECT platform_id FROM outbound WHERE conversation = :conversation AND seq = :seq AND n = :n"
_LINE = re.compile(r"^(\d+)/(\d+)=(.+)$", re.MULTILINE)
_LOOK = 0.2


class Echoes:
    """The echoes of one connection."""

    def __init__(self, store: Store, connection: str, wait: float) -> None:
        self._store, self._connection, self._wait = store, connection, wait

    async def note(self, tag: Tag, mid: str) -> None:
        """Keep one durably, once; nothing where the row's fate is known already. Raises `StoreUnavailable`."""
        line = f"{tag.part}/{tag.parts}={mid}\n"
        values = {"conversation": tag.conversation, "seq": tag.seq, "n": tag.n, "connection": self._connection}
        await self._store.change([Sql(_NOTE, {**values, "line": line})])

    async def of(self, held: OutboxClaim) -> tuple[Mapping[int, str], int]:
        """The ids by part, and how many parts there are (0: no echo), after waiting for all of them for a while."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._wait
        while True:
            found, parts = await self._read(held)
            if (parts and len(found) >= parts) or loop.time() >= until:
                return found, parts
            await asyncio.sleep(_LOOK)

    async def _read(self, held: OutboxClaim) -> tuple[dict[int, str], int]:
        rows = await self._store.query(_READ, conversation=held.conversation, seq=held.seq, n=held.n)
        noted = _LINE.findall((rows[0]["platform_id"] or "") if rows else "")
        return {int(part): mid for part, _, mid in noted}, max((int(parts) for _, parts, _ in noted), default=0)
