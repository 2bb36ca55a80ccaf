"""Every verb of a dialog: what it says, what it journals, and that a replay says and does nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from bot import Again, Card, Convo, File, Items, NobodyAvailable, Offer, ReturnedToBot, dialog
from tests.worlds.engine import ITEMS, Bank, Chat, Detail, Item, Locked


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    made: list[Chat] = []

    def make(*dialogs: Any, **given: Any) -> Chat:
        made.append(Chat(*dialogs, **given))
        return made[-1]

    yield make
    for chat in made:
        await chat.close()


def day(text: str) -> date:
    """A day."""
    return date.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Range:
    """Two days."""

    first: date
    last: date


def both(text: str) -> Range:
    """Two days."""
    first, last = text.split()
    return Range(date.fromisoformat(first), date.fromisoformat(last))


seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


async def test_say_show_and_offers_in_order(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        await c.say("said.a")
        await c.show(Card("Title", rows=(("a", "b"),)))
        await c.show(Items((Card("First"), Card("Second"))))
        await c.show(File("ref", "bill.pdf", "application/pdf"))
        await c.say("said.b", offers=[Offer("offer.more", "two", {"thing": "M1"})])

    @dialog("two")
    async def two(c: Convo, thing: str) -> None:
        await c.say("said.value", value=thing)

    chat = chats(one, two)
    assert await chat.say("open one") == ["A.", "(Title)", "(First, Second)", "(bill.pdf)", "B. [Tell me more]"]
    assert await chat.press("Tell me more") == ["Value: M1."]
    assert await chat.open() == []


async def test_nothing_is_said_or_read_twice_on_replay(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        await c.say("said.a")
        items = await c.do(bank.items)
        name = await c.ask("name", "q.name", str)
        await c.say("said.value", value=name)
        other = await c.ask("other", "q.other", str)
        await c.say("said.value", value=other + str(len(items))).named("last")

    chat = chats(one)
    assert await chat.say("open one") == ["A.", "Name?"]
    assert await chat.say("Bob") == ["Value: Bob.", "Another question?"]
    assert await chat.say("Eve") == ["Value: Eve2."]
    assert chat.bank.called("items") == 1


async def test_values_keep_their_types_through_the_journal(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        detail = await c.do(bank.detail, thing="M1")
        there = await c.do(bank.maybe, thing="M2").named("there")
        gone = await c.do(bank.maybe, thing="M9").named("gone")
        items = await c.do(bank.items)
        now = await c.now()
        when = await c.ask("day", "q.day", day)
        span = await c.ask("span", "q.other", both)
        picked = await c.choose("which", "q.which", items, label="item.label")
        seen.append((detail, there, gone, items, now, when, span, picked))
        await c.ask("end", "q.name", str)

    chat = chats(one)
    begun = chat.clock.now()
    await chat.say("open one")
    await chat.after(hours=1)
    await chat.say("2026-02-28")
    await chat.say("2026-02-01 2026-02-02")
    await chat.say("mobile")
    await chat.say("nonsense")
    await chat.say("more")
    assert chat.failures == []
    assert len(seen) == 2
    assert seen[0] == seen[1], "what a dialog sees differs from one replay to the next"
    detail, there, gone, items, now, when, span, picked = seen[0]
    assert detail == Detail(date(2026, 2, 28), begun, ITEMS, {"a": 1}, None, ITEMS[0])
    assert isinstance(detail.on, date)
    assert isinstance(detail.at, datetime)
    assert detail.at.tzinfo is not None
    assert isinstance(detail.parts, tuple)
    assert isinstance(detail.parent, Item)
    assert (there, gone, items) == (ITEMS[1], None, ITEMS)
    assert now == begun
    assert now.tzinfo == UTC
    assert when == date(2026, 2, 28)
    assert span == Range(date(2026, 2, 1), date(2026, 2, 2))
    assert picked == ITEMS[1]


async def test_an_answer_whose_type_would_be_lost_is_refused_at_once(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        when = await c.ask("day", "q.day", lambda text: date.fromisoformat(text))
        seen.append(when)
        await c.ask("end", "q.name", str)

    chat = chats(one)
    await chat.say("open one")
    await chat.say("2026-02-28")
    assert seen == []
    assert chat.failures[-1] == ("NotPlain", True)


async def test_a_value_over_8_kb_is_refused(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank, length: str) -> None:
        note = await c.do(bank.note, length=int(length))
        await c.say("said.value", value=str(len(note)))

    chat = chats(one)
    assert await chat.say("open one length=8000") == ["Value: 8000."]
    await chat.say("open one length=8300")
    assert chat.failures[-1] == ("ValueTooLarge", True)


async def test_what_is_not_plain_names_the_dialog_and_the_key(chats: Any, caplog: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        await c.call("two", thing=object())

    @dialog("two")
    async def two(c: Convo, thing: str) -> None:
        await c.say("said.a")

    chat = chats(one, two)
    await chat.say("open one")
    assert chat.failures[-1] == ("NotPlain", True)
    assert "one: call:two" in caplog.text


async def test_two_operations_may_not_share_a_name(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        await c.say("said.a")
        await c.say("said.a")

    chat = chats(one)
    await chat.say("open one")
    assert chat.failures[-1] == ("NameTwice", True)


async def test_a_raw_await_is_refused_the_first_time(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        await asyncio.sleep(0)
        seen.append("went on")

    chat = chats(one)
    await chat.say("open one")
    assert chat.failures[0] == ("UnjournaledAwait", False)
    assert seen == []


async def test_a_service_called_without_a_verb_is_refused_even_if_it_never_waits(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        seen.append(await bank.items())

    chat = chats(one)
    await chat.say("open one")
    assert chat.failures[0] == ("UnjournaledAwait", False)
    assert seen == []


async def test_loops_name_their_operations_by_item(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        for item in await c.do(bank.items):
            found = await c.do(bank.maybe, thing=item.id).named(f"read:{item.id}")
            if found is not None and await c.confirm(f"ok:{item.id}", "q.ok"):
                await c.say("said.value", value=found.name).named(f"said:{item.id}")

    chat = chats(one)
    assert await chat.say("open one") == ["All right? [Yes] [No]"]
    assert await chat.say("yes") == ["Value: Home broadband.", "All right? [Yes] [No]"]
    assert await chat.say("no") == []
    assert await chat.open() == []


async def test_the_journal_is_capped(chats: Any, caplog: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        for at in range(201):
            await c.now().named(f"now:{at}")

    chat = chats(one)
    await chat.say("open one")
    assert chat.failures[-1] == ("JournalFull", True)
    assert "c.again" in caplog.text


async def test_again_that_waits_for_nothing_does_not_hang_the_process(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> Again:
        return c.again()

    chat = chats(one)
    await asyncio.wait_for(chat.say("open one"), 20)
    assert chat.failures[-1][1] is True


async def test_again_starts_with_an_empty_journal_and_typed_arguments(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, since: date | None = None) -> Again | None:
        seen.append(since)
        name = await c.ask("name", "q.name", str)
        return c.again(since=date(2026, 1, 2)) if name == "more" else None

    chat = chats(one)
    assert await chat.say("open one") == ["Name?"]
    assert await chat.say("more") == ["Name?"]
    frame = await chat.frame()
    assert (frame["gen"], list(frame["j"])) == (1, ["name"])
    await chat.say("enough")
    assert seen == [None, None, date(2026, 1, 2), date(2026, 1, 2)]
    assert await chat.open() == []


async def test_a_called_dialog_returns_its_value_with_its_type(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        got = await c.call("two", item=ITEMS[0], on=date(2026, 1, 2))
        seen.append(got)
        await c.ask("end", "q.name", str)

    @dialog("two")
    async def two(c: Convo, item: Item, on: date) -> Range:
        assert isinstance(item, Item)
        assert isinstance(on, date)
        last = await c.ask("day", "q.day", day)
        return Range(on, last)

    chat = chats(one, two)
    assert await chat.say("open one") == ["Which day?"]
    assert await chat.say("2026-03-04") == ["Name?"]
    await chat.say("x")
    assert chat.failures == []
    assert seen == [Range(date(2026, 1, 2), date(2026, 3, 4))] * 2


async def test_the_same_dialog_called_twice_keeps_two_outcomes(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        first = await c.call("two").named("first")
        second = await c.call("two").named("second")
        await c.say("said.value", value=f"{first} {second}")

    @dialog("two")
    async def two(c: Convo) -> str:
        return await c.ask("name", "q.name", str)

    chat = chats(one, two)
    await chat.say("open one")
    await chat.say("Bob")
    assert await chat.say("Eve") == ["Value: Bob Eve."]


@pytest.mark.parametrize("what", ["do", "call"])
async def test_replay_with_other_arguments_is_an_error_and_never_a_call(chats: Any, what: str) -> None:
    given = {"thing": "M1"}

    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        if what == "do":
            await c.do(bank.maybe, thing=given["thing"])
        else:
            await c.call("two", thing=given["thing"])
        await c.ask("name", "q.name", str)

    @dialog("two")
    async def two(c: Convo, thing: str) -> None:
        seen.append(thing)

    chat = chats(one, two)
    await chat.say("open one")
    given["thing"] = "M2"
    await chat.say("Bob")
    assert chat.failures[0] == ("JournalMismatch", False)
    assert [what for name, what, _ in chat.bank.calls if name == "maybe"] == (["M1"] if what == "do" else [])
    assert seen == ([] if what == "do" else ["M1"])


async def test_a_recorded_name_used_by_another_verb_is_an_error(chats: Any) -> None:
    order = ["say"]

    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        if order[0] == "say":
            await c.say("said.a").named("it")
        else:
            seen.append(await c.do(bank.maybe, thing="M1").named("it"))
        await c.ask("name", "q.name", str)

    chat = chats(one)
    await chat.say("open one")
    order[0] = "do"
    await chat.say("Bob")
    assert chat.failures[0] == ("JournalMismatch", False)
    assert seen == []


async def test_a_say_put_before_an_open_question_does_not_shift_its_answer(chats: Any) -> None:
    more: list[str] = []

    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        first = await c.ask("first", "q.name", str)
        if more:
            await c.say("said.c")
            await c.ask("added", "q.day", day)
        second = await c.ask("second", "q.other", str)
        await c.say("said.value", value=f"{first} {second}")

    chat = chats(one)
    await chat.say("open one")
    assert await chat.say("Bob") == ["Another question?"]
    more.append("yes")
    said = await chat.say("Eve")
    assert said[0] == "C."
    assert "Which day?" in said[-1]
    await chat.say("2026-01-02")
    assert await chat.say("Eve") == ["Value: Bob Eve."]


async def test_a_domain_error_is_journaled_with_its_fields(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank) -> None:
        try:
            await c.do(bank.items)
        except Locked as locked:
            seen.append(locked)
            await c.ask("name", "q.name", str)

    chat = chats(one)
    chat.bank.fail("items", "refuse")
    await chat.say("open one")
    await chat.say("Bob")
    assert seen == [Locked(date(2026, 12, 1), "under review")] * 2
    assert isinstance(seen[1].until, date)
    assert chat.bank.called("items") == 1


async def test_ask_hints_and_gives_up_to_a_person_after_three(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        await c.ask("day", "q.day", day)

    chat = chats(one)
    await chat.say("open one")
    assert await chat.say("soon") == ["A day, please. / Which day?"]
    assert await chat.say("soonish") == ["A day, please. / Which day?"]
    said = await chat.say("don't know")
    assert await chat.cases() == ["misunderstood"]
    assert said[-1] == "Which day?", "the question is still open below"


@pytest.mark.promise("silent")
async def test_handoff_waits_for_a_person_and_returns_what_they_made_of_it(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        seen.append(await c.handoff("complaint", about=ITEMS[0]))
        await c.say("said.a")

    chat = chats(one, waits=True)
    await chat.say("open one")
    (case,) = chat.desk.opened
    assert case.about == {"id": "M1", "name": "Home broadband", "pence": 3100}
    assert (await chat.say("hello?"))[0].startswith("A colleague will pick this up here, reference EN-")
    assert await chat.signal(case.op, {"status": "returned", "by": "Priya", "note": "sorted"}) == ["A."]
    assert seen == [ReturnedToBot("Priya", "sorted")]


async def test_handoff_goes_on_when_nobody_is_there(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        seen.append(await c.handoff("complaint"))
        await c.say("said.a")

    chat = chats(one)
    said = await chat.say("open one")
    assert said[-1] == "A."
    assert isinstance(seen[0], NobodyAvailable)
    assert seen[0].reference in said[0]


async def test_two_matters_of_one_kind_are_two_cases(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, thing: str) -> None:
        await c.handoff("locked", about={"thing": thing})

    chat = chats(one)
    await chat.say("open one thing=M1")
    await chat.say("open one thing=M2")
    rows = await chat.store.query("SELECT about FROM cases")
    assert sorted(row["about"] for row in rows) == ['{"thing":"M1"}', '{"thing":"M2"}']


async def test_a_choice_of_one_and_a_fitting_guess_ask_nothing(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, bank: Bank, guess: str | None = None) -> None:
        picked = await c.choose("which", "q.which", await c.do(bank.items), label="item.label", guess=guess)
        await c.say("said.value", value=picked.name)

    chat = chats(one)
    assert await chat.say("open one guess=mobile") == ["Value: Mobile ending 412."]
    assert (await chat.say("open one guess=boat"))[0].startswith("Which one?")
    assert await chat.say("2") == ["Value: Mobile ending 412."]
    chat.bank.things = ITEMS[:1]
    assert await chat.say("open one") == ["Value: Home broadband."]


async def test_an_argument_of_the_wrong_type_falls_back_to_its_default(chats: Any) -> None:
    @dialog("one", intents=["one"])
    async def one(c: Convo, amount: int | None = None) -> None:
        await c.say("said.value", value=repr(amount))

    chat = chats(one)
    assert await chat.say("open one amount=plenty") == ["Value: None."]
    assert chat.failures == []
