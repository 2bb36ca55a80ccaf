"""What a platform allows a bot or a Page counts for all processes that send for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.messenger.errors import TooFast
from adapters.messenger.pause import Pause
from bot.model import Address, Outbound
from bot.ports import OutboxClaim, OutRow, Work
from tests.contract.rigs import telegram
from tests.contract.rigs.base import HandClock, memory_store


class Hand:
    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def row(n: int) -> OutboxClaim:
    clock = HandClock()
    return OutboxClaim(
        conversation="c", address=Address("larkspur", "page", "messenger", "1001"), epoch=1, seq=1, n=n,
        said=Outbound("hello"), purpose="reply", tries=0, uncertain=False, last_inbound_at=clock.now(), party="bot",
        created_at=clock.now(), locale=None,
    )  # fmt: skip


async def test_a_page_that_rests_rests_for_every_process() -> None:
    async with memory_store(HandClock()) as store:
        hand = Hand()
        here, there, elsewhere = Pause(store, "page", hand), Pause(store, "page", hand), Pause(store, "other", hand)
        await there.check(row(2))
        await here.begin(row(1), TooFast(retry_after=40))
        hand.at += 1.5
        for pause in (here, there):
            with pytest.raises(TooFast) as raised:
                await pause.check(row(2))
            assert 30 < (raised.value.retry_after or 0) <= 40
        await elsewhere.check(row(2))
        # The one that was refused tells how it is now, and then all go on.
        await here.check(row(1))
        await here.end(row(1))
        await here.check(row(2))
        hand.at += 1.5
        await there.check(row(2))


async def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    async with memory_store(HandClock()) as store:
        hand = Hand()
        here, there = Pause(store, "page", hand), Pause(store, "page", hand)
        await here.begin(row(1), TooFast(retry_after=200))
        await there.begin(row(2), TooFast(retry_after=1))
        third = Pause(store, "page", hand)
        with pytest.raises(TooFast) as raised:
            await third.check(row(3))
        assert (raised.value.retry_after or 0) > 150


async def test_two_processes_send_for_a_bot_no_faster_than_one() -> None:
    async with telegram.opened() as rig:
        channel: Any = rig.channel
        took: list[str] = []

        class Slow:
            async def take(self, key: str) -> Any:
                took.append(key)
                return type("Taken", (), {"wait": 0.05 if len(took) < 3 else 0.0})

        channel._pace = Slow()
        await rig.says("hello")
        (claim,) = await rig.store.claim(1, lease=30)
        await rig.store.commit(claim, Work(b"", (OutRow(0, Outbound("hi")),)), lease=30)
        (held,) = await rig.store.claim_outbox(1, lease=30)
        sending = asyncio.create_task(channel.send(held))
        await asyncio.sleep(0.02)
        assert await rig.shown() == []
        await sending
        assert took == ["telegram"] * 3
        assert [one.text for one in await rig.shown()] == ["hi"]
