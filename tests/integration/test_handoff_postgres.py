"""The desk's statements on PostgreSQL: a whole day at the desk, and two agents who reach for one conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bot.store import migrate, open_store
from bot.testing.clock import SetClock
from bot.testing.player import CHANNEL
from tests.postgres import fresh_database
from tests.worlds.desk import DeskWorld, browser, serving

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture
async def desk() -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database())
        await migrate(url)
        clock = SetClock()
        store = await open_store(url, clock=clock, log_channels=frozenset({CHANNEL}))
        world = DeskWorld(["customer C-1001", "mandates M2 Mobile ending 412 £23.00"], store)
        world.login.clock = world.clock
        stack.push_async_callback(world.close)
        server = await stack.enter_async_context(serving(world))

        async def agent(who: str) -> Any:
            return await stack.enter_async_context(browser(server, world, who))

        yield world, agent


@pytest.mark.promise("silent", "human")
async def test_a_day_at_the_desk(desk: Any) -> None:
    world, agent = desk
    priya, tom, amara = await agent("priya"), await agent("tom"), await agent("amara")
    await world.login.know(world.address(), "C-1001")
    await world.says("cancel a direct debit")
    said = await world.says("talk to a person")
    assert "I've asked a colleague" in said[-1]
    await world.later(seconds=2)
    case = await world.case()
    assert len((await tom.get("queue"))[1]["waiting"]) == 1

    taken = await asyncio.gather(*(one.post(f"cases/{case}/claim", run=False) for one in (priya, tom, amara)))
    assert sorted(status for status, _ in taken) == [200, 409, 409]
    await world.settle()
    winner = next(one for one, (status, _) in zip((priya, tom, amara), taken, strict=True) if status == 200)
    assert (await winner.post(f"cases/{case}/say", {"key": "say-00001", "text": "Hello"}))[0] == 200
    assert (await winner.post(f"cases/{case}/note", {"key": "note-0001", "text": "calm"}))[0] == 200
    assert (await winner.post(f"cases/{case}/viewing", {"typing": True}))[0] == 204
    whole = (await winner.get(f"cases/{case}"))[1]
    assert {line["kind"] for line in whole["lines"]} >= {"message", "note"}
    assert whole["context"]["customer"]["who"] == "Customer ending 01"
    assert (await winner.get(f"cases/{case}/lines?before=inf"))[0] == 200
    act = {"key": "act-00001", "act": "goodwill", "amount": 500, "reason": "sorry"}
    assert (await winner.post(f"cases/{case}/act", act))[1]["status"] == "done"
    assert (await winner.post(f"cases/{case}/snooze", {"until": "2026-11-16T12:00:00Z"}))[0] == 200
    assert (await winner.post(f"cases/{case}/wake"))[0] == 200
    assert (await winner.post(f"cases/{case}/transfer", {"to_skill": "care", "key": "tr-000001"}))[0] == 200
    await world.later(seconds=2)
    assert (await amara.post(f"cases/{case}/claim"))[0] == 200
    reply = {"shortcut": "hi", "title": "Hi", "text": "Hi {agent}", "shared": True}
    kept = (await amara.post("replies", reply))[1]["id"]
    assert (await amara.post("replies", {**reply, "id": kept, "title": "Hi there"}))[0] == 200
    assert [one["title"] for one in (await tom.get("replies"))[1]["replies"] if one["id"] == kept] == ["Hi there"]
    assert (await amara.post(f"replies/{kept}/delete"))[0] == 204
    assert (await amara.post(f"cases/{case}/return", {"key": "back-0001", "how": "resume"}))[0] == 200
    assert "has handed you back" in str(await world.new())
    await world.says("human", "ben")
    other = await world.case("ben")
    assert (await amara.post(f"cases/{other}/claim"))[0] == 200
    assert (await amara.post(f"cases/{other}/resolve", {"key": "done-0001"}))[0] == 200
    await world.says("5", "ben")
    figures = (await amara.get("figures?hours=24"))[1]
    assert (figures["groups"][0]["handoffs"], figures["groups"][0]["csat"]["answered"]) == (2, 1)
    async with priya.session.post(f"{priya.base}/desk/logout", headers={"X-Desk-CSRF": priya.csrf}) as answer:
        assert answer.status == 204
