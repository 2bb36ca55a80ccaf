"""What the desk does by the clock: presence, offers, reassignment, words to whoever waits, giving up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from bot.model import Inbound
from bot.observe.metrics import REGISTRY
from bot.settings import DeskSettings
from desk.sweep import Sweep
from tests.worlds.desk import Agents, DeskWorld, browser, serving


@pytest.fixture
async def desk() -> AsyncIterator[Any]:
    world = DeskWorld(["customer C-1001"])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        server = await stack.enter_async_context(serving(world))

        async def agent(who: str) -> Agents:
            return await stack.enter_async_context(browser(server, world, who))

        yield world, agent


async def alive(*agents: Agents) -> None:
    for one in agents:
        await one.world.site.staff.seen((await one.get("me"))[1]["agent"]["id"])


async def test_it_is_offered_to_one_who_fits_then_to_all(desk: Any) -> None:
    world, agent = desk
    priya, tom = await agent("priya"), await agent("tom")
    await world.says("my husband has died")
    await world.later(seconds=1)
    offered = (await tom.get("queue"))[1]["waiting"][0]["offered_to"]
    assert offered["name"] == "Priya Shah"
    for _ in range(4):
        await alive(priya, tom)
        await world.later(seconds=16)
    assert (await tom.get("queue"))[1]["waiting"][0]["offered_to"] is None
    await world.says("i can't afford to pay my bill", "ben")
    await priya.post("presence", {"state": "away"})
    await world.later(seconds=1)
    # Nobody who is there has the skill: whoever is there is asked.
    waiting = {one["reason"]: one["offered_to"] for one in (await tom.get("queue"))[1]["waiting"]}
    assert waiting["cannot_pay"]["name"] == "Tom Reed"


async def test_whoever_writes_in_another_language_is_offered_to_those_who_speak_it() -> None:
    world = DeskWorld(settings=DeskSettings(languages=("en", "cy")))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        server = await stack.enter_async_context(serving(world))
        nia = await stack.enter_async_context(browser(server, world, "nia"))
        tom = await stack.enter_async_context(browser(server, world, "tom"))
        assert (await nia.get("me"))[1]["agent"]["languages"] == ["en", "cy"], "French is not answered here"
        assert (await tom.get("me"))[1]["agent"]["languages"] == ["en"]

        async def asks(user: str, locale: str) -> Any:
            at = world.clock.now()
            written = Inbound(f"asks-{user}", "message", at, world.address(user), text="human", locale=locale)
            await world.store.accept(written, "human")
            await world.settle()
            await world.later(seconds=1)
            waiting = (await tom.get("queue"))[1]["waiting"]
            case = await world.case(user)
            return next(one for one in waiting if one["case"] == case)

        await asks("ben", "en-GB")
        welsh = await asks("gwen", "cy-GB")
        assert (welsh["language"], welsh["offered_to"]["name"]) == ("cy", "Nia Rees")
        await nia.post("presence", {"state": "away"})
        await world.later(seconds=1)
        # Nobody there speaks it: everybody is asked rather than nobody.
        assert (await asks("owain", "cy-GB"))["offered_to"]["name"] == "Tom Reed"


async def test_what_is_passed_on_by_name_waits_for_that_colleague_while_they_wrap_up(desk: Any) -> None:
    world, agent = desk
    priya, tom = await agent("priya"), await agent("tom")
    await tom.post("presence", {"state": "wrapping_up"})
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    to = (await tom.get("me"))[1]["agent"]["id"]
    assert (await priya.post(f"cases/{case}/transfer", {"to_agent": to, "key": "tr-000001"}))[0] == 200
    for _ in range(3):
        await alive(priya, tom)
        await world.later(seconds=10)
        assert (await tom.get("queue"))[1]["waiting"][0]["offered_to"]["name"] == "Tom Reed"
    await tom.post("presence", {"state": "away"})
    await world.later(seconds=1)
    assert ((await tom.get("queue"))[1]["waiting"][0]["offered_to"] or {}).get("name") != "Tom Reed"


@pytest.mark.promise("silent")
async def test_an_agent_whose_page_is_gone_loses_it_and_the_customer_is_told(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.new()
    await world.later(seconds=40)
    assert (await world.store.query("SELECT state FROM desk_item"))[0]["state"] == "held"
    await world.later(seconds=120)
    row = (await world.store.query("SELECT state, agent FROM desk_item"))[0]
    assert row == {"state": "waiting", "agent": None}
    assert (await world.new())[0].startswith("Priya can't carry on just now")
    assert (await world.store.query("SELECT party FROM conversation"))[0]["party"] == "bot"
    assert "reassigned_offline" in await world.audited()
    tom = await agent("tom")
    assert (await tom.post(f"cases/{case}/claim"))[0] == 200
    assert (await priya.post(f"cases/{case}/say", {"key": "k" * 10, "text": "sorry"}))[0] == 403


async def test_an_outage_is_nobodys_silence(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.says("are you there?")
    world.clock.move(timedelta(minutes=20))
    # Another process, after an outage in which no page could be heard of and nobody could answer.
    site = world.site
    site.sweep = Sweep(world.store, world.clock, world.handoff, site.staff, site.acts)
    await world.later(seconds=1)
    assert (await priya.get("queue"))[1]["counts"]["held"] == 1
    for _ in range(2):
        await alive(priya)
        await world.later(seconds=40)
    assert (await priya.get("queue"))[1]["counts"]["held"] == 1
    await world.later(seconds=46)
    assert (await priya.get("queue"))[1]["counts"]["held"] == 0


async def test_what_was_put_aside_is_not_unanswered_the_moment_it_is_back(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    until = (world.clock.now() + timedelta(minutes=20)).isoformat()
    assert (await priya.post(f"cases/{case}/snooze", {"until": until}))[0] == 200
    world.clock.move(timedelta(minutes=20))
    for _ in range(3):
        await alive(priya)
        await world.later(seconds=1)
    [mine] = (await priya.get("queue"))[1]["mine"]
    assert (mine["state"], mine["snoozed_until"]) == ("held", None)


async def test_a_customer_left_unanswered_goes_to_somebody_else(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await priya.post(f"cases/{case}/say", {"key": "k" * 10, "text": "Hello"})
    await world.says("can you check my bill?")
    for _ in range(7):
        await alive(priya)
        await world.later(seconds=40)
    assert (await world.store.query("SELECT state FROM desk_item"))[0]["state"] == "held"
    await alive(priya)
    await world.later(seconds=40)
    assert (await world.store.query("SELECT state FROM desk_item"))[0]["state"] == "waiting"
    assert "reassigned_unanswered" in await world.audited()


async def test_whoever_it_was_passed_to_has_to_write_as_well(desk: Any) -> None:
    world, agent = desk
    priya, tom = await agent("priya"), await agent("tom")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await priya.post(f"cases/{case}/say", {"key": "k" * 10, "text": "Tom knows more about this."})
    to = (await tom.get("me"))[1]["agent"]["id"]
    assert (await priya.post(f"cases/{case}/transfer", {"to_agent": to, "key": "tr-000002"}))[0] == 200
    await world.later(seconds=5)
    assert (await tom.post(f"cases/{case}/claim"))[0] == 200
    for _ in range(7):
        await alive(priya, tom)
        await world.later(seconds=40)
    assert (await world.store.query("SELECT state FROM desk_item"))[0]["state"] == "held"
    await alive(priya, tom)
    await world.later(seconds=40)
    assert (await world.store.query("SELECT state FROM desk_item"))[0]["state"] == "waiting"
    assert "reassigned_unanswered" in await world.audited()


async def test_whoever_waits_hears_of_a_change_at_most_every_five_minutes(desk: Any) -> None:
    world, agent = desk
    priya, _ = await agent("priya"), None
    # Somebody waited four minutes within the last hour; the queue says so.
    await world.says("talk to a person", "ben")
    await alive(priya)
    await world.later(seconds=20)
    for _ in range(11):
        await alive(priya)
        await world.later(seconds=20)
    await priya.post(f"cases/{await world.case('ben')}/claim")
    await world.later(seconds=1)
    said = await world.says("talk to a person", "ana")
    told = await world.store.query("SELECT told FROM desk_item WHERE state = 'waiting'")
    assert told == [{"told": "4-5"}] or told == [{"told": "4-4"}], said
    # The desk empties: one word, and no more for five minutes.
    await priya.post("presence", {"state": "away"})
    heard: list[str] = []
    for _ in range(30):
        await world.later(seconds=20)
        heard += [line for line in await world.new() if "place is kept" in line]
    assert len(heard) == 1
    assert heard[0].startswith("Everybody has had to leave")


async def test_a_customer_who_says_no_more_keeps_the_place(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    await world.new()
    for _ in range(9):
        await alive(priya)
        await world.later(minutes=7)
    row = (await world.store.query("SELECT state, live FROM desk_item"))[0]
    assert row == {"state": "waiting", "live": 0}
    assert (await priya.post(f"cases/{await world.case()}/claim"))[0] == 200
    assert (await world.new())[-1] == "Priya from Larkspur Mobile has joined."


async def test_never_mind_takes_them_out_of_the_queue(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    assert (await world.says("never mind"))[-1].startswith("All right, I've told them")
    assert (await priya.get("queue"))[1]["waiting"] == []
    assert (await priya.post(f"cases/{case}/claim"))[0] == 404
    assert (await world.store.query("SELECT ended_why FROM desk_item"))[0]["ended_why"] == "withdrawn"


async def test_coming_back_within_a_week_counts_as_handed_over_again(desk: Any) -> None:
    world, agent = desk
    priya, amara = await agent("priya"), await agent("amara")
    for n in range(2):
        await world.says("talk to a person")
        case = await world.case()
        await priya.post(f"cases/{case}/claim")
        await priya.post(f"cases/{case}/say", {"key": f"key-{n}-xxxx", "text": "Hello"})
        await priya.post(f"cases/{case}/resolve", {"key": f"end-{n}-xxxx"})
        await alive(priya, amara)
        await world.later(minutes=5)
    figures = (await amara.get("figures"))[1]
    everything = figures["groups"][0]
    assert (everything["handoffs"], everything["rehandoffs"], everything["resolved"]) == (2, 1, 2)
    assert {group["by"] for group in figures["groups"]} == {"all", "reason", "channel"}
    assert [one["resolved_today"] for one in figures["agents"] if one["name"] == "Priya Shah"] == [2]


async def test_tariffs_are_for_the_figures_alone(desk: Any) -> None:
    world, agent = desk
    amara = await agent("amara")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("human")
    await alive(amara)
    await world.later(seconds=1)
    assert (await world.store.query("SELECT tariff FROM desk_item")) == [{"tariff": "monthly"}]
    assert "tariff" not in (await amara.get("queue"))[1]["waiting"][0]
    assert ("tariff", "monthly") in [(g["by"], g["name"]) for g in (await amara.get("figures"))[1]["groups"]]


@pytest.mark.parametrize("how", [{}, {"silent": True}, {"spam": True}])
async def test_it_is_asked_once_how_it_went_and_never_after_a_silent_end(desk: Any, how: dict[str, bool]) -> None:
    world, agent = desk
    priya, amara = await agent("priya"), await agent("amara")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.new()
    await priya.post(f"cases/{case}/resolve", {"key": "end-0001-xx", **how})
    said = await world.new()
    if how:
        assert said == []
        return
    assert said[-1] == "How was it to get help here, from 1 (bad) to 5 (good)?  [1] [2] [3] [4] [5]"
    assert await world.says("4") == ["Thank you. That helps us."]
    assert await world.presses("2") != ["Thank you. That helps us."]
    csat = (await amara.get("figures"))[1]["groups"][0]["csat"]
    assert csat == {"asked": 1, "answered": 1, "mean": 4.0}


async def test_it_is_not_asked_in_the_way_of_an_open_question(desk: Any) -> None:
    world, agent = desk
    priya = await agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("i want to stop something")
    await world.says("what is my balance")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await priya.post(f"cases/{case}/resolve", {"key": "end-0001-xx"})
    rows = await world.store.query("SELECT csat_at FROM desk_item")
    state = await world.store.query("SELECT state FROM conversation")
    assert (rows[0]["csat_at"] is None) == (b'"k":[[' in state[0]["state"])


async def test_the_figures_are_metrics_too(desk: Any) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"parley_desk_{name}", labels) or 0.0

    world, agent = desk
    priya = await agent("priya")
    of = {"reason": "complaint", "channel": "transcript"}
    ended = {**of, "how": "resolved", "tariff": "unknown"}
    before = value("waited_seconds_count", **of), value("ended_total", **ended)
    await world.says("i want to make a complaint")
    case = await world.case()
    world.clock.move(timedelta(seconds=40))
    await priya.post(f"cases/{case}/claim")
    await priya.post(f"cases/{case}/say", {"key": "key-0001-x", "text": "Hello"})
    await priya.post(f"cases/{case}/resolve", {"key": "end-0001-xx"})
    assert (value("waited_seconds_count", **of), value("ended_total", **ended)) == (before[0] + 1, before[1] + 1)
    assert value("waited_seconds_bucket", **of, le="30.0") < value("waited_seconds_bucket", **of, le="60.0")
    assert value("first_response_seconds_count", **of) >= 1
