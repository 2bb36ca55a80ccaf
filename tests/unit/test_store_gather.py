"""Gathering what is to be written: batches while one is under way, order within a place, failures one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.errors import Conflict, StoreUnavailable
from bot.store import postgres_gather
from bot.store.postgres_gather import BY_ITSELF, GROUP, Gathering


class Writer:
    """Writes numbers; each batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.alone: list[int] = []
        self.left: set[int] = set()
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gathering: Gathering[int, int] = Gathering(self.many, self.one)

    async def many(self, items: Sequence[int]) -> Sequence[Any]:
        self.batches.append(list(items))
        await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        return [BY_ITSELF if item in self.left else item * 10 for item in items]

    async def one(self, item: int) -> int:
        self.alone.append(item)
        if item < 0:
            raise Conflict(f"{item}")
        await asyncio.sleep(0)
        return item * 100


async def passes(times: int = 5) -> None:
    """Let the event loop go round."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_one_by_itself_goes_at_once_and_what_comes_meanwhile_together() -> None:
    writer = Writer()
    first = writer.gathering.submit("a", 1)
    await passes()
    assert writer.batches == [[1]]
    later = [writer.gathering.submit(str(n), n) for n in range(2, 6)]
    await passes()
    assert writer.batches == [[1]]
    writer.gate.set()
    assert await asyncio.gather(first, *later) == [10, 20, 30, 40, 50]
    assert writer.batches == [[1], [2, 3, 4, 5]]
    assert writer.alone == []


async def test_what_is_submitted_in_one_pass_is_one_batch_of_bounded_size() -> None:
    writer = Writer()
    writer.gate.set()
    await asyncio.gather(*[writer.gathering.submit(n, n) for n in range(GROUP + 3)])
    assert [len(batch) for batch in writer.batches] == [GROUP, 3]


async def test_of_one_place_one_is_under_way_in_order() -> None:
    writer = Writer()
    writer.gate.set()
    writer.left = {2}
    done = await asyncio.gather(*[writer.gathering.submit("ab"[n % 2], n) for n in range(6)])
    assert done == [0, 10, 200, 30, 40, 50]
    assert [n for batch in writer.batches for n in batch if n % 2 == 0] == [0, 2, 4]
    assert writer.batches[0] == [0, 1]
    assert all(len({n % 2 for n in batch}) == len(batch) for batch in writer.batches)


async def test_a_refused_batch_is_written_one_by_one_and_each_is_told_its_own() -> None:
    writer = Writer()
    writer.gate.set()
    writer.fails = ValueError("one of them is wrong")
    done = await asyncio.gather(*[writer.gathering.submit(n, n) for n in (1, -2, 3)], return_exceptions=True)
    assert (done[0], done[2]) == (100, 300)
    assert isinstance(done[1], Conflict)
    assert sorted(writer.alone) == [-2, 1, 3]


async def test_an_outage_is_told_to_all_and_tried_by_none() -> None:
    writer = Writer()
    writer.gate.set()
    writer.fails = StoreUnavailable("(gone)")
    done = await asyncio.gather(*[writer.gathering.submit(n, n) for n in range(3)], return_exceptions=True)
    assert [str(error) for error in done] == [str(writer.fails)] * 3
    assert len({id(error) for error in done}) == 3, "each raises its own"
    assert writer.alone == []
    writer.fails = None
    assert await writer.gathering.submit(0, 7) == 70


async def test_who_gives_up_before_the_batch_is_left_out_and_after_it_hurts_nobody() -> None:
    writer = Writer()
    futures = [writer.gathering.submit(n, n) for n in range(3)]
    await passes()
    futures[1].cancel()
    waiting = [writer.gathering.submit(0, 5), writer.gathering.submit(9, 9), writer.gathering.submit(0, 6)]
    waiting[0].cancel()
    waiting[1].cancel()
    writer.gate.set()
    assert await waiting[2] == 60
    assert [await futures[0], await futures[2]] == [0, 20]
    assert writer.batches == [[0, 1, 2], [6]]


async def test_a_batch_that_is_ended_from_outside_leaves_no_caller_waiting() -> None:
    writer = Writer()
    futures = [writer.gathering.submit(n, n) for n in range(3)]
    await passes()
    (task,) = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(future.cancelled() for future in futures)


async def test_nobody_waits_longer_for_a_batch_than_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    writer = Writer()
    first = writer.gathering.submit("a", 1)
    await passes()
    monkeypatch.setattr(postgres_gather, "PATIENCE", -1.0)
    late, after = writer.gathering.submit("b", 2), writer.gathering.submit("b", 3)
    writer.gate.set()
    assert await first == 10
    for refused in (late, after):
        with pytest.raises(StoreUnavailable):
            await refused
    assert writer.batches == [[1]]


async def test_closing_finishes_what_was_submitted_and_takes_no_more() -> None:
    writer = Writer()
    writer.left = {2}
    futures = [writer.gathering.submit("a", 1), writer.gathering.submit("a", 2)]
    closing = asyncio.create_task(writer.gathering.close())
    await passes()
    assert not closing.done()
    writer.gate.set()
    await closing
    assert [future.result() for future in futures] == [10, 200]
    with pytest.raises(StoreUnavailable):
        await writer.gathering.submit("b", 3)
