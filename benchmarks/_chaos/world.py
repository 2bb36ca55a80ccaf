"""What is not ours and survives: a strict Telegram and a sign-in provider."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from adapters.fakes.telegram import FakeTelegram
from auth.demo_idp import DemoClient, DemoIdp
from benchmarks._chaos.chats import Feed
from bot.store.system_clock import SystemClock

IDP_SECRET = "the chat's own secret at the world's provider"
TOKEN = "110201543:AAChaosTokenForThisMachineOnly00000"
FAST = (1e6, 1e6)


class World:
    """Telegram and the sign-in provider on one port of this process."""

    def __init__(self, site: str, customers: Sequence[Mapping[str, str]]) -> None:
        self._site, self._customers = site, customers
        self.feed = Feed()
        self.telegram = FakeTelegram(TOKEN)
        self.telegram.chats.messages = self.feed
        # The platform's own limits would hide the engine's pace; tests of their own hold them.
        self.telegram.chats.chat_rate = self.telegram.chats.overall_rate = FAST
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """Serve it."""
        app = web.Application()
        app.add_routes(self.telegram.routes())
        runner = web.AppRunner(app, access_log=None)
        # The provider's address stands in what it issues, so the port is chosen first.
        listening = _listening()
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = DemoClient("chaos", IDP_SECRET, (f"{self._site}/link/callback/world",))
        idp = DemoIdp(issuer=f"{self.url}/idp", clients=[client], personas=self._customers, clock=SystemClock())
        app.add_subapp("/idp", idp.app())
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield self
        finally:
            await runner.cleanup()

    async def set_webhook(self, secret: str) -> None:
        """Have Telegram post to the site."""
        given = {"url": f"{self._site}/channels/telegram", "secret_token": secret}
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{self.url}/bot{TOKEN}/setWebhook", json=given) as answer,
        ):
            answer.raise_for_status()


def _listening() -> Any:
    import socket

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.setblocking(False)
    return listening


def ended(process: subprocess.Popen[bytes], within: float) -> int:
    """Ask a process to end and wait for it; kill it where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            for child in _children(process.pid):
                os.kill(child, signal.SIGKILL)
            process.kill()
            process.wait()
            return -signal.SIGKILL
    return int(process.returncode)


def _children(pid: int) -> list[int]:
    import psutil

    try:
        return [one.pid for one in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []
