"""kill -9 and pauses at any moment: nothing acknowledged is lost, nothing is handled twice, order holds."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.model import Address, Inbound, Outbound
from bot.ports import OutRow, Store, Work
from bot.store import migrate, open_store
from tests.integration.store_worker import CONVERSATIONS
from tests.postgres import fresh_database

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = 20

_processes: list[subprocess.Popen[str]] = []


def spawn(*arguments: str) -> subprocess.Popen[str]:
    """A worker process; the test that started it ends it."""
    command = [sys.executable, "-W", "error", "-m", "tests.integration.store_worker", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    _processes.append(process)
    return process


async def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def started(url: str, folder: Path, name: str) -> subprocess.Popen[str]:
    process = spawn(url, str(folder), name, str(MESSAGES))
    assert await line(process) == "up"
    return process


async def killed(process: subprocess.Popen[str]) -> bool:
    """Kill -9; whether it was still at work."""
    process.kill()
    return await asyncio.to_thread(process.wait) == -signal.SIGKILL


async def finished(process: subprocess.Popen[str]) -> None:
    assert await line(process) == "done"
    assert await asyncio.to_thread(process.wait) == 0


async def check(store: Store, folder: Path, names: tuple[str, ...]) -> None:
    """What was promised, read from the database and from what the platform saw."""
    wanted = list(range(1, MESSAGES + 1))
    conversations = await store.query("SELECT id, user_id, state, seq, done FROM conversation")
    assert len(conversations) == CONVERSATIONS * len(names)
    acked = [entry for name in names for entry in (folder / f"{name}.acked").read_text().split("\n") if entry]
    handled = {row["user_id"]: json.loads(row["state"])["handled"] for row in conversations}
    lost = [entry for entry in acked if int(entry.split()[1]) not in handled[entry.split()[0]]]
    assert lost == []
    for row in conversations:
        assert handled[row["user_id"]] == wanted, "each once, in order"
        assert (row["seq"], row["done"]) == (MESSAGES, MESSAGES)
        entries = await store.entries(row["id"], limit=10_000)
        assert [entry.pos for entry in entries] == list(range(1, len(entries) + 1))
        said = [entry.body["text"] for entry in entries if entry.side == "bot"]
        assert said == [f"{part} {i}" for i in wanted for part in ("half", "whole")]
        assert [int(entry.body["text"]) for entry in entries if entry.side == "customer"] == wanted
    states = await store.query("SELECT status, count(*) AS n FROM outbound GROUP BY status")
    assert states == [{"status": "sent", "n": len(conversations) * MESSAGES * 2}]
    # The platform: each row at least once, in order; twice only where the second time was known to be uncertain.
    seen: dict[str, dict[tuple[int, int], int]] = defaultdict(dict)
    for name in names:
        for sent in (folder / f"{name}.sent").read_text().splitlines():
            user, seq, n, _, uncertain = json.loads(sent)
            count = seen[user].get((seq, n), 0)
            seen[user][seq, n] = count + (not uncertain)
    for user, rows in seen.items():
        assert len(rows) == MESSAGES * 2, user
        assert max(rows.values()) <= 1, "sent again without a word"
        if len(names) == 1:
            assert list(rows) == sorted(rows), "out of order"


@pytest.mark.slow
@pytest.mark.promise("never-lost", "turn-once")
async def test_sqlite_survives_being_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/parley.db"
    await migrate(url)
    dice = random.Random(20)
    at_work = 0
    for _ in range(6):
        process = await started(url, tmp_path, "w")
        await asyncio.sleep(dice.uniform(0.02, 0.3))
        at_work += await killed(process)
    assert at_work >= 2, "the kills came too late to prove anything"
    await finished(await started(url, tmp_path, "w"))
    store = await open_store(url)
    await check(store, tmp_path, ("w",))
    await store.close()


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.promise("never-lost", "turn-once")
async def test_postgres_workers_survive_each_other(tmp_path: Path) -> None:
    async with fresh_database() as url:
        dice = random.Random(21)
        names = ("a", "b")
        running = dict(zip(names, await asyncio.gather(*[started(url, tmp_path, name) for name in names]), strict=True))
        at_work = 0
        for turn in range(4):
            await asyncio.sleep(dice.uniform(0.05, 0.4))
            name = names[turn % 2]
            at_work += await killed(running[name])
            running[name] = await started(url, tmp_path, name)
        assert at_work >= 2, "the kills came too late to prove anything"
        await asyncio.gather(*[finished(process) for process in running.values()])
        store = await open_store(url)
        await check(store, tmp_path, names)
        await store.close()


@pytest.mark.postgres
@pytest.mark.promise("turn-once")
async def test_a_worker_paused_past_its_lease_cannot_write() -> None:
    async with fresh_database() as url:
        store = await open_store(url)
        await store.accept(Inbound("m1", "message", datetime.now(UTC), address=Address("b", "tg", "telegram", "u")))
        process = spawn(url, "paused")
        assert await line(process) == "claimed"
        process.send_signal(signal.SIGSTOP)
        for _ in range(200):
            claims = await store.claim(1, lease=30)
            if claims:
                break
            await asyncio.sleep(0.02)
        (claim,) = claims
        assert claim.tries == 1
        await store.commit(claim, Work(b"by the quick one", (OutRow(0, Outbound("in time")),)), lease=30)
        process.send_signal(signal.SIGCONT)
        assert await line(process) == "fenced"
        await asyncio.to_thread(process.wait)
        assert await store.query("SELECT state, done FROM conversation") == [{"state": b"by the quick one", "done": 1}]
        entries = await store.entries(claim.conversation)
        assert [entry.body["text"] for entry in entries if entry.side == "bot"] == ["in time"]
        await store.close()


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    yield
    while _processes:
        process = _processes.pop()
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
