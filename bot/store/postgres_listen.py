"""Listens for PostgreSQL's notifications on a connection of its own, and comes back by itself when that is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from bot.store.faults import POSTGRES_ERRORS
from bot.store.postgres_sql import LOG, OUTBOX, TURNS
from bot.store.wake import Hub

CHECK = 30.0
"""Seconds between proofs that the connection still answers."""

_FIRST_ANSWER, _FIRST_WAIT, _LONGEST_WAIT = 5.0, 0.2, 5.0


class Listener:
    """Touches this process's watches when any process notifies."""

    def __init__(self, url: str, hub: Hub) -> None:
        self._url = url
        self._hub = hub
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen, and return once it does; without a connection, go on trying behind the scenes."""
        self._task = asyncio.create_task(self._run(), name="parley-postgres-listener")
        try:
            async with asyncio.timeout(_FIRST_ANSWER):
                await self._ready.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        wait = _FIRST_WAIT
        while True:
            try:
                await self._listen()
                wait = _FIRST_WAIT
            except POSTGRES_ERRORS:
                # Watches time out and poll meanwhile, so a lost listener costs time only.
                wait = min(wait * 2, _LONGEST_WAIT)
            self._ready.clear()
            await asyncio.sleep(wait)

    async def _listen(self) -> None:
        con: Any = await asyncpg.connect(self._url, server_settings={"application_name": "parley-listener"})
        lost = asyncio.Event()
        try:
            con.add_termination_listener(lambda _: lost.set())
            for channel in (TURNS, OUTBOX, LOG):
                await con.add_listener(channel, self._heard)
            # Whatever was notified while nobody listened is found by looking.
            self._hub.touch_all()
            self._ready.set()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(CHECK):
                        await lost.wait()
                except TimeoutError:
                    await con.execute("SELECT 1", timeout=CHECK)
        finally:
            con.terminate()

    def _heard(self, _con: Any, _pid: int, channel: str, payload: str) -> None:
        if channel == LOG:
            self._hub.touch((f"log:{payload}",))
        else:
            self._hub.touch(("turns" if channel == TURNS else "outbox",))
