"""Who waits for an answer is shown that somebody types: after a while, once, and until the answer is there."""

from __future__ import annotations

import asyncio

from adapters.waiting import Waiting
from bot.model import Address

ANA = Address("larkspur", "telegram", "telegram", "ana")
BEN = Address("larkspur", "telegram", "telegram", "ben")


class Shown:
    """What was shown, and what was cut short."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []

    async def show(self, address: Address) -> None:
        self.begun.append(address.user)
        try:
            await asyncio.sleep(60)
        finally:
            self.ended.append(address.user)


def tasks() -> int:
    return len(asyncio.all_tasks())


async def test_a_quick_answer_costs_no_task_and_a_slow_one_is_shown_once() -> None:
    shown, before = Shown(), tasks()
    waiting = Waiting(0.05, shown.show)
    for _ in range(3):
        waiting.begin(ANA)
        waiting.begin(BEN)
    assert tasks() == before
    waiting.end(BEN)
    await asyncio.sleep(0.2)
    waiting.begin(ANA)
    assert (shown.begun, shown.ended) == (["ana"], [])
    waiting.end(ANA)
    await asyncio.sleep(0.01)
    assert (shown.ended, tasks()) == (["ana"], before)
    # The next message waits anew.
    waiting.begin(ANA)
    await asyncio.sleep(0.2)
    assert shown.begun == ["ana", "ana"]
    await waiting.close()


async def test_closing_ends_what_is_shown_and_what_would_be() -> None:
    shown, before = Shown(), tasks()
    waiting = Waiting(0.02, shown.show)
    waiting.begin(ANA)
    await asyncio.sleep(0.1)
    waiting.begin(BEN)
    await waiting.close()
    await asyncio.sleep(0.1)
    assert (shown.begun, shown.ended, tasks()) == (["ana"], ["ana"], before)
    waiting.end(ANA)
    waiting.end(BEN)
