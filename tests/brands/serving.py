"""`app.py run` for any configuration as a real process, and a customer who writes to it over Direct Line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
LINE = "/v3/directline/conversations"


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Served:
    """A started process, and one customer of it."""

    process: asyncio.subprocess.Process
    port: int
    client: aiohttp.ClientSession
    log: Path
    session: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def bearer(self) -> dict[str, str]:
        """This customer's proof."""
        return {"Authorization": f"Bearer {self.session['token']}"}

    @property
    def activities(self) -> str:
        """Where this customer's messages go."""
        return f"{self.url}{LINE}/{self.session['conversationId']}/activities"

    async def ready(self, within: float = 90.0) -> None:
        """Wait for /readyz."""
        began = time.monotonic()
        while time.monotonic() - began < within and self.process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                if (await self.ask("GET", "/readyz"))[0] == 200:
                    return
            await asyncio.sleep(0.1)
        raise AssertionError(f"it did not become ready:\n{self.said()[-4000:]}")

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, str]:
        """Status and text of one request; `path` may be a whole address."""
        at = path if path.startswith("http") else self.url + path
        async with self.client.request(method, at, **more) as answer:
            return answer.status, await answer.text()

    async def open(self) -> None:
        """Begin a conversation."""
        async with self.client.post(f"{self.url}/chat/session", headers={"Origin": self.url}) as answer:
            assert answer.status == 200, await answer.text()
            self.session = await answer.json()

    async def post(self, text: str) -> tuple[int, str]:
        """Send a message; status and answer."""
        return await self.ask("POST", self.activities, json={"type": "message", "text": text}, headers=self.bearer)

    async def heard(self, wanted: str = "", *, more_than: int = 0, within: float = 30.0) -> list[str]:
        """All that the bot has said, once it is more than so many messages and one of the new ones has `wanted`."""
        began, texts = time.monotonic(), list[str]()
        while time.monotonic() - began < within:
            status, body = await self.ask("GET", self.activities, headers=self.bearer)
            if status == 200:
                read = json.loads(body)["activities"]
                texts = [one.get("text") or "" for one in read if one["from"]["role"] == "bot"]
                if any(wanted in text for text in texts[more_than:]):
                    return texts
            await asyncio.sleep(0.1)
        raise AssertionError(f"never said {wanted!r}; said {texts}\n{self.said()[-2000:]}")

    def said(self) -> str:
        """Everything the process has printed and logged."""
        return self.log.read_text("utf-8")


@contextlib.asynccontextmanager
async def serving(config: Path, *arguments: str, port: int = 0, **env: str) -> AsyncIterator[Served]:
    """Start `app.py run` for a configuration, its output in a file beside it; ended afterwards."""
    at = port or free_port()
    log = config.parent / f"run-{at}-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "app.py", "run", "--config", str(config), *arguments,
            cwd=ROOT, env={**CLEAN, "PARLEY_PORT": str(at), "PYTHONUNBUFFERED": "1", **env},
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(10)) as client:
            yield Served(process, at, client, log)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 30)
            except TimeoutError:
                process.kill()
                await process.wait()


async def refused(config: Path, *arguments: str, within: float = 60.0, **env: str) -> str:
    """Start it where it has to refuse: the one line that it says before it ends with exit code 1."""
    async with serving(config, *arguments, **env) as site:
        code = await asyncio.wait_for(site.process.wait(), within)
        said = site.said()
    assert code == 1, said[-2000:]
    assert "Traceback" not in said, said[-2000:]
    assert sum(line.startswith("Error: ") for line in said.splitlines()) == 1, said[-2000:]
    return said[said.index("Error: ") :]
