"""A worker process for the kill tests: takes messages in, answers them, sends the answers.

`python -m tests.integration.store_worker URL FOLDER NAME MESSAGES`

FOLDER/NAME.acked holds a line for each message whose accept returned; FOLDER/NAME.sent one for each send begun, as a
platform would have seen it. Both are written without a buffer, so that a kill loses nothing that was done.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import Fenced
from bot.model import Address, Inbound, Outbound
from bot.ports import Claim, OutboxClaim, OutRow, Store, Work
from bot.store import open_store

CONVERSATIONS = 12
LEASE = 0.5


class Lines:
    """An append-only file that is on its way to disk as soon as `add` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self, line: str) -> None:
        """One more line."""
        os.write(self._file, f"{line}\n".encode())


async def feed(store: Store, name: str, acked: Lines, known: Counter[str], total: int) -> None:
    """Each customer writes 1, 2, 3, … and goes on with the first that was not acknowledged."""

    async def customer(number: int) -> None:
        user = f"{name}-{number}"
        for i in range(known[user] + 1, total + 1):
            at = datetime.now(UTC)
            address = Address("larkspur", "telegram", "telegram", user)
            await store.accept(Inbound(f"{user}:{i}", "message", at, address=address, text=str(i)))
            acked.add(f"{user} {i}")
            await asyncio.sleep(random.uniform(0, 0.02))

    await asyncio.gather(*[customer(number) for number in range(CONVERSATIONS)])


async def answer(store: Store, claim: Claim) -> None:
    """Turns of one conversation: what was handled is remembered in the state, half of it in a checkpoint."""
    now: Claim | None = claim
    while now is not None:
        handled = json.loads(now.state).get("handled", [])
        said = OutRow(0, Outbound(f"half {now.inbound.text}")), OutRow(1, Outbound(f"whole {now.inbound.text}"))
        half = json.dumps({"handled": handled, "half": now.seq}).encode()
        if json.loads(now.state).get("half") != now.seq:
            await store.checkpoint(now, Work(half, said[:1]))
        await asyncio.sleep(random.uniform(0, 0.005))
        whole = json.dumps({"handled": [*handled, int(now.inbound.text)]}).encode()
        now = await store.commit(now, Work(whole, said[1:]), lease=LEASE)


async def deliver(store: Store, held: OutboxClaim, sent: Lines) -> None:
    """One send, as the platform sees it."""
    sent.add(json.dumps([held.address.user, held.seq, held.n, held.said.text, held.uncertain]))
    await asyncio.sleep(random.uniform(0, 0.003))
    await store.sent(held, platform_id="x", at=datetime.now(UTC))


async def guarded(work: asyncio.Future[None] | asyncio.Task[None]) -> None:
    try:
        await work
    except Fenced:
        return  # Another worker took it over while this one was slow.


async def work(store: Store, sent: Lines) -> None:
    """Claims and sends until everything is done."""
    while True:
        claims = await store.claim(4, lease=LEASE)
        heads = await store.claim_outbox(4, lease=LEASE)
        tasks = [asyncio.create_task(answer(store, claim)) for claim in claims]
        tasks += [asyncio.create_task(deliver(store, held, sent)) for held in heads]
        await asyncio.gather(*[guarded(task) for task in tasks])
        if not tasks:
            await asyncio.sleep(0.01)


async def main(url: str, folder: Path, name: str, total: int) -> None:
    """Feed and work; ends when all of its own messages were taken in and nothing is left to do."""
    path = folder / f"{name}.acked"
    known = Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter[str]()
    store = await open_store(url, writer="process")
    print("up", flush=True)
    working = asyncio.create_task(work(store, Lines(folder / f"{name}.sent")))
    await feed(store, name, Lines(path), known, total)
    left = "SELECT count(*) AS n FROM conversation WHERE done < seq OR out_due IS NOT NULL"
    while (await store.query(left))[0]["n"]:
        if working.done():
            working.result()
        await asyncio.sleep(0.02)
    working.cancel()
    await store.close()
    print("done", flush=True)


async def paused(url: str) -> None:
    """Claim, say so, and commit a little later: by then the test has paused this process past its lease."""
    store = await open_store(url)
    (claim,) = await store.claim(1, lease=0.4)
    print("claimed", flush=True)
    await asyncio.sleep(0.2)
    try:
        await store.commit(claim, Work(b"by the slow one", (OutRow(0, Outbound("late")),)), lease=1)
        print("committed", flush=True)
    except Fenced:
        print("fenced", flush=True)
    await store.close()


if __name__ == "__main__":
    if sys.argv[2] == "paused":
        asyncio.run(paused(sys.argv[1]))
    else:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
