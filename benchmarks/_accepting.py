"""A server process that only takes messages in: Telegram's webhook over a store, or a bare aiohttp echo.

`python -m benchmarks._accepting echo | none | URL` prints the port it listens on. On its way a message passes all that
it passes in `app.py run`: the boundary and its log line, the limits, the look for a sign-in's code, the rules that hear
"human" and "stop". It gets no turn. `none` is a store that keeps nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

from aiohttp import web
from cryptography.fernet import Fernet

from bot.model import Accepted, Address, Control, Inbound
from bot.observe import configure
from bot.overflow import Overflow, paces
from bot.ports import Sql, Store
from bot.settings.site import LimitSettings
from bot.store import open_store
from bot.store.system_clock import SystemClock
from bot.tuning import tune

SECRET = "bench"
PATH = "/channels/telegram"
URL = "http://127.0.0.1:8080"
KEY = b"bench" * 8
NEVER = 1e9
"""Seconds until "typing" is shown: no turn ends the wait, and there is no platform to show it."""
OFTEN = 1000.0
"""Messages a second of one customer: the limits are looked at, and nobody is over them."""


class _Forgetful:
    """Says at the end of the loop's pass, to all who have asked in it, that what they brought was taken."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[Accepted]] = []
        self._taken = 0

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        """Taken."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Accepted] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._settle)
        self._waiting.append(future)
        return await future

    def _settle(self) -> None:
        for future in self._waiting:
            self._taken += 1
            future.set_result(Accepted("none", self._taken, self._taken, True))
        self._waiting.clear()

    async def close(self) -> None:
        """Nothing is open."""


class _Nobody:
    """No links, no sign-ins, no commands."""

    async def user_of(self, request: web.Request) -> str | None:
        """No session."""
        return None

    async def url(self, transaction: str, conversation: str) -> str | None:
        """No page."""
        return None

    def unlink(self, *, address: Address, now: datetime, reason: str) -> Sequence[Sql]:
        """Nothing is linked."""
        return ()


def _control(text: str, locale: str | None) -> Control | None:
    from nlu import rules

    return rules.control(text)


def _redactor(store: Store, limits: LimitSettings) -> Overflow:
    """What looks at a message before it is accepted."""
    from auth import Auth, ProviderSettings

    auth = Auth(
        store=store,
        clock=SystemClock(),
        providers=[ProviderSettings("bench", f"{URL}/idp", "bench", SECRET)],
        server_keys=[KEY],
        vault_keys=[Fernet.generate_key()],
        public_url=URL,
        brand={},
        proof=_Nobody(),
    )
    allowed = paces(store, KEY, rate=OFTEN, burst=OFTEN)
    return Overflow(store, auth.redactor, _control, allowed, waiting=limits.waiting)


@asynccontextmanager
async def _app(kind: str) -> AsyncIterator[web.Application]:
    if kind == "echo":
        app = web.Application()
        app.add_routes([web.post(PATH, _echo)])
        yield app
        return
    from adapters.telegram import Telegram, TelegramSettings
    from bot.web import Drain, Health, build_app

    store = await open_store(kind, writer="process") if kind != "none" else cast(Store, _Forgetful())
    nobody, limits = _Nobody(), LimitSettings()
    settings = TelegramSettings(brand="bench", token="1:bench", secret=SECRET, typing_after=NEVER)
    edge = Telegram(
        store=store,
        clock=SystemClock(),
        settings=settings,
        control=_control,
        redactor=_redactor(store, limits),
        links=nobody,
        unlinks=nobody,
    )
    drain = Drain()
    try:
        yield build_app(
            routes=edge.routes(),
            health=Health({}, drain=drain),
            drain=drain,
            https=True,
            body=limits.body,
            requests=limits.requests,
        )
    finally:
        await edge.close()
        await store.close()


async def _echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def main(kind: str) -> None:
    """Serve until standard input ends."""
    async with _app(kind) as app:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        server: Any = site._server
        tune()
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await runner.cleanup()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    # As `app.py run` does by default, one line a request; they go nowhere.
    with open(os.devnull, "w") as nowhere:
        configure(level="INFO", stream=nowhere)
        asyncio.run(main(sys.argv[1]))
