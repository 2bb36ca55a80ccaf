"""What a kill has begun many times and then fails is tried again soon, not after the wait of its many beginnings."""

from __future__ import annotations

from typing import Any, cast

import pytest

from bot.ports import Claim
from bot.turn import LONGEST_WAIT, Turns


class _Store:
    def __init__(self) -> None:
        self.delays: list[float] = []

    async def release(self, claim: Any, *, delay: float, failed: bool) -> None:
        self.delays.append(delay)


class _Host:
    class limits:
        poison = 50

    def __init__(self) -> None:
        self.store = _Store()


class _Claim:
    conversation, seq = "c", 1

    def __init__(self, tries: int) -> None:
        self.tries = tries


@pytest.mark.parametrize(("tries", "delay"), [(0, 0.2), (2, 3.2), (14, LONGEST_WAIT), (40, LONGEST_WAIT)])
async def test_the_wait_is_bounded(tries: int, delay: float) -> None:
    host = _Host()
    turns = Turns(cast(Any, host), cast(Any, None))
    assert await turns._failed(cast(Claim, _Claim(tries)), ValueError("broken")) is None
    assert host.store.delays == [pytest.approx(delay)]
