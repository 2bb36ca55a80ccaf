"""The site under fire: `app.py run --workers N` as an operator starts it, over a configuration of its own."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks._chaos.world import IDP_SECRET, TOKEN, ended
from bot.secret import derive

ROOT = Path(__file__).resolve().parents[2]
SECRET = "the secret of a site that exists to be broken"
LEASE = 6.0
"""Seconds a turn is held for without a renewal."""
SEND = 4.0
"""Seconds for one send."""
LONGEST_LEASE = 18.0
"""Seconds: an effect with eight seconds' deadline renews its turn's lease to this."""

_READY = re.compile(r"Worker (\d+) is ready \(process (\d+)\)")
_ENDED = re.compile(r"[Ww]orker .*(?:ended by signal|ended with code|has gone).* \(process (\d+)\)")


class Site:
    """The running site; `ready` are the workers that take messages now, as the supervisor tells."""

    def __init__(self, folder: Path, *, port: int, workers: int) -> None:
        self.folder, self.port, self.workers = folder, port, workers
        self.url = f"http://127.0.0.1:{port}"
        self.ready: dict[int, float] = {}
        self.started = 0
        self.said: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def telegram_secret(self) -> str:
        """What Telegram shows with each update."""
        return derive(SECRET.encode(), "telegram").hex()

    def configure(self, store: str, world: str, customers: list[dict[str, Any]], *, seed: str, harm: float) -> None:
        """Write its configuration."""
        demo = {"path": str(self.folder / "demo.db"), "seed": str(self.folder / "people.yml")}
        (self.folder / "people.yml").write_text(yaml.safe_dump({"payee": "Chaos", "billed": customers, "payg": []}))
        ours = {"path": str(self.folder / "ledger.db"), "seed": seed, "harm": harm}
        settings = {
            "brand": {"folder": str(Path(__file__).parent / "brand")},
            # Reading is not what is under fire: in the worker itself, by words alone, so that one is soon up again.
            "nlu": {"apart": False, "encoder": ""},
            "server": {"port": self.port, "drain": 20},
            "data": str(ROOT / "var"),
            "secret": SECRET,
            "store": {"url": store},
            "services": {
                **{name: f"backends.demo:{made}" for name, made in _DEMO.items()},
                "DirectDebits": ".services.ledger:debits",
                ".services.ledger:Ledger": ".services.ledger:ledger",
            },
            "backends": {"backends.demo": demo, ".services.ledger": {**ours, "demo": demo}},
            "channels": {
                "webchat": {"rate": 1000, "burst": 1000},
                "telegram": {"enabled": True, "token": TOKEN, "mode": "webhook", "api": world},
            },
            "identity": {
                "requests": 1000,
                "providers": [
                    {
                        "id": "world",
                        "issuer": f"{world}/idp",
                        "client_id": "chaos",
                        "client_secret": IDP_SECRET,
                        "label": "the world",
                    }
                ],
            },
            # Killed at every moment, a good message may be begun many times before it is done.
            "limits": {
                "lease": LEASE,
                "poison": 25,
                "effect_grace": 1.0,
                "timers": 0.25,
                # These customers are in a hurry; what is over the limit would get no turn.
                "messages": 1000,
                "messages_burst": 1000,
                "waiting": 10_000,
            },
            "log": {"level": "WARNING"},
        }
        (self.folder / "config.yml").write_text(yaml.safe_dump(settings))

    async def start(self) -> None:
        """Start it, and wait until every worker is ready."""
        command = [sys.executable, "-W", "ignore", "app.py", "run", "--config", str(self.folder / "config.yml")]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        self._process = await asyncio.to_thread(self._spawn, [*command, "--workers", str(self.workers)], clean)
        self._reading = asyncio.create_task(self._read())
        await self.whole(120)

    def _spawn(self, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / "site.err").open("ab") as errors:
            return subprocess.Popen(
                command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )

    async def whole(self, within: float) -> None:
        """Wait until every worker is ready."""
        async with asyncio.timeout(within):
            while len(self.ready) < self.workers:
                await self._change()

    async def _change(self) -> None:
        if self._reading is not None and self._reading.done():
            raise RuntimeError(f"the site has ended: {self.said[-5:]} {(self.folder / 'site.err').read_text()[-2000:]}")
        self._changed.clear()
        try:
            async with asyncio.timeout(0.5):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await asyncio.to_thread(self._process.stdout.readline):
            said = line.decode().rstrip()
            self.said.append(said)
            if found := _READY.search(said):
                self.ready[int(found[2])] = time.monotonic()
                self.started += 1
            elif found := _ENDED.search(said):
                self.ready.pop(int(found[1]), None)
            self._changed.set()

    def signal(self, pid: int, number: int) -> bool:
        """Signal a worker; False where it has gone already."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def writer(self, pid: int) -> int | None:
        """The process that writes to SQLite for a worker."""
        import psutil

        try:
            children = psutil.Process(pid).children()
            return next((one.pid for one in children if "bot.store.sqlite_child" in one.cmdline()), None)
        except psutil.NoSuchProcess:
            return None

    def renew(self) -> None:
        """Have the supervisor take up the program on disk, and replace the workers one by one."""
        assert self._process is not None
        os.kill(self._process.pid, 1)

    async def stop(self) -> int:
        """End it in order; returns the exit code."""
        if self._process is None:
            return 0
        code = await asyncio.to_thread(ended, self._process, 60)
        if self._reading is not None:
            await self._reading
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code


FREE = {"messages": 1000, "messages_burst": 1000}
"""No limit of a customer's: they write as fast as they are answered."""

_DEMO = {"Accounts": "accounts", "Billing": "billing", "Files": "billing", "Payg": "payg"}
