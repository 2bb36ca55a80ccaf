"""Hostile input in bulk against a real process: every webhook, Direct Line and the pages, signed so that it gets in.

What is counted: answers of 5xx, requests without an answer in ten seconds, and the memory of the process and of its
reader at every tenth. The first half fills caches of fixed size (SQLite's 64 MB of pages, full after some 90,000, and
the allocator's arenas), so `kb_per_1000` is the slope of a line through the second, and `mb_growth` its rise.
Afterwards a customer who says hello must be answered. A seed makes the same inputs again.

`--growth` shows instead which types of objects are there in greater number at the end than after the first quarter;
with `--places`, where their memory was asked for (slower).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import random
import signal
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
    memory: list[tuple[int, float]] = field(default_factory=list)
    """(sent, MB) as it went on."""


class App:
    """`app.py run` for the demo brand, connected to the fakes."""

    def __init__(self, folder: Path, platforms: Platforms, *, growth: bool = False, **limits: Any) -> None:
        self._folder, self._platforms, self._limits, self._growth = folder, platforms, limits, growth
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
        program = ["-m", "benchmarks._hostile.inside", str(self._folder / "seen")] if self._growth else ["app.py"]
        with (self._folder / "log").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *program, "run", "--config", str(self._folder / "config.yml"),
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
        """What the process and its reader keep in memory now, what they share with others left out."""
        assert self.process is not None
        first = psutil.Process(self.process.pid)
        return sum(float(one.memory_full_info().uss) for one in (first, *first.children(recursive=True))) / 2**20

    async def look(self) -> dict[str, Any]:
        """What it has in memory, by type and by place; where it was started to be looked into."""
        assert self.process is not None
        before = len(self._seen())
        self.process.send_signal(signal.SIGUSR1)
        async with asyncio.timeout(60):
            for _ in iter(lambda: len(self._seen()) > before, True):
                await asyncio.sleep(0.1)
        found: dict[str, Any] = msgspec.json.decode(self._seen()[-1])
        return found

    def _seen(self) -> list[bytes]:
        seen = self._folder / "seen"
        return seen.read_bytes().splitlines() if seen.exists() else []

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


async def lane(url: str, surfaces: list[Surface], todo: list[int], chance: random.Random, count: Count) -> None:
    """Send until there is no more to do."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client:
        while todo[0] > 0:
            todo[0] -= 1
            surface = surfaces[todo[0] % len(surfaces)]
            await send(client, url, surface.name, surface.one(chance), count)


async def watch(count: Count, app: App, number: int, growth: bool) -> list[dict[str, Any]]:
    """Look at the memory ten times in every tenth, and into the process at every quarter, until all is sent."""
    looks: list[dict[str, Any]] = []
    while count.sent < number:
        if count.sent >= len(count.memory) * number / 100:
            count.memory.append((count.sent, await asyncio.to_thread(app.megabytes)))
        if growth and count.sent >= (len(looks) + 1) * number / 4:
            looks.append(await app.look())
        await asyncio.sleep(0.05)
    count.memory.append((count.sent, await asyncio.to_thread(app.megabytes)))
    return [*looks, await app.look()] if growth else []


def slope(points: list[tuple[int, float]]) -> float:
    """MB for each input: the least squares' line through what was seen."""
    if len(points) < 2:
        return 0.0
    line = statistics.linear_regression([sent for sent, _ in points], [mb for _, mb in points])
    return float(line.slope)


def grown(looks: list[dict[str, Any]], what: str) -> dict[str, list[int]]:
    """What there was more of at each look than at the one before it."""
    first, last = looks[0][what], looks[-1][what]
    more = sorted((name for name in last if last[name] > first.get(name, 0)), key=lambda n: first.get(n, 0) - last[n])
    return {name: [one[what].get(name, 0) for one in looks] for name in more[:40]}


async def hostile(number: int, seed: int, folder: Path, *, growth: bool = False) -> dict[str, Any]:
    """Send so many; the figures."""
    count = Count()
    # A fake whose caller is ended in mid-request says so at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    async with opened(0.0, seed) as platforms, App(folder, platforms, growth=growth, **WIDE) as app:
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
            watching = asyncio.create_task(watch(count, app, number, growth))
            await asyncio.gather(
                *(lane(app.url, surfaces, todo, random.Random(f"{seed}.{at}"), count) for at in range(LANES))
            )
            seconds = time.monotonic() - began
            looks = await watching
            after = await answered(client, app.url)
        log = app.log()
    warm = [(sent, mb) for sent, mb in count.memory if sent >= number / 2] or count.memory
    per_input = slope(warm)
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
        "mb": {f"{int(sent):,}": round(mb, 1) for sent, mb in tenths(count.memory, number)},
        "kb_per_1000": round(per_input * 1000 * 1024, 1),
        "mb_growth": round(per_input * number / 2, 1),
        "seconds": round(seconds, 1),
        "per_s": round(count.sent / seconds),
        **(
            {
                "types": grown(looks, "types"),
                "places": grown(looks, "places"),
                "blocks": [one["blocks"] for one in looks],
            }
            if looks
            else {}
        ),
        "examples": [*count.failed[:5], *count.hangs[:5]],
    }


def tenths(points: list[tuple[int, float]], number: int) -> list[tuple[float, float]]:
    """(sent, median MB around it) at every tenth."""
    at = [number * tenth / 10 for tenth in range(1, 11)]
    near = [[mb for sent, mb in points if mark - number / 20 < sent <= mark + number / 20] for mark in at]
    return [(mark, statistics.median(mbs)) for mark, mbs in zip(at, near, strict=True) if mbs]


def main() -> int:
    """Run it; the exit code is 1 where something was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--growth", action="store_true", help="what there is more and more of, by type")
    parser.add_argument("--places", action="store_true", help="and where it was asked for")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.places:
        os.environ["PLACES"] = "1"
    with tempfile.TemporaryDirectory(prefix="parley-hostile-") as folder:
        found = asyncio.run(hostile(asked.count, asked.seed, Path(folder), growth=asked.growth))
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for name, value in found.items():
            print(f"{name:>20}  {value}")
    wrong = found["responses_5xx"] or found["hangs"] or found["failures_logged"] or found["answered_after_s"] < 0
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
