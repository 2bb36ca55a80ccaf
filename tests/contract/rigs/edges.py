"""What the tests of every channel's edge look at and do, whichever platform it is."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from bot.delivery import Delivery
from bot.model import Outbound, Party
from bot.ports import Claim, OutboxClaim, OutRow, Work
from tests.contract.rigs.base import Rig

ANA, BEN = "1001", "1002"


async def rows(rig: Rig) -> list[dict[str, Any]]:
    """What was taken in, in order."""
    found = await rig.store.query("SELECT kind, key, text, data FROM inbound ORDER BY conversation, seq")
    return [{**row, "data": msgspec.json.decode(row["data"])} for row in found]


async def letters(rig: Rig) -> list[dict[str, Any]]:
    """What could not be read, and is kept."""
    return await rig.store.query("SELECT connection, reason, body FROM dead_letter")


async def claimed(rig: Rig) -> Claim:
    """The one turn that is ready."""
    (claim,) = await rig.store.claim(10, lease=30)
    return claim


async def reply(rig: Rig, said: Outbound, *, user: str = ANA, **where: str) -> OutboxClaim:
    """The customer writes, `said` is the answer, and this its send, held."""
    assert await rig.says("hello", user=user, **where) == 200
    party: Party = "agent" if said.purpose == "agent" else "bot"
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, said),), party=party), lease=30)
    (held,) = await rig.store.claim_outbox(10, lease=30)
    return held


async def deliver(rig: Rig, rounds: int = 6) -> None:
    """Send what is to be sent, trying again after each failure's second."""
    delivery = Delivery(rig.store, {rig.channel.name: rig.channel}, rig.clock)
    for _ in range(rounds):
        for held in await rig.store.claim_outbox(10, lease=30):
            await delivery.one(held)
        if not await rig.store.query("SELECT n FROM outbound WHERE status IN ('queued', 'sending')"):
            return
        await asyncio.sleep(1.05)
