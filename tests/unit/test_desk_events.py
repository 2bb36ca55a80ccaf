"""The Bot Framework's hand-over events, as whoever watches botbuilder's side sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.worlds.engine import Chat, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


async def test_initiation_and_status_are_event_activities(chats: Any) -> None:
    chat: Chat = chats(waits=True)
    await chat.say("human")
    await chat.agent("join")
    await chat.agent("say", "Hello.")
    await chat.agent("return")
    events = [event for trace in chat.traces for event in trace.get("events", ())]
    assert [event["name"] for event in events] == ["handoff.initiate", "handoff.status", "handoff.status"]
    first, *states = [event["value"] for event in events]
    assert (first["reason"], first["waits"]) == ("asked", True)
    assert first["reference"].startswith("EN-")
    assert states == [{"state": "accepted", "message": "Priya"}, {"state": "completed", "message": "return"}]


async def test_never_mind_is_a_hand_over_that_failed(chats: Any) -> None:
    chat: Chat = chats(waits=True)
    await chat.say("human")
    await chat.say("stop")
    events = [event for trace in chat.traces for event in trace.get("events", ())]
    assert [event["value"].get("state") for event in events] == [None, "failed"]
    assert chat.desk.closed == ["withdrawn"]
