"""Hostile input in bulk against a real process: every webhook, Direct Line and the pages, signed so that it gets in.

What is counted: answers of 5xx, requests without an answer in ten seconds, and the process's memory after the first
fifth against the end. Afterwards a customer who says hello must be answered. A seed makes the same inputs again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import psutil
import yaml
from yarl import URL

from benchmarks._hostile.surfaces import Messenger, Pages, Sent, Slack, Surface, Telegram, WebChat
from benchmarks.storming.platforms import SECRET, Platforms, opened
from bot.secret import derive

ROOT = Path(__file__).resolve().parents[1]
LANES = 24
HANG = 10.0
"""Seconds without an answer."""
WIDE: dict[str, Any] = {"messages": 1000, "messages_burst": 1000, "waiting": 100_000}
"""Limits that keep nothing out of the turns."""
SESSIONS = 100
"""Web chat's customers."""


@dataclass(slots=True)
class Count:
    """What came of it."""

    sent: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    surfaces: Counter[str] = field(default_factory=Counter)
    hangs: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    cut: int = 0
    """Connections that were closed without an answer: after a body that lies about itself that is one."""
    memory: list[float] = field(default_factory=list)


class App:
    """`app.py run` for the demo brand, connected to the fakes."""

    def __init__(self, folder: Path, platforms: Platforms, **limits: Any) -> None:
        self._folder, self._platforms, self._limits = folder, platforms, limits
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> App:
        settings: dict[str, Any] = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
        settings["brand"]["folder"] = str(ROOT / "brands" / "larkspur")
        settings["data"] = str(ROOT / "var")
        settings["store"]["url"] = f"sqlite:///{self._folder / 'parley.db'}"
        settings["backends"]["backends.demo"] = {
            "path": str(self._folder / "larkspur.db"),
            "seed": str(ROOT / "brands" / "larkspur" / "seed" / "people.yml"),
        }
        settings["limits"].update(self._limits)
        settings["channels"]["webchat"].update(rate=1000, burst=1000)
        settings["log"]["level"] = "WARNING"
        (self._folder / "config.yml").write_text(yaml.safe_dump(settings), "utf-8")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
        env = {**kept, **self._platforms.environment(), "PARLEY_PORT": str(self.port)}
        with (self._folder / "log").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "app.py", "run", "--config", str(self._folder / "config.yml"),
                cwd=ROOT, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        async with aiohttp.ClientSession() as client, asyncio.timeout(90):
            while True:
                try:
                    async with client.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return self
                except aiohttp.ClientError:
                    pass
                if self.process.returncode is not None:
                    raise RuntimeError(self.log()[-2000:])
                await asyncio.sleep(0.1)

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 40)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

    def megabytes(self) -> float:
        """What the process keeps in memory now."""
        assert self.process is not None
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def log(self) -> str:
        """What it has written."""
        return (self._folder / "log").read_text("utf-8", "replace")


async def session(client: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    """A new customer of the web chat: conversation and token."""
    async with client.post(f"{url}/chat/session", headers={"Origin": url}) as answer:
        found = await answer.json()
        return str(found["conversationId"]), str(found["token"])


async def answered(client: aiohttp.ClientSession, url: str) -> float:
    """Seconds until a new customer's hello is answered; -1 if it is not within a minute."""
    conversation, token = await session(client, url)
    began, at = time.monotonic(), f"{url}/v3/directline/conversations/{conversation}/activities"
    headers = {"Authorization": f"Bearer {token}"}
    async with client.post(at, json={"type": "message", "text": "hello"}, headers=headers) as sent:
        if sent.status != 200:
            return -1.0
    while time.monotonic() - began < 60:
        async with client.get(at, headers=headers) as answer:
            found = await answer.json()
        if any(one["from"]["role"] == "bot" for one in found["activities"]):
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    return -1.0


async def send(client: aiohttp.ClientSession, url: str, surface: str, one: Sent, count: Count) -> None:
    """Send one and count what comes back."""
    count.sent += 1
    count.surfaces[surface] += 1
    try:
        async with asyncio.timeout(HANG):
            at = URL(url + one.path, encoded=True)
            async with client.request(
                one.method, at, data=one.body, headers=one.headers, allow_redirects=False
            ) as answer:
                await answer.read()
                count.statuses[f"{answer.status // 100}xx"] += 1
                if answer.status >= 500:
                    count.failed.append(f"{surface} {answer.status} {one.method} {one.path[:80]} {one.body[:200]!r}")
    except TimeoutError:
        count.hangs.append(f"{surface} {one.method} {one.path[:80]} {one.body[:200]!r}")
    except (aiohttp.ClientError, ConnectionError):
        count.cut += 1


async def lane(
    url: str, surfaces: list[Surface], todo: list[int], chance: random.Random, count: Count, app: App
) -> None:
    """Send until there is no more to do."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client:
        while todo[0] > 0:
            todo[0] -= 1
            surface = surfaces[todo[0] % len(surfaces)]
            await send(client, url, surface.name, surface.one(chance), count)
            if count.sent % 500 == 0:
                count.memory.append(app.megabytes())


async def hostile(number: int, seed: int, folder: Path) -> dict[str, Any]:
    """Send so many; the figures."""
    count = Count()
    # A fake whose caller is ended in mid-request says so at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    async with opened(0.0, seed) as platforms, App(folder, platforms, **WIDE) as app:
        platforms.connect(app.url)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
            people = [await session(client, app.url) for _ in range(SESSIONS)]
            workspace, slack = platforms.slack.fake.workspace, platforms.slack.fake
            surfaces: list[Surface] = [
                Telegram(derive(SECRET.encode(), "telegram").hex()),
                Slack(slack.signing_secret, workspace.team, workspace.app),
                Messenger(platforms.messenger.fake.app_secret, platforms.messenger.fake.page.id),
                WebChat(people),
                Pages(),
            ]
            before, began, todo = app.megabytes(), time.monotonic(), [number]
            await asyncio.gather(
                *(lane(app.url, surfaces, todo, random.Random(f"{seed}.{at}"), count, app) for at in range(LANES))
            )
            seconds = time.monotonic() - began
            after = await answered(client, app.url)
        log = app.log()
    fifth = max(1, len(count.memory) // 5)
    warm = statistics.median(count.memory[fifth : 2 * fifth] or [before])
    end = statistics.median(count.memory[-fifth:] or [before])
    return {
        "sent": count.sent,
        "by_surface": dict(count.surfaces),
        "statuses": dict(sorted(count.statuses.items())),
        "responses_5xx": len(count.failed),
        "hangs": len(count.hangs),
        "cut": count.cut,
        "answered_after_s": round(after, 2),
        "failures_logged": sum('"request failed"' in line or "Traceback" in line for line in log.splitlines()),
        "mb_before": round(before, 1),
        "mb_after_a_fifth": round(warm, 1),
        "mb_at_the_end": round(end, 1),
        "seconds": round(seconds, 1),
        "per_s": round(count.sent / seconds),
        "examples": [*count.failed[:5], *count.hangs[:5]],
    }


def main() -> int:
    """Run it; the exit code is 1 where something was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-hostile-") as folder:
        found = asyncio.run(hostile(asked.count, asked.seed, Path(folder)))
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for name, value in found.items():
            print(f"{name:>20}  {value}")
    wrong = found["responses_5xx"] or found["hangs"] or found["failures_logged"] or found["answered_after_s"] < 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
