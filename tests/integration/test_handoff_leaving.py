"""What customers leave when nobody is there stands in their case, and is what the agent sees first in the morning."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from bot.model import Address, Inbound
from bot.ports import Sql
from desk.builtin import BuiltInDesk
from desk.presence import Seen
from dialogs.call_me import phone
from dialogs.leave_message import LONGEST, words
from tests.worlds.desk import DeskWorld, browser, serving

DATED = "from 8am on Tuesday 17 November"


@pytest.fixture
async def night() -> AsyncIterator[DeskWorld]:
    world = DeskWorld(["customer C-1001", "desk closed"])
    yield world
    await world.close()


async def _cases(world: DeskWorld) -> list[dict[str, Any]]:
    return list(await world.store.query("SELECT cause, summary FROM cases ORDER BY cause"))


async def test_a_message_and_a_number_stand_in_the_case_and_before_the_agent(night: DeskWorld) -> None:
    said = await night.says("talk to a person")
    assert said[-1].endswith("[Leave a message] [Call me]")
    await night.presses("Leave a message")
    said = await night.says("Two bills are wrong.\nMessage: I'd like to speak to somebody about both of them")
    assert DATED in said[-1]
    await night.presses("Call me")
    await night.says("07700 900123")
    said = await night.presses("Yes")
    assert "07700 900123" in said[-1]
    assert DATED in said[-1]
    [case] = await _cases(night)
    assert case["cause"] == "asked"
    assert case["summary"].splitlines()[-2:] == [
        "Message: Two bills are wrong. Message: I'd like to speak to somebody about both of them",
        "To be called on: 07700 900123",
    ]
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(night))
        priya = await stack.enter_async_context(browser(server, night, "priya"))
        _, whole = await priya.get(f"cases/{await night.case()}")
    summary = whole["context"]["summary"]
    assert len(summary) == 3
    assert summary[2].startswith("Message: Two bills")
    assert summary[2].endswith("To be called on: 07700 900123")


@pytest.mark.promise("human")
async def test_a_bare_wish_for_a_person_is_no_message(night: DeskWorld) -> None:
    await night.says("talk to a person")
    await night.presses("Leave a message")
    said = await night.says("i want to speak to someone")
    assert any("already has this" in one for one in said)
    assert said[-1].startswith("What should I pass on?")
    assert "Message" not in (await _cases(night))[0]["summary"]


@pytest.mark.promise("human")
async def test_once_somebody_is_there_a_wish_for_a_person_is_heard_in_any_message(night: DeskWorld) -> None:
    await night.says("talk to a person")
    await night.presses("Leave a message")
    handoff = night.handoff
    assert isinstance(handoff, BuiltInDesk)
    handoff.hours.always, handoff.seen = True, Seen(there=1, free=1)
    said = await night.says("My last two bills are both wrong. I want to speak to somebody.")
    assert any("asked a colleague to join you here" in one for one in said)


async def test_when_the_case_was_closed_meanwhile_a_new_one_has_it(night: DeskWorld) -> None:
    await night.says("talk to a person")
    await night.presses("Leave a message")
    await night.store.change([Sql("UPDATE cases SET closed = 1 WHERE closed IS NULL")])
    said = await night.says("It is about the router, not the phone.")
    assert DATED in said[-1]
    assert [case["cause"] for case in await _cases(night)] == ["asked", "leave_message"]
    assert (await _cases(night))[1]["summary"] == "Message: It is about the router, not the phone."


@pytest.mark.promise("silent")
async def test_somebody_who_comes_is_told_it_themselves(night: DeskWorld) -> None:
    await night.says("cancel my direct debit")
    await night.says("talk to a person")
    await night.presses("Leave a message")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(night))
        priya = await stack.enter_async_context(browser(server, night, "priya"))
        case = await night.case()
        assert (await priya.post(f"cases/{case}/claim"))[0] == 200
        assert "Priya from Larkspur Mobile has joined." in (await night.new())[-1]
        assert await night.presses("Call me") == []
        assert await night.says("leave a message") == []
        assert (await priya.post(f"cases/{case}/return", {"key": "back-0001", "how": "resume"}))[0] == 200
        said = " ".join(await night.new())
    assert "handed you back" in said
    assert "sign in" in said, "what was open before goes on"
    assert "What should I pass on?" not in said


async def test_nothing_to_pass_on_ends_it(night: DeskWorld) -> None:
    await night.says("talk to a person")
    await night.presses("Leave a message")
    await night.says("no thanks")
    assert "Message" not in (await _cases(night))[0]["summary"]
    assert await night.says("hello")


async def test_a_photo_instead_is_kept_and_words_are_still_asked_for(night: DeskWorld) -> None:
    await night.says("talk to a person")
    await night.presses("Leave a message")
    await night.store.accept(Inbound("photo-1", "file", night.clock.now(), night.address(), data={"files": []}))
    await night.settle()
    said = await night.new()
    assert "kept it here for a person" in said[0]
    assert said[-1].endswith("What should I pass on? Write it in one message.")


async def test_where_others_read_along_nothing_is_offered(night: DeskWorld) -> None:
    group = Address("larkspur", "transcript", "transcript", "ben", kind="group")
    await night.store.accept(Inbound("g1", "message", night.clock.now(), group, text="human"), "human")
    await night.settle()
    said = await night.new()
    assert DATED in said[-1]
    assert "[" not in said[-1]


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("07700 900123", "07700 900123"),
        ("it's (020) 7946-0018 thanks", "02079460018"),
        ("+44 7700 900 123", "+447700900123"),
        ("07700900123 or 07700 900123", "07700 900123"),
    ],
)
def test_a_number_is_read_as_people_write_it(said: str, number: str) -> None:
    assert phone(said) == number


@pytest.mark.parametrize(
    "said", ["", "after six", "900123", "07700 900123 or 07700 900124", "1234567890123456", "LM-0770090012345"]
)
def test_what_is_not_one_number_is_asked_for_again(said: str) -> None:
    with pytest.raises(ValueError, match="number"):
        phone(said)


def test_a_case_takes_the_beginning_of_a_long_message() -> None:
    assert len(words("x" * 5000)) == LONGEST
    assert words("x" * LONGEST) == "x" * LONGEST
