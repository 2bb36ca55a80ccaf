"""The worker itself: many conversations at once, timers swept, drained on stop, fenced at the commit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot import Convo, dialog
from bot.errors import StoreUnavailable
from bot.model import Inbound, Outbound
from bot.script.scope import Limits
from bot.turn import sweep_timers
from tests.worlds.engine import ADDRESS, Bank, Chat, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


@dialog("ask_one", intents=["ask_one"])
async def ask_one(c: Convo) -> None:
    """Asks."""
    name = await c.ask("name", "q.name", str)
    await c.say("said.value", value=name)


@dialog("read", intents=["read"])
async def read(c: Convo, bank: Bank) -> None:
    """Reads."""
    await c.do(bank.items)
    await c.say("said.a")


async def came_to(chat: Chat, count: int) -> None:
    """Wait until so many inbounds are done, 10 s at most."""
    async with asyncio.timeout(10):
        for _ in range(1000):
            if (await chat.store.query("SELECT COALESCE(SUM(done), 0) AS n FROM conversation"))[0]["n"] >= count:
                return
            await asyncio.sleep(0.01)


@pytest.mark.promise("turn-once", "never-lost")
async def test_many_conversations_at_once_each_in_its_order(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    turns = chat.turns()
    running = asyncio.create_task(turns.run())
    people = [replace(ADDRESS, user=f"person-{at}") for at in range(15)]
    for at, text in enumerate(("open ask_one", "first", "open ask_one", "second")):
        for person in people:
            await chat.store.accept(Inbound(f"{person.user}-{at}", "message", chat.clock.now(), person, text=text))
    await came_to(chat, 60)
    await turns.stop()
    await asyncio.wait_for(running, 5)
    for person in people:
        conversation = await chat.store.conversation_of(person)
        text = "SELECT body FROM outbound WHERE conversation = :c ORDER BY seq, n"
        rows = await chat.store.query(text, c=conversation)
        said = [msgspec.json.decode(row["body"], type=Outbound).text for row in rows]
        assert said == ["Name?", "Value: first.", "Name?", "Value: second."]


async def test_stop_finishes_the_turns_in_flight_and_begins_no_other(chats: Any) -> None:
    chat: Chat = chats(read, limits=Limits(read=5.0))
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(method: str) -> None:
        entered.set()
        await go_on.wait()

    chat.bank.hook = slow
    turns = chat.turns()
    running = asyncio.create_task(turns.run())
    await chat.accept("message", "open read")
    await asyncio.wait_for(entered.wait(), 5)
    await turns.stop()
    await asyncio.sleep(0.05)
    assert not running.done()
    other = replace(ADDRESS, user="other")
    await chat.store.accept(Inbound("other", "message", chat.clock.now(), other, text="open read"))
    go_on.set()
    await asyncio.wait_for(running, 5)
    assert await chat.all_said() == ["A."]
    rows = await chat.store.query("SELECT done FROM conversation WHERE user_id = 'other'")
    assert rows[0]["done"] == 0


async def test_a_store_that_is_away_for_a_moment_loses_nothing(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    real, away = chat.store, [2]

    class Away:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        async def commit(self, *given: Any, **named: Any) -> Any:
            if away[0]:
                away[0] -= 1
                raise StoreUnavailable("the disk is full")
            return await real.commit(*given, **named)

    chat.store = Away()  # type: ignore[assignment]
    assert await chat.say("open ask_one") == ["Name?"]
    assert chat.failures == [], "that is not the message's fault"
    assert away == [0]


@pytest.mark.promise("turn-once")
async def test_a_worker_overtaken_before_its_commit_says_nothing(chats: Any) -> None:
    chat: Chat = chats(read)
    overtaken: list[str] = []

    async def overtake(method: str) -> None:
        if not overtaken:
            overtaken.append(method)
            chat.clock.move(timedelta(seconds=chat.limits.lease + 1))
            await chat.step()

    chat.bank.hook = overtake
    await chat.accept("message", "open read")
    claim = await chat.claim()
    assert claim is not None
    assert await chat.turns().one(claim) is None
    assert await chat.all_said() == ["A."]
    assert (await chat.conversation())["done"] == 1
    assert chat.failures == []


async def test_timers_are_swept_until_stopped(chats: Any) -> None:
    chat: Chat = chats(read)
    chat.bank.fail("items", "down")
    await chat.say("open read")
    chat.clock.move(timedelta(minutes=1))
    stopping = asyncio.Event()
    ticks: list[int] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            stopping.set()

    await asyncio.wait_for(sweep_timers(chat.turns().host, every=0.01, stopping=stopping, tick=tick), 5)
    assert len(ticks) == 3
    await chat.settle()
    assert (await chat.all_said())[-1] == "A."
    assert (await chat.store.query("SELECT COUNT(*) AS n FROM inbound WHERE kind = 'timer'"))[0]["n"] == 1
