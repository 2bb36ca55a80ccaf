"""What a hostile or unlucky hour may not do at the desk: read on, lose a promised call, hang with a brand's systems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
import pytest

from desk.presence import Seen
from tests.worlds.desk import Agents, DeskWorld, browser, serving


@pytest.fixture
async def desk() -> AsyncIterator[Any]:
    world = DeskWorld(["customer C-1001"])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        server = await stack.enter_async_context(serving(world))
        live = asyncio.create_task(world.site.live.run())

        async def agent(who: str = "") -> Agents:
            return await stack.enter_async_context(browser(server, world, who))

        yield world, agent
        await world.site.live.stop()
        await live


async def told(answer: aiohttp.ClientResponse, within: float) -> list[dict[str, Any]]:
    """The lines that a stream brings for so long."""
    lines: list[dict[str, Any]] = []
    name = ""

    async def read() -> None:
        nonlocal name
        async for raw in answer.content:
            line = raw.decode().strip()
            if line.startswith("event:"):
                name = line.partition(":")[2].strip()
            elif line.startswith("data:") and name == "lines":
                lines.extend(msgspec.json.decode(line.partition(":")[2])["lines"])

    try:
        await asyncio.wait_for(read(), within)
    except TimeoutError:
        return lines
    return lines


@pytest.mark.promise("private")
async def test_a_stream_shows_only_what_the_agent_may_see(desk: Any) -> None:
    world, agent = desk
    priya, tom = await agent("priya"), await agent("tom")
    await world.says("talk to a person")
    await world.says("talk to a person", "ben")
    hers, theirs = await world.case(), await world.case("ben")
    await priya.post(f"cases/{hers}/claim")
    await tom.post(f"cases/{theirs}/claim")
    await world.says("my PIN is private", "ana")
    rows = await world.store.query("SELECT conversation FROM desk_item WHERE id = :id", id=hers)
    after = f"{rows[0]['conversation']}:0"
    async with tom.session.get(f"{tom.base}/desk/events?case={theirs}&after={after}") as answer:
        lines = await told(answer, 2.0)
    assert lines
    assert {line["conversation"] for line in lines}.isdisjoint({rows[0]["conversation"]})


@pytest.mark.promise("private")
async def test_a_stream_ends_with_the_right_to_look(desk: Any) -> None:
    world, agent = desk
    tom = await agent("tom")
    await world.says("talk to a person")
    case = await world.case()
    await tom.post(f"cases/{case}/claim")
    async with tom.session.get(f"{tom.base}/desk/events?case={case}") as answer:
        assert any(line["side"] == "customer" for line in await told(answer, 1.5))
        await tom.post(f"cases/{case}/resolve", {"key": "end-00001"})
        await told(answer, 1.0)
        await world.says("what is my bill?")
        assert [line["text"] for line in await told(answer, 2.0)] == []


@pytest.mark.promise("human")
async def test_never_mind_withdraws_one_wish_and_no_other(desk: Any) -> None:
    world, agent = desk
    world.handoff.seen = Seen()
    assert "get back to you" in (await world.says("i want to make a complaint"))[-1]
    first = await world.case()
    priya = await agent("priya")
    await world.later(seconds=1)
    await world.says("talk to a person")
    await world.says("never mind")
    waiting = (await priya.get("queue"))[1]["waiting"]
    assert [(one["case"], one["live"]) for one in waiting] == [(first, False)]
    cases = await world.store.query("SELECT cause, outcome FROM cases ORDER BY opened, cause")
    assert [(one["cause"], one["outcome"]) for one in cases] == [("complaint", None), ("asked", "withdrawn")]


@pytest.mark.promise("human")
async def test_a_brand_that_hangs_or_breaks_holds_up_nobody_who_waits(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, agent = desk
    priya = await agent("priya")
    hanging = asyncio.Event()

    async def hangs(**_: Any) -> str | None:
        await hanging.wait()
        return None

    async def breaks(**_: Any) -> str | None:
        raise ValueError("not JSON")

    monkeypatch.setattr("desk.acts.DEADLINE", 0.2)
    world.acts.do = world.acts.done = breaks
    world.acts.tariff = hangs
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("talk to a person")
    await priya.post(f"cases/{await world.case()}/claim")
    wish = {"key": "act-00001", "act": "ticket", "reason": "r", "text": "t"}
    assert (await priya.post(f"cases/{await world.case()}/act", wish))[1]["status"] == "unknown"
    await agent("tom")
    await world.says("my husband has died", "ben")
    monkeypatch.setattr("desk.acts.DEADLINE", 3600.0)
    async with asyncio.timeout(10):
        await world.later(seconds=30)
        await world.later(seconds=1)
    offered = await world.store.query("SELECT offered_to FROM desk_item WHERE state = 'waiting'")
    assert offered[0]["offered_to"] is not None
    hanging.set()
    await world.later(seconds=1)


async def test_strangers_do_not_fill_the_audit(desk: Any) -> None:
    world, agent = desk
    nobody = await agent()
    for _ in range(150):
        assert (await nobody.get("me"))[0] == 401
    assert 17 < (await world.audited()).count("refused") < 80
    priya = await agent("priya")
    before = (await world.audited()).count("refused")
    for _ in range(5):
        assert (await priya.post("presence", {"state": "away"}, **{"X-Desk-CSRF": "forged"}))[0] == 403
    assert (await world.audited()).count("refused") == before + 5


@pytest.mark.promise("assured")
async def test_a_limit_in_slices_is_no_limit(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")

    async def credit(amount: int, key: str) -> str:
        wish = {"key": key, "act": "goodwill", "amount": amount, "reason": "sorry"}
        return str((await priya.post(f"cases/{case}/act", wish))[1]["status"])

    assert [await credit(600, "act-00001"), await credit(400, "act-00002")] == ["done", "done"]
    assert await credit(400, "act-00002") == "done"
    assert await credit(1, "act-00003") == "waiting_approval"
    assert sum(amount for _, amount in world.acts.done_by.values()) == 1000
    world.clock.move(timedelta(days=1, seconds=1))
    await priya.sign_in("priya")
    await world.says("talk to a person")
    await priya.post(f"cases/{await world.case()}/claim")
    assert await credit(1000, "act-00004") == "done"


@pytest.mark.promise("assured")
async def test_a_limit_holds_for_acts_in_the_same_moment(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")

    async def credit(number: int) -> str:
        wish = {"key": f"act-0000{number}", "act": "goodwill", "amount": 600, "reason": "sorry"}
        return str((await priya.post(f"cases/{case}/act", wish))[1]["status"])

    assert sorted(await asyncio.gather(*map(credit, range(4)))) == ["done", *["waiting_approval"] * 3]
    assert [amount for _, amount in world.acts.done_by.values()] == [600]


async def test_nobody_writes_over_a_colleagues_reply(desk: Any) -> None:
    _, agent = desk
    priya, tom = await agent("priya"), await agent("tom")
    reply = {"shortcut": "mine", "title": "Mine", "text": "Hello"}
    kept = (await priya.post("replies", reply))[1]["id"]
    status, said = await tom.post("replies", {**reply, "id": kept, "text": "Goodbye"})
    assert (status, said["error"]["message"]) == (403, "That is not yours to do. That reply is somebody else's.")
    assert [one["text"] for one in (await priya.get("replies"))[1]["replies"] if one["id"] == kept] == ["Hello"]


@pytest.mark.promise("private")
@pytest.mark.parametrize("how", ["signed out", "over"])
async def test_a_stream_does_not_outlive_its_session(desk: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world, agent = desk
    monkeypatch.setattr("desk.api.live.SEEN", 0.1)
    priya = await agent("priya")
    async with priya.session.get(f"{priya.base}/desk/events?after=x:²,y:{'9' * 400}") as answer:
        assert answer.status == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(answer.content.read(), 1.0)
        if how == "over":
            world.clock.move(timedelta(hours=10))
        else:
            out = priya.session.post(f"{priya.base}/desk/logout", headers={"X-Desk-CSRF": priya.csrf})
            async with out as done:
                assert done.status == 204
        await asyncio.wait_for(answer.content.read(), 3.0)
    assert (await priya.get("me"))[0] == 401
