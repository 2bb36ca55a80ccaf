"""Whole conversations: interruptions, questions asked again, buttons, offers, questions grown old."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot import Again, Convo, Offer, dialog
from tests.worlds.engine import Bank, Chat, made_chats


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


@dialog("ask_one", intents=["ask_one"])
async def ask_one(c: Convo) -> None:
    """Asks."""
    name = await c.ask("name", "q.name", str)
    await c.say("said.value", value=name)


@dialog("pick", intents=["pick"])
async def pick(c: Convo, bank: Bank) -> None:
    """Lets one be picked, then confirmed."""
    item = await c.choose("which", "q.which", await c.do(bank.items), label="item.label")
    if await c.confirm("sure", "q.sure", write=True, thing=item.id):
        receipt = await c.once(bank.pay, thing=item.id)
        await c.say("said.paid", reference=receipt.reference)
    else:
        await c.say("said.kept")


@dialog("tell", intents=["tell"])
async def tell(c: Convo) -> None:
    """Says something."""
    await c.say("said.a")


@dialog("stay", intents=["stay"])
async def stay(c: Convo) -> None:
    """Does not let itself be interrupted."""
    await c.confirm("ok", "q.ok", digress=False)
    await c.say("said.b")


@dialog("sell", intents=["sell"])
async def sell(c: Convo) -> None:
    """Says something, and what could be done next."""
    await c.say("said.c", offers=[Offer("offer.pay", "pick")])


WHICH = "Which one? [Home broadband, £31.00] [Mobile ending 412, £23.00]"


# Interruptions


async def test_an_interruption_gets_its_own_stack_and_the_question_is_asked_again(chats: Any) -> None:
    chat: Chat = chats(pick, tell, ask_one)
    assert await chat.say("open pick") == [WHICH]
    assert await chat.say("open tell") == ["A.", WHICH]
    assert await chat.say("open ask_one") == ["Name?"]
    assert await chat.open() == ["pick", "ask_one"]
    assert await chat.say("Bob") == ["Value: Bob.", WHICH]
    assert await chat.say("mobile") == ["Pay M2? [Yes, pay it] [Leave it]"]
    assert chat.bank.called("items") == 1


async def test_at_most_three_lie_open_and_the_oldest_makes_room_for_a_fourth(chats: Any) -> None:
    @dialog("third", intents=["third"])
    async def third(c: Convo) -> None:
        await c.ask("other", "q.other", str)

    chat: Chat = chats(pick, ask_one, third, stay)
    await chat.say("open pick")
    await chat.say("open ask_one")
    await chat.say("open third")
    said = await chat.say("open stay")
    assert said[0] == "I've put this aside: pick. Just ask when you want to go on with it."
    assert await chat.open() == ["ask_one", "third", "stay"]


async def test_what_has_begun_to_change_something_is_not_put_aside(chats: Any) -> None:
    @dialog("paying", intents=["paying"])
    async def paying(c: Convo, bank: Bank) -> None:
        await c.once(bank.pay, thing="M1")
        await c.ask("after", "q.other", str)

    @dialog("third", intents=["third"])
    async def third(c: Convo) -> None:
        await c.ask("other", "q.other", str)

    chat: Chat = chats(paying, ask_one, third, stay)
    await chat.say("open paying")
    await chat.say("open ask_one")
    await chat.say("open third")
    said = await chat.say("open stay")
    assert said[0] == "I've put this aside: asking. Just ask when you want to go on with it."
    assert await chat.open() == ["paying", "third", "stay"]


async def test_an_offer_taken_up_with_three_open_puts_the_oldest_aside_too(chats: Any) -> None:
    @dialog("third", intents=["third"])
    async def third(c: Convo) -> None:
        await c.ask("other", "q.other", str)

    chat: Chat = chats(sell, pick, ask_one, third, stay)
    await chat.say("open sell")
    nonce = await chat.nonce("Pay now")
    await chat.say("open ask_one")
    await chat.edit(lambda state: state.update(o=[{"n": nonce, "l": "Pay now", "d": "pick", "a": {}, "g": {}}]))
    await chat.say("open third")
    await chat.say("open stay")
    assert await chat.open() == ["ask_one", "third", "stay"]
    await chat.accept("press", "Pay now", nonce=nonce)
    await chat.settle()
    assert (await chat.new())[0] == "I've put this aside: asking. Just ask when you want to go on with it."
    assert await chat.open() == ["third", "stay", "pick"]


async def test_an_intent_that_lies_open_is_gone_back_to_never_opened_twice(chats: Any) -> None:
    chat: Chat = chats(pick, ask_one)
    await chat.say("open pick")
    await chat.say("open ask_one")
    assert await chat.say("open pick") == [WHICH]
    assert await chat.open() == ["ask_one", "pick"]
    assert await chat.say("mobile") == ["Pay M2? [Yes, pay it] [Leave it]"]
    assert await chat.press("Leave it") == ["Kept.", "Name?"]


async def test_the_intent_of_the_open_question_itself_asks_it_again(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    assert (await chat.say("open pick"))[-1].endswith(WHICH)
    assert await chat.open() == ["pick"]


async def test_a_question_may_refuse_interruptions_but_never_a_person(chats: Any) -> None:
    chat: Chat = chats(stay, tell)
    await chat.say("open stay")
    assert await chat.say("open tell") == ["Sorry, is that a yes or a no? / All right? [Yes] [No]"]
    said = await chat.say("human")
    assert "I've asked a colleague" in said[0]
    assert said[-1] == "All right? [Yes] [No]"


async def test_a_weak_reading_does_not_interrupt(chats: Any) -> None:
    chat: Chat = chats(pick, tell)
    chat.rules.meant["hmm tell"] = ("tell", 0.4, "model")
    chat.rules.meant["do tell"] = ("tell", 0.5, "model")
    await chat.say("open pick")
    assert (await chat.say("hmm tell"))[0].startswith("Sorry, which one?")
    assert (await chat.say("do tell"))[0] == "A."


async def test_an_exact_answer_is_never_parsed(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("Mobile ending 412, £23.00")
    await chat.say("Yes, pay it")
    assert chat.rules.parsed == ["open pick"]


# Buttons


async def test_a_press_of_a_covered_question_brings_it_on_top(chats: Any) -> None:
    chat: Chat = chats(pick, ask_one)
    await chat.say("open pick")
    await chat.say("open ask_one")
    assert await chat.press("Mobile ending 412, £23.00") == ["Pay M2? [Yes, pay it] [Leave it]"]
    assert await chat.open() == ["ask_one", "pick"]
    assert await chat.press("Leave it") == ["Kept.", "Name?"]


async def test_a_button_is_good_for_one_answer(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    nonce = await chat.nonce("Mobile ending 412, £23.00")
    await chat.press("Mobile ending 412, £23.00")
    await chat.accept("press", "Mobile", nonce=nonce)
    await chat.settle()
    assert await chat.new() == [
        "That button is from earlier and no longer works.", "Pay M2? [Yes, pay it] [Leave it]"
    ]  # fmt: skip


@pytest.mark.promise("assured")
async def test_a_button_of_an_earlier_run_does_not_answer_the_next(chats: Any) -> None:
    @dialog("each", intents=["each"])
    async def each(c: Convo, bank: Bank, left: int = 1) -> Again | None:
        if await c.confirm("sure", "q.sure", write=True, thing="M1"):
            await c.once(bank.pay, thing="M1")
        return c.again(left=left - 1) if left else None

    chat: Chat = chats(each)
    await chat.say("open each")
    nonce = await chat.nonce("Yes, pay it")
    await chat.press("Yes, pay it")
    await chat.accept("press", "Yes, pay it", nonce=nonce)
    await chat.settle()
    assert (await chat.new())[-2] == "That button is from earlier and no longer works."
    assert chat.bank.called("pay") == 1


async def test_a_forged_press_is_stale(chats: Any) -> None:
    chat: Chat = chats(pick)
    for nonce in ("", "0" * 24, "yes"):
        await chat.accept("press", "x", nonce=nonce)
    await chat.settle()
    assert set(await chat.new()) == {"That button is from earlier and no longer works."}


async def test_the_answered_question_is_named_so_that_its_buttons_can_be_spent(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    asked = (await chat.rows())[-1]
    await chat.press("Mobile ending 412, £23.00")
    row = (await chat.rows())[-1]
    assert (row.settles, row.chosen) == (asked.op, "M2")


# A yes that counts


@pytest.mark.promise("assured")
@pytest.mark.parametrize(
    "said", ["ok", "👍", "yes", "Yes", "yep", "sure", "do it", "yes, pay", "y", "1", "first", "pay"]
)
async def test_only_the_button_or_its_exact_words_confirm_a_write(chats: Any, said: str) -> None:
    chat: Chat = chats(pick)
    chat.rules.meant[said] = ("affirm", 0.99, "rules")
    await chat.say("open pick")
    await chat.say("mobile")
    assert await chat.say(said) == [
        "To be safe I need you to press the button, or type exactly “Yes, pay it”. / Pay M2? [Yes, pay it] [Leave it]"
    ]
    assert chat.bank.called("pay") == 0


@pytest.mark.promise("assured")
async def test_an_edited_message_confirms_nothing(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    assert (await chat.say("Yes, pay it", edited=True))[0].startswith("To be safe")
    assert chat.bank.called("pay") == 0


@pytest.mark.parametrize("said", ["Yes, pay it", "yes, pay it", "YES, PAY IT.", " yes,  pay it! "])
async def test_the_exact_phrase_confirms(chats: Any, said: str) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    assert await chat.say(said) == ["Paid: pay-M2-1."]


@pytest.mark.parametrize(
    "said",
    ["no", "No.", "nope", "nah", "Leave it", "no thanks", "don't", "Don’t", "not now", "keep it", "changed my mind"],
)
async def test_no_in_many_wordings_is_a_no(chats: Any, said: str) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    assert await chat.say(said) == ["Kept."]


# Questions grow old


@pytest.mark.promise("assured")
@pytest.mark.parametrize("how", ["button", "phrase"])
async def test_a_late_yes_never_confirms(chats: Any, how: str) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.after(minutes=16)
    said = await (chat.press("Yes, pay it") if how == "button" else chat.say("Yes, pay it"))
    assert chat.bank.called("pay") == 0
    assert "a while ago" in said[0]
    assert "[Start again]" in said[0]
    assert await chat.open() == []


@pytest.mark.promise("assured")
async def test_a_late_press_on_a_covered_question_never_confirms(chats: Any) -> None:
    chat: Chat = chats(pick, ask_one)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.say("open ask_one")
    await chat.after(minutes=16)
    said = await chat.press("Yes, pay it")
    assert chat.bank.called("pay") == 0
    assert "a while ago" in said[0]
    assert await chat.open() == ["ask_one"]


@pytest.mark.promise("assured")
async def test_a_question_uncovered_when_it_is_old_is_closed_not_asked_again(chats: Any) -> None:
    chat: Chat = chats(pick, ask_one)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.say("open ask_one")
    await chat.after(hours=3)
    said = await chat.say("Bob")
    assert said[0] == "Value: Bob."
    assert "a while ago" in said[1]
    assert await chat.open() == []


async def test_a_late_answer_does_not_answer_the_question_below(chats: Any) -> None:
    chat: Chat = chats(ask_one, pick)
    await chat.say("open ask_one")
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.after(minutes=16)
    said = await chat.say("Yes, pay it")
    assert "a while ago" in said[0]
    assert not any("Value" in text for text in said)
    assert said[-1] == "Name?"
    assert await chat.open() == ["ask_one"]


async def test_a_late_yes_takes_up_no_offer_either(chats: Any) -> None:
    @dialog("mixed", intents=["mixed"])
    async def mixed(c: Convo) -> None:
        await c.say("said.c", offers=[Offer("offer.pay", "pick")])
        await c.confirm("ok", "q.ok")

    chat: Chat = chats(mixed, pick)
    await chat.say("open mixed")
    await chat.after(minutes=16)
    assert len(await chat.say("yes")) == 1
    assert await chat.open() == []


async def test_a_question_asked_again_is_young_again(chats: Any) -> None:
    chat: Chat = chats(pick, tell)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.after(minutes=14)
    await chat.say("open tell")
    await chat.after(minutes=2)
    assert await chat.say("Yes, pay it") == ["Paid: pay-M2-1."]


async def test_starting_anew_takes_old_answers_as_guesses_and_reads_afresh(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.after(minutes=16)
    await chat.say("Yes, pay it")
    assert await chat.press("Start again") == ["Pay M2? [Yes, pay it] [Leave it]"]
    assert chat.bank.called("items") == 2


async def test_an_old_answer_that_is_no_longer_offered_is_asked_anew(chats: Any) -> None:
    chat: Chat = chats(pick)
    await chat.say("open pick")
    await chat.say("mobile")
    await chat.after(minutes=16)
    await chat.say("Yes, pay it")
    chat.bank.things = (chat.bank.things[0], *(), chat.bank.things[0].__class__("M3", "Handset", 1400))
    assert (await chat.press("Start again"))[0].startswith("Which one?")


async def test_a_question_lives_a_day_and_another_message_after_it_is_handled(chats: Any) -> None:
    chat: Chat = chats(ask_one, tell)
    await chat.say("open ask_one")
    await chat.after(hours=23)
    assert await chat.say("Bob") == ["Value: Bob."]
    await chat.say("open ask_one")
    await chat.after(hours=25)
    said = await chat.say("open tell")
    assert "a while ago" in said[0]
    assert said[1] == "A."


async def test_a_question_may_name_its_own_age(chats: Any) -> None:
    @dialog("soon", intents=["soon"])
    async def soon(c: Convo) -> None:
        await c.ask("name", "q.name", str, expires=timedelta(minutes=1))

    chat: Chat = chats(soon)
    await chat.say("open soon")
    await chat.after(minutes=2)
    assert "a while ago" in (await chat.say("Bob"))[0]


# Offers


@pytest.mark.parametrize("how", ["button", "words", "yes"])
async def test_an_offer_is_taken_up_by_its_button_its_words_or_a_yes(chats: Any, how: str) -> None:
    chat: Chat = chats(sell, pick)
    assert await chat.say("open sell") == ["C. [Pay now]"]
    said = await (chat.press("Pay now") if how == "button" else chat.say("pay now!" if how == "words" else "yes"))
    assert said == [WHICH]


async def test_yes_to_two_offers_takes_neither(chats: Any) -> None:
    @dialog("both", intents=["both"])
    async def both(c: Convo) -> None:
        await c.say("said.c", offers=[Offer("offer.pay", "pick"), Offer("offer.more", "tell")])

    chat: Chat = chats(both, pick, tell)
    assert await chat.say("open both") == ["C. [Pay now] [Tell me more]"]
    said = await chat.say("yes")
    assert WHICH not in said
    assert "A." not in said
    assert await chat.open() == []


async def test_offers_are_left_out_while_a_question_lies_open_below(chats: Any) -> None:
    chat: Chat = chats(ask_one, sell, pick)
    await chat.say("open ask_one")
    assert await chat.say("open sell") == ["C.", "Name?"]
    assert await chat.say("yes") == ["Value: yes."]


async def test_an_offer_is_good_once(chats: Any) -> None:
    chat: Chat = chats(sell, pick)
    await chat.say("open sell")
    await chat.press("Pay now")
    nonce = await chat.nonce("Pay now")
    await chat.accept("press", "Pay now", nonce=nonce)
    await chat.settle()
    assert (await chat.new())[0] == "That button is from earlier and no longer works."


# Not understood


async def test_not_understood_three_times_goes_to_a_person(chats: Any) -> None:
    chat: Chat = chats()
    for _ in range(2):
        await chat.say("blub")
        assert await chat.cases() == []
    await chat.say("blub")
    assert await chat.cases() == ["misunderstood"]


async def test_a_file_is_kept_and_the_question_asked_again(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    await chat.accept("file", "", name="x.jpg")
    await chat.settle()
    assert await chat.new() == ["Thank you. I can't read files myself, but I have kept it here for a person."]
    await chat.say("open ask_one")
    await chat.accept("file", "", name="x.jpg")
    await chat.settle()
    assert (await chat.new())[-1].endswith("Name?")


@pytest.mark.promise("turn-once")
async def test_messages_are_handled_in_order_and_each_once(chats: Any) -> None:
    chat: Chat = chats(ask_one)
    for text in ("open ask_one", "Bob", "open ask_one", "Eve"):
        await chat.accept("message", text)
    await chat.settle()
    assert await chat.new() == ["Name?", "Value: Bob.", "Name?", "Value: Eve."]
    assert [trace["seq"] for trace in chat.traces] == [1, 2, 3, 4]
