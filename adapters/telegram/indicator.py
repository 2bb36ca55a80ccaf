"""Shows that somebody types while a turn takes its time; quick turns show nothing."""

from __future__ import annotations

import asyncio

from adapters.atwork import AtWork
from adapters.telegram.client import Client
from adapters.waiting import Waiting
from bot.errors import ParleyError
from bot.model import Address

_AGAIN = 4.0
"""Telegram shows it for five seconds."""
_TIMES = 4


class Typing(Waiting):
    """Best effort: a failure only means that nothing is shown."""

    def __init__(self, client: Client, after: float, at_work: AtWork) -> None:
        super().__init__(after, self._type)
        self._client, self._at_work = client, at_work

    async def _type(self, address: Address) -> None:
        try:
            for _ in range(_TIMES):
                if not await self._at_work(address):
                    return
                await self._client.typing(int(address.user), int(address.thread) if address.thread else None)
                await asyncio.sleep(_AGAIN)
        except ParleyError:
            return
