"""An effect of unknown outcome whose dialog was stopped is read back later, and the customer hears of it once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.script.catalogue import Services
from bot.script.convo import Convo
from bot.script.registry import dialog
from bot.script.settling import Settling
from tests.worlds.engine import Bank, Chat, made_chats


@dialog("poke_it", intents=["poke_it"])
async def poke_it(c: Convo, bank: Bank) -> None:
    """One effect that the bank keeps no key for."""
    receipt = await c.once(bank.poke, thing="M1")
    await c.say("said.paid", reference=receipt.reference)


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


async def unknown(chat: Chat) -> None:
    """The bank does it, loses its answer, and cannot be asked; the customer then leaves it."""
    chat.bank.fail("poke", "lost")
    chat.bank.fail("poked", "down", 30)
    await chat.say("open poke_it")
    await chat.after(minutes=1)
    assert await chat.effects() == [("Bank.poke", "unknown")]


@pytest.mark.promise("effects-once")
async def test_it_is_read_back_after_its_dialog_was_stopped_and_told_once(chats: Any) -> None:
    chat: Chat = chats(poke_it)
    await unknown(chat)
    settling = Settling(chat.store, chat.clock, Services({Bank: chat.bank}))
    chat.bank.heal()
    assert await settling.once() == 0, "its dialog is still parked with it, and reads it back itself"
    await chat.edit(lambda state: state.pop("k"))
    await chat.new()
    assert await settling.once() == 1
    await chat.settle()
    said = await chat.new()
    assert said == [
        "What we couldn't confirm earlier did go through. Your reference is poke-M1-1."
        " There's nothing more you need to do."
    ]
    assert await chat.effects() == [("Bank.poke", "done")]
    assert chat.bank.called("poke") == 1
    assert (await chat.store.query("SELECT outcome FROM cases"))[0]["outcome"] == "settled"
    assert await settling.once() == 0
    await chat.settle()
    assert await chat.new() == []


async def test_what_cannot_be_confirmed_stays_with_its_case(chats: Any) -> None:
    chat: Chat = chats(poke_it)
    await unknown(chat)
    await chat.edit(lambda state: state.pop("k"))
    await chat.new()
    settling = Settling(chat.store, chat.clock, Services({Bank: chat.bank}))
    assert await settling.once() == 0
    chat.bank.heal()
    chat.bank.done.clear()
    assert await settling.once() == 0
    chat.clock.move(timedelta(days=4))
    assert await settling.once() == 0
    assert await chat.effects() == [("Bank.poke", "unknown")]
    assert await chat.new() == []


@pytest.mark.promise("silent", "effects-once")
async def test_an_effect_is_read_back_while_a_person_has_it_and_nothing_more_is_said(chats: Any) -> None:
    chat: Chat = chats(poke_it)
    chat.bank.fail("poke", "lost")
    chat.bank.fail("poked", "down", 2)
    await chat.say("open poke_it")
    assert await chat.effects() == [("Bank.poke", "intent")]
    await chat.agent("join")
    assert await chat.after(minutes=2) == []
    assert await chat.effects() == [("Bank.poke", "done")]
    assert (await chat.agent("return"))[-1] == "Paid: poke-M1-1."
    assert chat.bank.called("poke") == 1


async def test_news_of_an_unknown_effect_is_a_reason_to_read_it_back(chats: Any) -> None:
    chat: Chat = chats(poke_it)
    await unknown(chat)
    chat.bank.heal()
    op = (await chat.frame())["op"]
    assert (await chat.signal(op, {"status": "done"}))[-1] == "Paid: poke-M1-1."
    assert await chat.effects() == [("Bank.poke", "done")]
