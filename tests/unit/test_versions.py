"""What becomes of an open dialog when its code changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot import Convo, dialog, known
from bot.script.versions import code_hash
from tests.worlds.engine import Bank, Chat, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


@dialog("trip", intents=["trip"])
async def first(c: Convo, bank: Bank) -> None:
    """As it was."""
    name = await c.ask("name", "q.name", str)
    item = await c.choose("which", "q.which", await c.do(bank.items), label="item.label")
    await c.say("said.value", value=f"old {name} {item.id}")


@dialog("trip", intents=["trip"])
async def changed(c: Convo, bank: Bank) -> None:
    """As it is now, under the same version."""
    name = await c.ask("name", "q.name", str)
    other = await c.ask("other", "q.other", str)
    item = await c.choose("which", "q.which", await c.do(bank.items), label="item.label")
    await c.say("said.value", value=f"new {name} {other} {item.id}")


@dialog("trip", intents=["trip"], version=2)
async def second(c: Convo, bank: Bank) -> None:
    """The second version."""
    name = await c.ask("name", "q.name", str)
    other = await c.ask("other", "q.other", str)
    await c.say("said.value", value=f"second {name} {other}")


def upgraded_journal(journal: Any) -> dict[str, Any]:
    """The old name becomes the other."""
    kept = dict(journal)
    kept.pop("which", None)
    kept["other"] = {"s": "d", "r": "upgraded", "q": "ask"}
    return kept


@dialog("trip", intents=["trip"], version=2, upgrade=upgraded_journal)
async def upgrading(c: Convo, bank: Bank) -> None:
    """The second version, which can read the first's journal."""
    name = await c.ask("name", "q.name", str)
    other = await c.ask("other", "q.other", str)
    await c.say("said.value", value=f"upgraded {name} {other}")


@dialog("act", intents=["act"])
async def act(c: Convo, bank: Bank) -> None:
    """Acts, then asks."""
    await c.once(bank.pay, thing="M1")
    await c.ask("name", "q.name", str)


@dialog("act", intents=["act"])
async def act_changed(c: Convo, bank: Bank) -> None:
    """Acts, then asks something else."""
    await c.once(bank.pay, thing="M1")
    await c.ask("other", "q.other", str)


async def open_trip(chat: Chat) -> None:
    """Two questions in."""
    await chat.say("open trip")
    assert (await chat.say("Bob"))[0].startswith("Which one?")


async def test_code_that_was_never_released_restarts_with_the_answers_as_guesses(chats: Any) -> None:
    chat: Chat = chats(first)
    await open_trip(chat)
    chat.scripts = [changed]
    assert await chat.say("mobile") == ["Another question?"]
    assert (await chat.say("Eve"))[0].startswith("Which one?")
    assert await chat.say("mobile") == ["Value: new Bob Eve M2."]


async def test_released_code_is_replayed_by_name(chats: Any) -> None:
    chat: Chat = chats(first)
    await open_trip(chat)
    chat.scripts = [changed]
    chat.locked = {("trip", 1): "hash"}
    await chat.say("mobile")
    assert (await chat.frame())["j"]["name"]["r"] == "Bob"
    assert chat.bank.called("items") == 1


async def test_a_retired_version_finishes_its_own(chats: Any) -> None:
    chat: Chat = chats(first)
    await open_trip(chat)
    chat.scripts, chat.retired = [second], [first]
    assert await chat.say("mobile") == ["Value: old Bob M2."]
    assert await chat.say("open trip") == ["Name?"]
    await chat.say("Bob")
    assert await chat.say("Eve") == ["Value: second Bob Eve."]


async def test_an_upgrade_reads_the_old_journal(chats: Any) -> None:
    chat: Chat = chats(first)
    await open_trip(chat)
    chat.scripts = [upgrading]
    assert await chat.say("mobile") == ["Value: upgraded Bob upgraded."]


async def test_another_version_without_either_restarts_with_guesses(chats: Any) -> None:
    chat: Chat = chats(first)
    await open_trip(chat)
    chat.scripts = [second]
    assert await chat.say("mobile") == ["Another question?"]
    assert await chat.say("Eve") == ["Value: second Bob Eve."]


@pytest.mark.promise("effects-once")
async def test_with_an_effect_done_a_person_gets_it_and_nothing_is_done_again(chats: Any) -> None:
    chat: Chat = chats(act)
    await chat.say("open act")
    chat.scripts = [act_changed]
    said = await chat.say("Bob")
    assert await chat.cases() == ["dialog_changed"]
    assert "I've asked a colleague" in said[0]
    assert chat.bank.called("pay") == 1
    assert await chat.open() == []


@pytest.mark.promise("effects-once")
async def test_with_an_effect_unsettled_it_is_called_unknown(chats: Any) -> None:
    chat: Chat = chats(act)
    chat.bank.fail("pay", "down")
    await chat.say("open act")
    chat.scripts = [act_changed]
    await chat.after(seconds=10)
    assert "dialog_changed" in await chat.cases()
    assert chat.bank.called("pay") == 1
    assert await chat.effects() == [("Bank.pay", "unknown")]


@pytest.mark.promise("never-lost")
async def test_a_newer_journal_is_left_to_a_newer_worker(chats: Any) -> None:
    chat: Chat = chats(second)
    await chat.say("open trip")
    before = (await chat.conversation())["state"]
    chat.scripts = [first]
    await chat.accept("message", "Bob")
    claim = await chat.claim()
    assert claim is not None
    assert await chat.turns().one(claim) is None
    row = await chat.conversation()
    assert row["state"] == before
    assert row["tries"] == 0
    assert row["leased"] == 0
    assert row["due"] > chat.clock.now().timestamp()
    assert chat.failures == []
    chat.scripts = [second]
    await chat.settle()
    assert (await chat.all_said())[-1] == "Another question?"


@pytest.mark.promise("effects-once")
async def test_a_restart_never_reuses_the_first_run_s_effect_keys(chats: Any) -> None:
    @dialog("key", intents=["key"])
    async def one(c: Convo, bank: Bank) -> None:
        await c.ask("name", "q.name", str)
        await c.once(bank.pay, thing="M1")

    chat: Chat = chats(one)
    await chat.say("open key")
    run = (await chat.frame())["run"]

    @dialog("key", intents=["key"])
    async def two(c: Convo, bank: Bank) -> None:
        await c.ask("other", "q.other", str)
        await c.once(bank.pay, thing="M1")

    chat.scripts = [two]
    assert await chat.say("Bob") == ["Another question?"]
    assert (await chat.frame())["run"] != run


@pytest.mark.promise("assured")
async def test_a_restart_stays_with_its_customer(chats: Any) -> None:
    @dialog("own", intents=["own"], requires=known)
    async def one(c: Convo) -> None:
        await c.ask("name", "q.name", str)

    @dialog("own", intents=["own"], requires=known)
    async def two(c: Convo) -> None:
        await c.ask("name", "q.name", str)
        await c.ask("other", "q.other", str)

    chat: Chat = chats(one)
    await chat.know()
    await chat.say("open own")
    chat.scripts = [two]
    await chat.know("C-2")
    said = await chat.say("Bob")
    assert any("somebody else" in text for text in said)


# The hash


def helper() -> int:
    """Help."""
    return 1


async def one_helped(c: Convo) -> None:
    """A docstring."""
    helper()


def test_the_hash_ignores_docstrings_and_comments_but_not_code() -> None:
    def make(text: str) -> Any:
        scope: dict[str, Any] = {"helper": helper}
        import linecache

        name = f"<made {len(text)} {hash(text)}>"
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
        exec(compile(text, name, "exec"), scope)
        return scope["made"]

    plain = make("async def made(c):\n    x = 1\n    return x\n")
    documented = make('async def made(c):\n    """Says."""\n    # why\n    x = 1\n    return x\n')
    other = make("async def made(c):\n    x = 2\n    return x\n")
    assert code_hash(plain) == code_hash(documented)
    assert code_hash(plain) != code_hash(other)


def test_the_hash_covers_the_helpers_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_hash(one_helped)
    code_hash.cache_clear()

    def other() -> int:
        return 2

    other.__module__, other.__qualname__ = helper.__module__, "helper"
    monkeypatch.setitem(one_helped.__globals__, "helper", other)
    assert code_hash(one_helped) != before
    code_hash.cache_clear()
