"""Effects: the intent saved before the call, once whatever happens, and "done" only after a read-back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot import Again, Convo, Offer, StepUpRefused, dialog
from bot.errors import Fenced
from bot.ports import Claim
from tests.worlds.engine import Bank, Chat, Crash, Locked, made_chats

pytestmark = pytest.mark.promise("effects-once")


@pytest.fixture
async def chats() -> AsyncIterator[Any]:
    async for make in made_chats():
        yield make


@dialog("pay", intents=["pay"])
async def pay(c: Convo, bank: Bank, thing: str = "M1") -> None:
    """Pays, once."""
    try:
        receipt = await c.once(bank.pay, thing=thing)
    except Locked as locked:
        await c.say("said.refused", why=locked.why)
        return
    await c.say("said.paid", reference=receipt.reference)


@dialog("poke", intents=["poke"])
async def poke(c: Convo, bank: Bank, thing: str = "M1") -> None:
    """Pokes, which takes no key."""
    receipt = await c.once(bank.poke, thing=thing)
    await c.say("said.paid", reference=receipt.reference)


@dialog("close", intents=["close"])
async def close(c: Convo, bank: Bank, thing: str = "M1", other: str = "", wait: str = "") -> None:
    """Closes, once approved."""
    try:
        await c.step_up("close", thing=thing)
        if wait:
            await c.ask("wait", "q.name", str)
        receipt = await c.once(bank.close, thing=other or thing)
    except StepUpRefused as refused:
        await c.say("said.refused", why=refused.reason)
        return
    await c.say("said.paid", reference=receipt.reference)


def once_only(chat: Chat) -> None:
    """Nothing was done twice."""
    assert all(count == 1 for count in chat.bank.executed.values()), chat.bank.executed


async def test_the_intent_and_its_key_stand_before_the_call(chats: Any) -> None:
    chat: Chat = chats(pay)
    seen: list[Any] = []

    async def look(method: str) -> None:
        if method == "pay":
            rows = await chat.store.query("SELECT key, status, arguments, read_back, function, deadline FROM effect")
            entry = (await chat.frame())["j"]["once:pay"]
            seen.append((rows[0], entry))

    chat.bank.hook = look
    assert await chat.say("open pay") == ["Paid: pay-M1-1."]
    ((row, entry),) = seen
    assert entry["s"] == "i"
    assert (row["status"], row["function"], row["arguments"]) == ("intent", "Bank.pay", '{"thing":"M1"}')
    assert row["read_back"] == "paid"
    assert row["key"] == entry["key"] == chat.bank.calls[0][2]
    assert row["deadline"] == pytest.approx(chat.clock.now().timestamp() + 0.4, abs=0.01)
    assert await chat.effects() == [("Bank.pay", "done")]


@pytest.mark.parametrize("point", ["before checkpoint", "after checkpoint", "before commit", "after commit"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_crash_anywhere_does_it_once_and_says_so_once(chats: Any, point: str, times: int) -> None:
    chat: Chat = chats(pay)
    chat.crashes[point] = times
    await chat.say("open pay")
    await chat.after(minutes=5)
    said = await chat.all_said()
    assert said.count("Paid: pay-M1-1.") == 1
    assert said[-1] == "Paid: pay-M1-1."
    assert len({key for method, _, key in chat.bank.calls if method == "pay"}) == 1
    once_only(chat)
    assert await chat.effects() == [("Bank.pay", "done")]


@pytest.mark.promise("turn-once")
@pytest.mark.parametrize("point", ["before checkpoint", "after checkpoint", "before commit", "after commit"])
async def test_what_is_said_before_and_after_an_effect_is_said_once_and_in_order(chats: Any, point: str) -> None:
    @dialog("talk", intents=["talk"])
    async def talk(c: Convo, bank: Bank) -> None:
        await c.say("said.a", offers=[Offer("offer.pay", "pay")])
        await c.say("said.b")
        receipt = await c.once(bank.pay, thing="M1")
        await c.say("said.paid", reference=receipt.reference)
        await c.say("said.c", offers=[Offer("offer.more", "poke")])

    chat: Chat = chats(talk, pay, poke)
    chat.crashes[point] = 1
    chat.bank.failing["pay"] = ["die"] if point == "before commit" else []
    await chat.say("open talk")
    await chat.after(minutes=1)
    said = [text for text in await chat.all_said() if "checking" not in text]
    assert said == ["A. [Pay now]", "B.", "Paid: pay-M1-1.", "C. [Tell me more]"]
    rows = await chat.store.query("SELECT seq, n FROM outbound WHERE seq = 1 ORDER BY n")
    assert [row["n"] for row in rows] == list(range(len(rows)))
    if point != "after checkpoint":
        assert (await chat.press("Pay now"))[-1] == "Paid: pay-M1-2.", "an offer from before the accident"


async def test_a_crash_between_the_effect_and_its_answer_does_it_once(chats: Any) -> None:
    chat: Chat = chats(poke)
    real, crashed = chat.bank._do, []

    def do(method: str, thing: str, mark: str) -> Any:
        real(method, thing, mark)
        crashed.append(mark)
        raise Crash

    chat.bank._do = do  # type: ignore[method-assign]
    assert await chat.say("open poke") == ["Paid: poke-M1-1."]
    assert len(crashed) == 1
    assert chat.bank.called("poke") == 1


async def test_a_lost_response_is_read_back_not_repeated(chats: Any) -> None:
    chat: Chat = chats(pay)
    chat.bank.fail("pay", "lost")
    assert await chat.say("open pay") == ["Paid: pay-M1-1."]
    assert chat.bank.called("pay") == 1


async def test_done_is_what_the_read_back_shows(chats: Any) -> None:
    chat: Chat = chats(pay)
    real = chat.bank._do

    def do(method: str, thing: str, mark: str) -> Any:
        shown = real(method, thing, mark)
        chat.bank.done[mark] = replace(shown, reference="as read back")
        return shown

    chat.bank._do = do  # type: ignore[method-assign]
    assert await chat.say("open pay") == ["Paid: as read back."]


async def test_an_answer_without_effect_is_not_called_done(chats: Any) -> None:
    chat: Chat = chats(poke)

    def do(method: str, thing: str, mark: str) -> Any:
        return None

    chat.bank._do = do  # type: ignore[method-assign]
    said = await chat.say("open poke")
    said += await chat.after(seconds=30)
    assert not any("Paid" in text for text in said)
    assert await chat.cases() == ["effect_unknown"]


async def test_a_domain_error_is_an_outcome_and_is_journaled(chats: Any) -> None:
    chat: Chat = chats(pay)
    chat.bank.fail("pay", "refuse")
    assert await chat.say("open pay") == ["Refused: under review."]
    assert await chat.effects() == [("Bank.pay", "refused")]
    assert chat.bank.called("paid") == 0


async def test_a_keyed_effect_is_repeated_only_after_deadline_grace_and_a_negative_read_back(chats: Any) -> None:
    chat: Chat = chats(pay)
    chat.bank.fail("pay", "down")
    assert "I'm checking" in (await chat.say("open pay"))[0]
    assert chat.bank.called("pay") == 1
    assert await chat.after(seconds=1.3) == []
    assert chat.bank.called("pay") == 1, "before deadline and grace have passed nothing proves that it will not land"
    assert await chat.after(seconds=0.3) == ["Paid: pay-M1-1."]
    assert [method for method, _, _ in chat.bank.calls] == ["pay", "paid", "paid", "pay", "paid"]
    keys = {key for _, _, key in chat.bank.calls}
    assert len(keys) == 1
    assert keys != {""}


async def test_a_keyed_effect_is_not_tried_for_ever(chats: Any) -> None:
    chat: Chat = chats(pay)
    chat.bank.fail("pay", "down", 99)
    await chat.say("open pay")
    said = await chat.after(seconds=30)
    assert chat.bank.called("pay") == 3
    assert await chat.effects() == [("Bank.pay", "unknown")]
    assert any("couldn't confirm" in text for text in said)
    assert sum("I'm checking" in text for text in await chat.all_said()) == 1


async def test_an_unkeyed_effect_is_never_repeated_but_unknown_and_said_so(chats: Any) -> None:
    chat: Chat = chats(poke)
    chat.bank.fail("poke", "down")
    await chat.say("open poke")
    said = await chat.after(seconds=5)
    assert chat.bank.called("poke") == 1
    assert await chat.effects() == [("Bank.poke", "unknown")]
    assert await chat.cases() == ["effect_unknown"]
    (case,) = await chat.store.query("SELECT reference FROM cases")
    assert said == [
        f"We couldn't confirm whether that went through. Somebody is checking it now, reference {case['reference']},"
        " and we'll tell you. There's no need to try again."
    ]
    await chat.after(days=2)
    assert chat.bank.called("poke") == 1


@dialog("aside", intents=["aside"])
async def aside(c: Convo) -> None:
    """Asks, on top of what is being settled."""
    await c.ask("name", "q.name", str)


@pytest.mark.promise("effects-once")
async def test_an_effect_is_settled_under_another_dialogs_question_too(chats: Any) -> None:
    chat: Chat = chats(pay, aside)
    chat.bank.fail("pay", "down")
    await chat.say("open pay")
    assert await chat.say("open aside") == ["Name?"]
    assert await chat.after(seconds=5) == []
    assert await chat.effects() == [("Bank.pay", "done")]
    assert await chat.open() == ["pay", "aside"]
    assert await chat.say("Bob") == ["Paid: pay-M1-1."]
    once_only(chat)


async def test_a_later_read_back_settles_the_unknown(chats: Any) -> None:
    chat: Chat = chats(poke)
    chat.bank.fail("poke", "lost")
    chat.bank.fail("poked", "down", 99)
    await chat.say("open poke")
    said = await chat.after(seconds=50)
    assert any("couldn't confirm" in text for text in said)
    chat.bank.heal()
    assert await chat.after(hours=1) == ["Paid: poke-M1-1."]
    assert await chat.effects() == [("Bank.poke", "done")]
    assert chat.bank.called("poke") == 1
    once_only(chat)


async def test_a_message_while_it_is_unsure_is_seen_and_begins_nothing(chats: Any) -> None:
    chat: Chat = chats(poke, pay)
    chat.bank.fail("poke", "down")
    await chat.say("open poke")
    assert await chat.say("well?") == ["I'm still waiting for our systems. I'll tell you as soon as they answer."]
    said = await chat.say("open pay")
    assert said[0] == "Paid: pay-M1-1."
    assert chat.bank.called("poke") == 1


async def test_the_call_ends_at_its_deadline(chats: Any) -> None:
    chat: Chat = chats(poke)
    chat.bank.fail("poke", "hang")
    await chat.say("open poke")
    assert chat.bank.called("poked") == 1, "after the deadline it was read back"
    assert await chat.effects() == [("Bank.poke", "intent")]


class _ShortLease:
    """A store whose renewals give nothing."""

    def __init__(self, store: Any, left: float) -> None:
        self._store, self._left = store, left
        self.renewed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def renew(self, claim: Claim, *, lease: float) -> Claim:
        self.renewed += 1
        return replace(await self._store.renew(claim, lease=lease), held_until=self._left)


async def test_with_too_little_lease_it_is_not_called(chats: Any) -> None:
    chat: Chat = chats(poke)
    chat.limit(lease=2.0)
    chat.store = _ShortLease(chat.store, 0.0)  # type: ignore[assignment]
    await chat.say("open poke")
    assert chat.store.renewed >= 1  # type: ignore[attr-defined]
    assert chat.bank.called("poke") == 0


async def test_a_short_lease_is_renewed_for_as_long_as_the_effect_may_take(chats: Any) -> None:
    chat: Chat = chats(poke)
    chat.limit(lease=1.0)
    leases: list[float] = []

    async def look(method: str) -> None:
        if method == "poke":
            row = await chat.conversation()
            leases.append(row["due"] - chat.clock.now().timestamp())

    chat.bank.hook = look
    assert await chat.say("open poke") == ["Paid: poke-M1-1."]
    assert leases[0] >= 5.4


@pytest.mark.promise("assured")
async def test_an_effect_that_needs_approval_is_refused_without_one(chats: Any) -> None:
    @dialog("bold", intents=["bold"])
    async def bold(c: Convo, bank: Bank) -> None:
        await c.once(bank.close, thing="M1")

    chat: Chat = chats(bold)
    await chat.know()
    await chat.say("open bold")
    assert chat.failures[0] == ("NotApproved", False)
    assert chat.bank.called("close") == 0
    assert await chat.effects() == []


@pytest.mark.promise("assured")
async def test_an_approval_is_for_its_arguments_alone(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close other=M2")
    await chat.login.approves("C-1")
    await chat.settle()
    assert chat.failures[0] == ("NotApproved", False)
    assert chat.bank.called("close") == 0


@pytest.mark.promise("assured")
async def test_the_grant_is_used_up_in_the_checkpoint_by_this_key(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    assert await chat.say("open close") == ["Please approve this on our secure page. <Approve>"]
    assert chat.login.shown() == "Close M1"
    await chat.login.approves("C-1")
    used: list[Any] = []

    async def look(method: str) -> None:
        if method == "close":
            used.extend(await chat.store.query("SELECT used_by FROM step_up_grant"))

    chat.bank.hook = look
    await chat.settle()
    assert await chat.new() == ["Paid: close-M1-1."]
    assert [row["used_by"] for row in used] == [chat.bank.calls[0][2]]


@pytest.mark.promise("assured")
async def test_an_expired_grant_is_refused_in_the_dialog_and_nothing_was_begun(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close wait=1")
    await chat.login.approves("C-1")
    await chat.settle()
    assert await chat.new() == ["Name?"]
    await chat.after(minutes=6)
    assert await chat.say("Bob") == ["Refused: expired."]
    assert chat.bank.called("close") == 0
    assert await chat.effects() == []
    audits = await chat.audits()
    assert "effect.refused" in audits
    assert "effect.begun" not in audits
    assert await chat.open() == []


@pytest.mark.promise("assured")
async def test_a_link_changed_since_the_approval_refuses_it(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close wait=1")
    await chat.login.approves("C-1")
    await chat.settle()
    await chat.know()
    await chat.new()
    assert await chat.say("Bob") == ["Refused: expired."]
    assert chat.bank.called("close") == 0


@pytest.mark.promise("assured")
@pytest.mark.parametrize("late", [0, 10])
async def test_the_same_key_may_use_the_grant_again_after_a_crash(chats: Any, late: int) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    await chat.login.approves("C-1")
    chat.crashes["after checkpoint"] = 1
    chat.limit(effect_grace=late * 60.0 + 1)
    await chat.settle()
    said = await chat.after(minutes=late + 1)
    assert said[-1] == "Paid: close-M1-1."
    assert len({key for method, _, key in chat.bank.calls if method == "close"}) == 1
    once_only(chat)


@pytest.mark.promise("assured")
@pytest.mark.parametrize(("how", "why"), [("declines", "declined"), ("other", "other_person"), ("late", "expired")])
async def test_a_refused_approval_is_seen_in_the_dialog(chats: Any, how: str, why: str) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    if how == "declines":
        await chat.login.declines()
    elif how == "other":
        await chat.login.approves("C-2")
    else:
        await chat.after(minutes=11)
    await chat.settle()
    assert (await chat.all_said())[-1] == f"Refused: {why}."
    assert chat.bank.called("close") == 0


async def test_again_gives_the_same_effect_another_key(chats: Any) -> None:
    @dialog("twice", intents=["twice"])
    async def twice(c: Convo, bank: Bank, left: int = 1) -> Again | None:
        receipt = await c.once(bank.pay, thing="M1")
        await c.say("said.paid", reference=receipt.reference)
        return c.again(left=left - 1) if left else None

    chat: Chat = chats(twice)
    assert await chat.say("open twice") == ["Paid: pay-M1-1.", "Paid: pay-M1-2."]
    assert len({key for method, _, key in chat.bank.calls if method == "pay"}) == 2


async def test_the_same_words_another_day_are_another_effect(chats: Any) -> None:
    chat: Chat = chats(pay)
    await chat.say("open pay")
    assert await chat.say("open pay") == ["Paid: pay-M1-2."]


async def test_a_message_delivered_twice_does_it_once(chats: Any) -> None:
    chat: Chat = chats(pay)
    await chat.say("open pay")
    chat.count -= 1
    assert await chat.say("open pay") == []
    once_only(chat)
    assert chat.bank.called("pay") == 1


@pytest.mark.promise("turn-once")
async def test_a_worker_that_was_frozen_changes_nothing(chats: Any) -> None:
    @dialog("read", intents=["read"])
    async def read(c: Convo, bank: Bank) -> None:
        await c.do(bank.items)
        receipt = await c.once(bank.poke, thing="M1")
        await c.say("said.paid", reference=receipt.reference)

    chat: Chat = chats(read)
    frozen: list[str] = []

    async def freeze(method: str) -> None:
        if method == "items" and not frozen:
            frozen.append(method)
            await chat.store.change([])
            chat.clock.move(timedelta(seconds=chat.limits.lease + 1))
            await chat.step()

    chat.bank.hook = freeze
    await chat.accept("message", "open read")
    claim = await chat.claim()
    assert claim is not None
    assert await chat.turns().one(claim) is None
    assert await chat.all_said() == ["Paid: poke-M1-1."]
    assert chat.bank.called("poke") == 1
    assert await chat.effects() == [("Bank.poke", "done")]
    with pytest.raises(Fenced):
        await chat.store.renew(claim, lease=1)


async def test_an_effect_recorded_with_other_arguments_is_an_error_never_a_call(chats: Any) -> None:
    given = {"thing": "M1"}

    @dialog("shift", intents=["shift"])
    async def shift(c: Convo, bank: Bank) -> None:
        await c.once(bank.pay, thing=given["thing"])

    chat: Chat = chats(shift)
    chat.bank.fail("pay", "down")
    await chat.say("open shift")
    given["thing"] = "M2"
    await chat.after(seconds=10)
    assert chat.failures[0][0] == "JournalMismatch"
    assert [what for method, what, _ in chat.bank.calls if method == "pay"] == ["M1"]
    assert await chat.cases() == ["effect_unsettled"]


async def test_once_takes_declared_effects_alone(chats: Any) -> None:
    @dialog("wrong", intents=["wrong"])
    async def wrong(c: Convo, bank: Bank) -> None:
        await c.once(bank.items)

    chat: Chat = chats(wrong)
    await chat.say("open wrong")
    assert chat.failures[0] == ("NotAnEffect", False)
    assert chat.bank.calls == []


async def test_a_retry_whose_approval_is_gone_leaves_no_open_intent(chats: Any) -> None:
    chat: Chat = chats(close)
    await chat.know()
    await chat.say("open close")
    await chat.login.approves("C-1")
    chat.bank.fail("close", "down")
    await chat.settle()
    await chat.know()
    said = await chat.after(seconds=5)
    assert said[-1] == "Refused: expired."
    assert chat.bank.called("close") == 1
    assert await chat.effects() == [("Bank.close", "refused")]


async def test_what_a_journal_of_an_effect_holds_is_plain(chats: Any) -> None:
    @dialog("hold", intents=["hold"])
    async def hold(c: Convo, bank: Bank) -> None:
        await c.once(bank.pay, thing="M1")
        await c.ask("name", "q.name", str)

    chat: Chat = chats(hold)
    await chat.say("open hold")
    entry = (await chat.frame())["j"]["once:pay"]
    assert entry["r"] == {"reference": "pay-M1-1", "on": "2026-11-16"}
    (row,) = await chat.store.query("SELECT outcome, reference FROM effect")
    assert msgspec.json.decode(row["outcome"]) == entry["r"]
    assert row["reference"] == "pay-M1-1"
