"""Long polling: no public address needed. Telegram forgets an update only once the next request names a later one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from adapters.telegram.client import Client
from adapters.telegram.updates import Updates
from bot.errors import ParleyError, StoreUnavailable, Temporary
from bot.observe import logger

log = logger("parley.telegram")

_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)


class Poller:
    """A worker that fetches updates and takes them in order. The offset moves only after the durable write."""

    def __init__(self, client: Client, updates: Updates) -> None:
        self._client, self._updates = client, updates
        self._stopping = asyncio.Event()
        self._offset = 0

    async def run(self) -> None:
        """Poll until `stop`."""
        failures, ready = 0, False
        while not self._stopping.is_set():
            try:
                if not ready:
                    await self._client.me()
                    await self._client.delete_webhook()
                    ready = True
                await self._round()
                failures = 0
            except ParleyError as error:
                pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
                failures += 1
                asked = error.retry_after if isinstance(error, Temporary) else None
                log.warning("polling failed", reason=str(error), again_in=max(pause, asked or 0.0))
                await self._wait(max(pause, asked or 0.0))

    async def _round(self) -> None:
        fetching = asyncio.create_task(self._client.updates(self._offset))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({fetching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not fetching.done():
            fetching.cancel()
            return
        for raw in fetching.result():
            id_ = raw.get("update_id") if isinstance(raw, Mapping) else None
            if not isinstance(id_, int):
                continue
            await self._take(raw)
            self._offset = max(self._offset, id_ + 1)

    async def _take(self, raw: Mapping[str, Any]) -> None:
        """Take one update, trying again while the store is down: nothing after it may go first."""
        failures = 0
        while True:
            try:
                return await self._updates.take(raw)
            except StoreUnavailable:
                if self._stopping.is_set():
                    raise
                await self._wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Fetch no more."""
        self._stopping.set()
