"""Who is in charge: "human" and "stop", failing reads, poison, signals and timers, agents, logins."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot import Convo, NobodyAvailable, Resolved, ReturnedToBot, StepUpRefused, dialog, known
from bot.model import Assurance
from bot.ports import Sql
from bot.script.scope import Limits
from tests.worlds.engine import ADDRESS, Bank, Chat, Crash, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


@dialog("read", intents=["read"])
async def read(c: Convo, bank: Bank) -> None:
    """Reads twice, then acts."""
    await c.do(bank.items)
    await c.do(bank.maybe, thing="M1")
    receipt = await c.once(bank.poke, thing="M1")
    await c.say("said.paid", reference=receipt.reference)


@dialog("ask_one", intents=["ask_one"])
async def ask_one(c: Convo) -> None:
    """Asks."""
    name = await c.ask("name", "q.name", str)
    await c.say("said.value", value=name)


@dialog("account", intents=["account"], requires=known)
async def account(c: Convo, bank: Bank) -> None:
    """Asks, for a customer that is known."""
    name = await c.ask("name", "q.name", str)
    await c.say("said.value", value=f"{name} {c.customer}")
    other = await c.ask("other", "q.other", str)
    await c.say("said.value", value=f"{other} {c.customer}").named("again")


@dialog("close", intents=["close"], requires=known)
async def close(c: Convo, bank: Bank) -> None:
    """Closes what is approved."""
    try:
        await c.step_up("close", thing="M1")
    except StepUpRefused as refused:
        await c.say("said.refused", why=refused.reason)
        return
    receipt = await c.once(bank.close, thing="M1")
    await c.say("said.paid", reference=receipt.reference)


# Human and stop


@pytest.mark.promise("human")
@pytest.mark.parametrize("step", ["nothing", "question", "confirm", "read", "effect", "approval", "login", "handoff"])
async def test_a_person_is_had_at_every_step(chats: Any, step: str) -> None:
    @dialog("sure", intents=["sure"])
    async def sure(c: Convo) -> None:
        await c.confirm("sure", "q.sure", write=True, thing="M1", digress=False)

    @dialog("person", intents=["person"])
    async def person(c: Convo) -> None:
        await c.handoff("complaint")

    chat: Chat = chats(read, ask_one, account, close, sure, person, waits=step == "handoff")
    opens = {"question": "ask_one", "confirm": "sure", "approval": "close", "login": "account", "handoff": "person"}
    if step == "approval":
        await chat.know()
    if step in ("read", "effect"):
        chat.bank.fail("items" if step == "read" else "poke", "down")
    if step != "nothing":
        await chat.say(f"open {opens.get(step, 'read')}")
    said = await chat.say("human")
    assert "asked" in await chat.cases()
    assert "I've asked a colleague" in said[0]
    assert chat.failures == []


@pytest.mark.promise("human")
async def test_human_during_a_read_stops_the_turn_before_its_next_step(chats: Any) -> None:
    chat: Chat = chats(read, limits=Limits(read=5.0))

    async def slow(method: str) -> None:
        if method == "items":
            await asyncio.sleep(0.6)
            await chat.accept("message", "human")

    chat.bank.hook = slow
    await chat.accept("message", "open read")
    claim = await chat.claim()
    assert claim is not None
    following = await chat.turns().one(claim)
    assert following is not None
    assert [method for method, _, _ in chat.bank.calls] == ["items"]
    chat.bank.hook = None
    await chat.turns().one(following)
    said = await chat.new()
    assert "I've asked a colleague" in said[0]
    assert said[-1] == "Paid: poke-M1-1.", "what was under way goes on once a person has been asked"


@pytest.mark.promise("human")
@pytest.mark.parametrize("begun_by", ["message", "signal", "timer", "redelivery"])
async def test_a_mark_that_waits_already_keeps_any_turn_from_an_effect(chats: Any, begun_by: str) -> None:
    chat: Chat = chats(read, close)
    await chat.know()
    if begun_by == "message":
        await chat.accept("message", "open read")
    elif begun_by == "signal":
        await chat.say("open close")
        await chat.login.approves("C-1")
    elif begun_by == "timer":
        chat.bank.fail("items", "down")
        await chat.say("open read")
        chat.clock.move(timedelta(seconds=10))
        await chat.store.due_timers(chat.clock.now())
    else:

        @dialog("two", intents=["two"])
        async def two(c: Convo, bank: Bank) -> None:
            await c.once(bank.pay, thing="M1")
            await c.once(bank.poke, thing="M1")

        chat.scripts.append(two)
        chat.crashes["after checkpoint"] = 1
        await chat.accept("message", "open two")
        with pytest.raises(Crash):
            await chat.step()
        await chat.store.change([Sql("UPDATE conversation SET due = 0 WHERE leased = 1")])
        chat.bank._do("pay", "M1", "pay " + (await chat.store.query("SELECT key FROM effect"))[0]["key"])
    await chat.accept("message", "human")
    claim = await chat.claim()
    assert claim is not None
    assert claim.inbound.kind == ("message" if begun_by == "redelivery" else begun_by)
    following = await chat.turns().one(claim)
    assert chat.bank.called("poke") + chat.bank.called("close") == 0
    assert following is not None
    await chat.turns().one(following)
    assert await chat.cases() == ["asked"]


@pytest.mark.promise("human")
async def test_a_mark_keeps_an_effect_from_being_called_again(chats: Any) -> None:
    @dialog("pay", intents=["pay"])
    async def pay(c: Convo, bank: Bank) -> None:
        await c.once(bank.pay, thing="M1")

    chat: Chat = chats(pay)
    chat.bank.fail("pay", "down")
    await chat.say("open pay")
    chat.clock.move(timedelta(seconds=5))
    await chat.store.due_timers(chat.clock.now())
    await chat.accept("message", "human")
    claim = await chat.claim()
    assert claim is not None
    assert claim.inbound.kind == "timer"
    await chat.turns().one(claim)
    assert chat.bank.called("pay") == 1


@pytest.mark.promise("human")
async def test_from_human_to_a_case_with_everything_hanging(chats: Any) -> None:
    """The real figures: a turn may hold a read (5 s) or an effect (8 s and a read-back of 5 s): 13 s at the worst."""
    real = Limits()
    assert real.read <= 5.0
    assert real.turn + 5 <= 20.0
    chat: Chat = chats(read, limits=Limits(turn=10.0, read=1.5))
    for method in ("items", "maybe", "poke", "poked"):
        chat.bank.fail(method, "hang", 99)
    await chat.accept("message", "open read")
    turn = asyncio.create_task(chat.step())
    await asyncio.sleep(0.1)
    begun = time.monotonic()
    await chat.accept("message", "human")
    await turn
    while not await chat.cases():
        await chat.step()
    assert time.monotonic() - begun < 4.0, "the read in flight, and none of the other three"
    assert await chat.cases() == ["asked"]


async def test_stop_asks_where_something_would_be_lost_and_then_drops_everything_and_voids_logins(chats: Any) -> None:
    @dialog("two", intents=["two"])
    async def two(c: Convo) -> None:
        await c.ask("first", "q.other", str)
        await c.ask("second", "q.other", str)

    chat: Chat = chats(two, close)
    await chat.know()
    await chat.say("open two")
    await chat.say("an answer")
    await chat.say("open close")
    said = await chat.say("stop")
    assert len(said) == 1
    assert await chat.open() == ["two", "close", "stop"]
    assert await chat.say("no") == ["I'm waiting for you to approve this on our secure page. <Approve>"]
    await chat.say("stop")
    await chat.say("yes")
    assert await chat.open() == []
    assert (await chat.store.query("SELECT COUNT(*) AS n FROM timer"))[0]["n"] == 0
    with pytest.raises(LookupError):
        await chat.login.approves("C-1")


async def test_stop_where_nothing_was_said_yet_drops_everything_at_once_and_voids_logins(chats: Any) -> None:
    chat: Chat = chats(ask_one, close)
    await chat.know()
    await chat.say("open ask_one")
    await chat.say("open close")
    await chat.say("stop")
    assert await chat.open() == []
    assert (await chat.store.query("SELECT COUNT(*) AS n FROM timer"))[0]["n"] == 0
    with pytest.raises(LookupError):
        await chat.login.approves("C-1")


async def test_stop_with_nothing_open_says_so(chats: Any) -> None:
    chat: Chat = chats()
    assert await chat.say("stop") == ["There's nothing going on to stop. What can I do for you?"]


@pytest.mark.promise("effects-once")
@pytest.mark.parametrize("under", ["top", "covered"])
async def test_leaving_an_unsettled_effect_opens_a_case(chats: Any, under: str) -> None:
    chat: Chat = chats(read, ask_one)
    chat.bank.fail("poke", "down")
    await chat.say("open read")
    if under == "covered":
        await chat.say("open ask_one")
    await chat.say("stop")
    said = await chat.say("yes")
    assert await chat.cases() == ["effect_unsettled"]
    assert sum("couldn't confirm" in text for text in said) == 1
    assert await chat.effects() == [("Bank.poke", "unknown")]


# Reads that fail


async def test_a_failing_read_is_parked_with_timers_and_later_messages_are_seen(chats: Any) -> None:
    chat: Chat = chats(read, ask_one)
    chat.bank.fail("items", "down", 2)
    assert await chat.say("open read") == ["One moment, our systems are slow to answer. I'll keep trying."]
    assert await chat.say("well?") == ["I'm still waiting for our systems. I'll tell you as soon as they answer."]
    assert await chat.say("open ask_one") == ["Name?"]
    assert chat.bank.called("items") == 1
    assert await chat.after(seconds=30) == [], "covered, it waits"
    assert await chat.say("Bob") == ["Value: Bob."]
    assert await chat.after(seconds=30) == ["Paid: poke-M1-1."]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["down", "hang"])
async def test_after_some_tries_a_person_takes_over(chats: Any, how: str) -> None:
    chat: Chat = chats(read)
    chat.bank.fail("items", how, 99)
    await chat.say("open read")
    said = await chat.after(minutes=5)
    assert chat.bank.called("items") == chat.limits.reads_tried
    assert said[0] == "I can't reach our systems just now."
    assert await chat.cases() == ["backend_down"]
    assert await chat.open() == []
    assert chat.failures == []


async def test_the_waits_between_reads_grow(chats: Any) -> None:
    chat: Chat = chats(read)
    chat.bank.fail("items", "down", 99)
    at: list[float] = []

    async def note(method: str) -> None:
        at.append(chat.clock.now().timestamp())

    chat.bank.hook = note
    await chat.say("open read")
    await chat.after(minutes=5)
    waits = [round(b - a) for a, b in itertools.pairwise(at)]
    assert waits == [2, 4, 8]


async def test_a_bug_in_a_read_is_not_retried_as_if_the_backend_were_slow(chats: Any) -> None:
    chat: Chat = chats(read)
    chat.bank.fail("items", "bug", 99)
    await chat.say("open read")
    assert chat.failures[-1] == ("RuntimeError", True)
    assert await chat.cases() == ["poison_message"]


@pytest.mark.slow
async def test_a_turn_whose_time_is_up_goes_on_in_the_next(chats: Any) -> None:
    @dialog("long", intents=["long"])
    async def long(c: Convo, bank: Bank) -> None:
        for at in range(6):
            await c.do(bank.items, customer=str(at)).named(f"read:{at}")
        await c.say("said.a")

    chat: Chat = chats(long, limits=Limits(turn=1.0, read=0.5))

    async def slow(method: str) -> None:
        await asyncio.sleep(0.2)

    chat.bank.hook = slow
    await chat.say("open long")
    await chat.after(seconds=1)
    assert (await chat.all_said()) == ["A."]
    assert chat.bank.called("items") == 6
    assert len(chat.traces) > 1


# Poison


@dialog("bad", intents=["bad"])
async def bad(c: Convo) -> None:
    """Cannot read one answer."""
    name = await c.ask("name", "q.name", str)
    if name == "boom":
        raise RuntimeError("boom")
    await c.say("said.value", value=name)


@pytest.mark.promise("never-lost")
async def test_poison_is_tried_parked_and_told_and_later_messages_are_handled(chats: Any) -> None:
    chat: Chat = chats(bad, ask_one)
    await chat.say("open bad")
    await chat.accept("message", "boom")
    await chat.accept("message", "open ask_one")
    await chat.settle()
    said = await chat.new()
    assert [parked for _, parked in chat.failures] == [False, False, True]
    assert said[0].startswith("Something went wrong on our side")
    assert said[-1] == "Name?"
    assert await chat.cases() == ["poison_message"]
    assert "turn.parked" in await chat.audits()


async def test_tries_wait_longer_each_time(chats: Any) -> None:
    chat: Chat = chats(bad)
    await chat.say("open bad")
    await chat.accept("message", "boom")
    waits = []
    for _ in range(2):
        await chat.step()
        due = (await chat.conversation())["due"] - chat.clock.now().timestamp()
        waits.append(round(due, 3))
        chat.clock.move(timedelta(seconds=due + 0.01))
    assert waits == [0.2, 0.8]


@pytest.mark.promise("never-lost")
async def test_a_message_that_kills_the_process_is_parked_too(chats: Any) -> None:
    kills: list[str] = []

    @dialog("deadly", intents=["deadly"])
    async def deadly(c: Convo) -> None:
        kills.append("killed")
        raise Crash

    chat: Chat = chats(deadly, ask_one)
    said = await chat.say("open deadly")
    assert len(kills) == chat.limits.poison
    assert said[0].startswith("Something went wrong on our side")
    assert await chat.cases() == ["poison_message"]
    assert await chat.say("open ask_one") == ["Name?"]


async def test_an_unreadable_state_is_parked_and_the_conversation_goes_on(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    await chat.say("open ask_one")
    await chat.store.change([Sql("UPDATE conversation SET state = :s", {"s": b"\xff\xfe{{{"})])
    said = await chat.say("Bob")
    assert said[0].startswith("Something went wrong on our side")
    assert await chat.say("open ask_one") == ["Name?"]


@pytest.mark.promise("effects-once")
async def test_poison_after_an_effect_was_begun_does_not_lose_sight_of_it(chats: Any) -> None:
    @dialog("half", intents=["half"])
    async def half(c: Convo, bank: Bank) -> None:
        await c.once(bank.poke, thing="M1")

    chat: Chat = chats(half)
    chat.bank.fail("poked", "bug", 99)
    await chat.say("open half")
    assert set(await chat.cases()) == {"effect_unsettled", "poison_message"}
    assert await chat.effects() == [("Bank.poke", "unknown")]
    assert chat.bank.called("poke") == 1


async def test_a_dialog_that_a_signal_or_timer_breaks_is_told_too(chats: Any) -> None:
    @dialog("frail", intents=["frail"], requires=known)
    async def frail(c: Convo) -> None:
        await c.step_up("close", thing="M1")
        raise RuntimeError("boom")

    chat: Chat = chats(frail)
    await chat.know()
    await chat.say("open frail")
    await chat.login.approves("C-1")
    await chat.settle()
    assert (await chat.new())[-1].startswith("Something went wrong on our side")
    assert await chat.cases() == ["poison_message"]


@pytest.mark.promise("human")
async def test_a_recogniser_that_hangs_holds_nothing_up(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    real = chat.rules.parse

    async def hang(text: str, locale: str | None = None) -> Any:
        await asyncio.sleep(3600)

    chat.rules.parse = hang  # type: ignore[method-assign]
    assert "I didn't understand that." in (await asyncio.wait_for(chat.say("open ask_one"), 15))[0]
    chat.rules.parse = real  # type: ignore[method-assign]
    await chat.say("open ask_one")
    assert chat.failures == []


async def test_an_effect_is_left_to_the_next_turn_when_this_one_has_not_its_time(chats: Any) -> None:
    chat: Chat = chats(read, limits=Limits(turn=0.9, read=0.7))

    async def slow(method: str) -> None:
        if method == "items":
            await asyncio.sleep(0.6)

    chat.bank.hook = slow
    await chat.accept("message", "open read")
    await chat.step()
    assert chat.bank.called("poke") == 0
    chat.bank.hook = None
    assert await chat.after(seconds=1) == ["Paid: poke-M1-1."]
    assert chat.failures == []


# Signals and timers


async def test_a_signal_for_a_covered_wait_is_journaled_and_used_when_uncovered(chats: Any) -> None:
    chat: Chat = chats(close, ask_one)
    await chat.know()
    await chat.say("open close")
    op = (await chat.frame())["op"]
    await chat.say("open ask_one")
    await chat.login.approves("C-1")
    await chat.settle()
    assert await chat.new() == []
    assert (await chat.frame(0))["j"]["step_up:close"]["r"]["status"] == "approved"
    assert op not in str(await chat.store.query("SELECT op FROM timer"))
    assert await chat.say("Bob") == ["Value: Bob.", "Paid: close-M1-1."]


async def test_a_signal_for_what_is_gone_is_audited_and_changes_nothing(chats: Any) -> None:
    chat: Chat = chats(close, ask_one)
    await chat.know()
    await chat.say("open close")
    op = (await chat.frame())["op"]
    await chat.login.declines()
    await chat.settle()
    await chat.say("open ask_one")
    before = await chat.state()
    assert await chat.signal(op, {"status": "approved", "grant": "g"}) == []
    assert await chat.state() == before
    assert "signal.gone" in await chat.audits()
    assert chat.bank.calls == []


async def test_a_signal_cannot_answer_a_question_or_settle_an_effect(chats: Any) -> None:
    chat: Chat = chats(ask_one, read)
    await chat.say("open ask_one")
    op = (await chat.frame())["op"]
    assert await chat.signal(op, {"status": "done", "value": "forged"}) == []
    assert await chat.say("Bob") == ["Value: Bob."]


async def test_the_same_signal_twice_counts_once(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    op = (await chat.frame())["op"]
    await chat.login.approves("C-1")
    await chat.settle()
    await chat.signal(op, {"status": "declined"})
    assert (await chat.all_said())[-1] == "Paid: close-M1-1."
    assert sum(chat.bank.executed.values()) == 1


async def test_an_approval_nobody_gives_expires_by_its_timer(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    assert await chat.after(minutes=9) == []
    assert await chat.after(minutes=2) == ["Refused: expired."]
    with pytest.raises(LookupError):
        await chat.login.approves("C-1")


# The login gate


@pytest.mark.promise("assured")
async def test_a_dialog_waits_for_the_sign_in_it_requires(chats: Any) -> None:
    chat: Chat = chats(account)
    said = await chat.say("open account")
    assert "<Sign in>" in said[0]
    assert "<Sign in>" in (await chat.say("why?"))[-1]
    await chat.login.signs_in("C-1")
    await chat.settle()
    assert (await chat.new())[-1] == "Name?"
    assert (await chat.say("Bob"))[0] == "Value: Bob C-1."


@pytest.mark.promise("assured")
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("declined", "haven't connected"),
        ("expired", "run out"),
        ("other_person", "different customer"),
        ("wrong_browser", "different browser"),
        ("failed", "didn't work"),
        ("strange", "didn't work"),
    ],
)
async def test_a_sign_in_that_fails_ends_the_dialog_and_says_why(chats: Any, how: str, words: str) -> None:
    chat: Chat = chats(account)
    await chat.say("open account")
    if how == "expired":
        said = await chat.after(minutes=11)
    else:
        said = await chat.signal((await chat.frame())["op"], {"status": how})
    assert words in said[0]
    assert "[Try again]" in said[0]
    assert await chat.open() == []
    assert "<Sign in>" in (await chat.press("Try again"))[0]


@pytest.mark.promise("assured")
async def test_too_low_a_level_is_not_enough(chats: Any) -> None:
    chat: Chat = chats(account)
    await chat.know(level=Assurance.LINKED)
    assert "<Sign in>" in (await chat.say("open account"))[0]


@pytest.mark.promise("assured")
async def test_a_link_that_ages_under_a_parked_dialog_keeps_its_answers(chats: Any) -> None:
    chat: Chat = chats(account)
    await chat.know()
    await chat.say("open account")
    await chat.say("Bob")
    await chat.know(level=Assurance.LINKED)
    said = await chat.say("Eve")
    assert "<Sign in>" in said[-1]
    assert not any("Value" in text for text in said)
    await chat.login.signs_in("C-1")
    await chat.settle()
    assert (await chat.new())[-1] == "Another question?"
    assert await chat.say("Eve") == ["Value: Eve C-1."]


@pytest.mark.promise("assured")
async def test_another_customer_starts_anew_and_sees_nothing_of_the_first(chats: Any) -> None:
    chat: Chat = chats(account)
    await chat.know()
    await chat.say("open account")
    await chat.say("Bob")
    chat.login.unlink(address=ADDRESS, now=chat.clock.now(), reason="test")
    await chat.say("Eve")
    await chat.login.signs_in("C-2")
    await chat.settle()
    said = await chat.new()
    assert said[-1] == "Name?"
    assert any("somebody else" in text for text in said)
    assert "Bob" not in str(await chat.state())
    assert (await chat.say("Zoe"))[0] == "Value: Zoe C-2."


@pytest.mark.promise("effects-once")
@pytest.mark.parametrize("then", ["declines", "other", "stop", "expires"])
async def test_an_unlink_under_an_unsettled_effect_does_not_lose_sight_of_it(chats: Any, then: str) -> None:
    @dialog("act", intents=["act"], requires=known)
    async def act(c: Convo, bank: Bank) -> None:
        receipt = await c.once(bank.poke, thing="M1")
        await c.say("said.paid", reference=receipt.reference)

    chat: Chat = chats(act)
    await chat.know()
    chat.bank.fail("poke", "down")
    chat.bank.fail("poked", "down", 99)
    await chat.say("open act")
    chat.login.unlink(address=ADDRESS, now=chat.clock.now(), reason="test")
    await chat.after(seconds=10)
    assert "<Sign in>" in (await chat.all_said())[-1]
    if then == "declines":
        await chat.login.declines()
    elif then == "other":
        await chat.login.signs_in("C-2")
    elif then == "stop":
        await chat.say("stop")
        await chat.say("yes")
    else:
        await chat.after(minutes=11)
    await chat.settle()
    await chat.after(minutes=1)
    if then == "other":
        assert chat.bank.called("poke") == 2, "the other customer's own run, with its own effect"
    assert (await chat.cases())[0] in ("effect_unsettled", "effect_unknown")
    assert (await chat.effects())[0] == ("Bank.poke", "unknown")
    assert chat.failures == []


@pytest.mark.promise("private")
async def test_in_a_group_nothing_of_an_account_begins(chats: Any) -> None:
    @dialog("outer", intents=["outer"])
    async def outer(c: Convo) -> None:
        await c.call("account")

    from dataclasses import replace

    chat: Chat = chats(account, outer, address=replace(ADDRESS, kind="group"))
    await chat.know()
    assert await chat.say("open account") == [
        "I can only talk about your account in a private chat. Please message me directly."
    ]
    assert await chat.say("open outer") == [
        "I can only talk about your account in a private chat. Please message me directly."
    ]
    assert await chat.open() == []


@pytest.mark.promise("private")
async def test_all_that_such_a_dialog_says_is_marked_private(chats: Any) -> None:
    @dialog("tells", intents=["tells"], requires=known)
    async def tells(c: Convo, bank: Bank) -> None:
        from bot import Card

        await c.say("said.a")
        await c.show(Card("Bill"))
        if await c.confirm("sure", "q.sure", thing="M1"):
            await c.step_up("close", thing="M1")

    chat: Chat = chats(tells)
    await chat.know()
    await chat.say("open tells")
    await chat.press("Yes, pay it")
    rows = await chat.rows()
    assert len(rows) == 4
    assert all(row.private for row in rows)


# Agents


@pytest.mark.promise("silent")
async def test_while_an_agent_holds_it_the_bot_is_silent_and_then_goes_on_where_it_was(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    await chat.say("open ask_one")
    assert await chat.agent("join") == ["Priya from Engine has joined."]
    assert (await chat.conversation())["party"] == "agent"
    assert await chat.say("Bob") == []
    assert await chat.say("human") == []
    assert await chat.say("open ask_one") == []
    assert await chat.agent("say", "Hello, I'm Priya.") == ["Hello, I'm Priya."]
    assert (await chat.rows())[-1].author == "Priya"
    assert await chat.agent("return") == ["Priya has handed you back to the assistant.", "Name?"]
    assert (await chat.conversation())["party"] == "bot"
    assert await chat.say("Eve") == ["Value: Eve."]
    assert await chat.cases() == []


@pytest.mark.promise("silent")
async def test_an_offer_whose_dialog_is_gone_leaves_the_person_alone(chats: Any) -> None:
    chat: Chat = chats(ask_one, close)
    await chat.say("open ask_one")
    await chat.agent("join")
    await chat.agent("offer", dialog="close")
    chat.scripts.remove(close)
    assert await chat.press((await chat.rows())[-1].choices[0].label) == []
    assert (await chat.conversation())["party"] == "agent"


@pytest.mark.promise("silent")
async def test_an_agent_who_joins_in_mid_turn_silences_it_but_keeps_what_it_did(chats: Any) -> None:
    @dialog("act", intents=["act"])
    async def act(c: Convo, bank: Bank) -> None:
        receipt = await c.once(bank.poke, thing="M1")
        await c.say("said.paid", reference=receipt.reference)
        await c.ask("name", "q.name", str)

    chat: Chat = chats(act)

    async def take(method: str) -> None:
        if method == "poked":
            await chat.store.change(
                [Sql("UPDATE conversation SET party = 'agent', party_epoch = party_epoch + 1", {}, rows=1)]
            )

    chat.bank.hook = take
    assert await chat.say("open act") == []
    assert [row.text for row in await chat.rows("withheld")] == ["Paid: poke-M1-1.", "Name?"]
    assert await chat.effects() == [("Bank.poke", "done")]
    assert (await chat.frame())["w"] == "name"


@pytest.mark.promise("silent")
async def test_a_signal_while_an_agent_holds_it_is_kept_for_later(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.say("open close")
    await chat.agent("join")
    await chat.login.signs_in("C-1")
    await chat.settle()
    assert await chat.new() == []
    assert (await chat.agent("return"))[-1] == "Please approve this on our secure page. <Approve>"


@pytest.mark.promise("assured")
async def test_an_approval_that_is_open_ends_when_a_person_takes_over(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    await chat.agent("join")
    with pytest.raises(LookupError):
        await chat.login.approves("C-1")
    assert (await chat.agent("return"))[-1] == "Refused: expired."
    assert chat.bank.called("close") == 0


@pytest.mark.promise("silent")
async def test_a_timer_while_an_agent_holds_it_says_nothing(chats: Any) -> None:
    chat: Chat = chats(read)
    chat.bank.fail("items", "down")
    await chat.say("open read")
    await chat.agent("join")
    assert await chat.after(minutes=1) == []
    assert chat.bank.called("items") == 1
    assert (await chat.agent("return"))[-1] == "Paid: poke-M1-1."


@pytest.mark.promise("silent")
@pytest.mark.parametrize(("act", "kind"), [("return", ReturnedToBot), ("resolve", Resolved)])
async def test_what_an_agent_made_of_it_is_what_the_dialog_gets(chats: Any, act: str, kind: Any) -> None:
    got: list[Any] = []

    @dialog("person", intents=["person"])
    async def person(c: Convo) -> None:
        got.append(await c.handoff("complaint"))
        await c.say("said.a")

    chat: Chat = chats(person, waits=True)
    await chat.say("open person")
    op = chat.desk.opened[0].op
    await chat.agent("join")
    assert (await chat.agent(act, op=op, note="sorted"))[-1] == "A."
    assert got == [kind("Priya", "sorted")]


@pytest.mark.promise("silent")
async def test_a_redelivered_turn_under_an_agent_begins_no_further_effect(chats: Any) -> None:
    @dialog("two", intents=["two"])
    async def two(c: Convo, bank: Bank) -> None:
        await c.once(bank.pay, thing="M1")
        await c.once(bank.poke, thing="M1")
        await c.say("said.a")

    chat: Chat = chats(two)
    crashed: list[str] = []

    async def take(method: str) -> None:
        if method == "paid" and not crashed:
            crashed.append(method)
            await chat.store.change(
                [Sql("UPDATE conversation SET party = 'agent', party_epoch = party_epoch + 1", {}, rows=1)]
            )
            raise Crash

    chat.bank.hook = take
    await chat.say("open two")
    await chat.after(minutes=1)
    assert chat.bank.called("poke") == 0
    await chat.agent("return")
    await chat.after(minutes=1)
    assert chat.bank.called("poke") == 1
    assert (await chat.all_said())[-1] == "A."


async def test_nobody_available_is_not_a_person_holding_it(chats: Any) -> None:
    got: list[Any] = []

    @dialog("person", intents=["person"])
    async def person(c: Convo) -> None:
        got.append(await c.handoff("complaint"))

    chat: Chat = chats(person)
    await chat.say("open person")
    assert isinstance(got[0], NobodyAvailable)
    assert (await chat.conversation())["party"] == "bot"


# A sign-in that was lost under a parked dialog


async def test_a_dialog_that_waits_for_an_approval_takes_no_other_wish_when_its_sign_in_is_gone(chats: Any) -> None:
    chat: Chat = chats(close, ask_one)
    await chat.know()
    await chat.say("open close")
    await chat.know(level=Assurance.LINKED)
    assert (await chat.say("open ask_one"))[0] == "Name?"
    assert await chat.open() == ["close", "ask_one"]


async def test_an_answer_that_finds_the_sign_in_gone_is_no_wish(chats: Any) -> None:
    chat: Chat = chats(account, ask_one)
    await chat.know()
    await chat.say("open account")
    await chat.know(level=Assurance.LINKED)
    said = await chat.say("Bob")
    assert len(said) == 1
    assert "sign in" in said[0]
    assert await chat.open() == ["account"]


async def test_a_new_sign_in_asks_for_a_fresh_approval(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    await chat.know(level=Assurance.LINKED)
    await chat.say("hm?")
    await chat.login.signs_in("C-1")
    await chat.settle()
    said = await chat.new()
    assert said[-1] == "Please approve this on our secure page. <Approve>"
    await chat.login.approves("C-1")
    await chat.settle()
    assert await chat.effects() == [("Bank.close", "done")]
