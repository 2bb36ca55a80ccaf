"""The app's process: `app.py run` with the three push channels connected to the strict platforms of this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.storming.counting import write
from benchmarks.storming.platforms import Platforms

ROOT = Path(__file__).resolve().parents[2]


class NotReady(Exception):
    """The process did not become ready."""


class App:
    """One process over a folder, which may be killed and started again."""

    def __init__(self, folder: Path, platforms: Platforms) -> None:
        self._folder, self._config = folder, write(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        # These customers write faster than any; what is over the limit would get no turn.
        hurry = {"PARLEY_LIMITS__MESSAGES": "1000", "PARLEY_LIMITS__MESSAGES_BURST": "1000"}
        self._env = {**kept, **hurry, "PARLEY_PORT": str(self.port), **platforms.environment()}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, within: float = 60.0) -> float:
        """Start it; returns the seconds until it was ready. Raises `NotReady`."""
        began = time.monotonic()
        with (self._folder / "log").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "app.py", "run", "--config", str(self._config),
                cwd=ROOT, env=self._env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        async with aiohttp.ClientSession() as client:
            while time.monotonic() - began < within and self._process.returncode is None:
                if await self._answers(client):
                    return time.monotonic() - began
                await asyncio.sleep(0.05)
        raise NotReady(self.log()[-3000:])

    async def _answers(self, client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, then wait for a clean end."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 30)
        except TimeoutError:
            await self.kill()

    def log(self) -> str:
        """What it has written."""
        return (self._folder / "log").read_text("utf-8", "replace")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read from its database."""
        connection = sqlite3.connect(f"{(self._folder / 'var' / 'storm.db').as_uri()}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
