"""A real Parley process over a folder of its own, which a test may kill and start again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port nobody listens on now, below those the system gives to outgoing connections: a server that is started
    anew finds it free."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def allowed(seconds: float) -> float:
    """What is promised within so many seconds, on a machine whose cores others want too: longer by their share."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class Site:
    """`app.py run --dev` for the demo brand, with its databases under `folder`; `store`: another than SQLite there."""

    def __init__(self, folder: Path, *arguments: str, store: str = "") -> None:
        self.folder, self.arguments = folder, arguments
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: asyncio.subprocess.Process | None = None
        self._log = (folder / "site.log").open("ab")
        settings: dict[str, Any] = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
        settings["brand"]["folder"] = str(ROOT / "brands" / "larkspur")
        settings["data"] = str(ROOT / "var")
        self.store = settings["store"]["url"] = store or f"sqlite:///{folder / 'parley.db'}"
        settings["secret"] = "a secret of the browser tests, long enough"
        settings["backends"]["backends.demo"]["path"] = str(folder / "larkspur.db")
        settings["backends"]["backends.demo"]["seed"] = str(ROOT / "brands" / "larkspur" / "seed" / "people.yml")
        (folder / "config.yml").write_text(yaml.safe_dump(settings), "utf-8")

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "app.py", "run", "--config", str(self.folder / "config.yml"), *self.arguments,
            cwd=ROOT, env={**os.environ, "PARLEY_PORT": str(self.port)}, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        await self.ready()

    async def ready(self, within: float = 120.0) -> None:
        """Wait until /readyz says 200."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(within):
            while True:
                try:
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                if self._process is not None and self._process.returncode is not None:
                    raise RuntimeError((self.folder / "site.log").read_text("utf-8")[-2000:])
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """kill -9 of the process that serves; under `--dev` its supervisor starts another."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children()
        if "--dev" in self.arguments and children:
            for child in children:
                child.send_signal(signal.SIGKILL)
            return
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 30)
            except TimeoutError:
                for child in psutil.Process(self._process.pid).children(recursive=True):
                    child.kill()
                self._process.kill()
                await self._process.wait()
        self._log.close()

    async def backend(self, mode: str) -> None:
        """Turn the demo backend's failure switch."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/dev/backend", json={"mode": mode}) as answer,
        ):
            assert answer.status == 200, await answer.text()

    def rows(self, sql: str, *, backend: bool = False) -> list[tuple[Any, ...]]:
        """Read from the engine's database, or the backend's."""
        path = self.folder / ("larkspur.db" if backend else "parley.db")
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
