"""The contract of a push channel. A module in `tests/contract/rigs` with an `opened()` takes part."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bot.errors import SendPermanent, SendTemporary, SendUncertain, StoreUnavailable
from bot.model import Card, Choice, File, Items, Link, Outbound, Party
from bot.ports import Claim, OutboxClaim, OutRow, Work
from tests.contract.rigs.base import Rig, Shown, rigs

RIGS = rigs()
MARKUP = "<b>5 > 3 & 2 < 4</b> *bold* _it_ ~s~ `code` [a](https://b.example) &amp; <@U1> <!here> \\ {x} #tag"


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async with RIGS[request.param].opened() as opened:
        yield opened


def able(what: str) -> pytest.MarkDecorator:
    """Only the channels that can do this."""
    return pytest.mark.parametrize("rig", [name for name in sorted(RIGS) if what in RIGS[name].can], indirect=True)


async def claimed(rig: Rig) -> Claim:
    (claim,) = await rig.store.claim(10, lease=30)
    return claim


async def held_for(rig: Rig, said: Outbound, *, after: str = "hello", **where: Any) -> OutboxClaim:
    """The customer has written, the turn has said `said`, and delivery holds the row."""
    assert await rig.says(after, **where) == 200
    party: Party = "agent" if said.purpose == "agent" else "bot"
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, said),), party=party), lease=30)
    (held,) = await rig.store.claim_outbox(10, lease=30)
    return held


async def shown_after(rig: Rig, said: Outbound) -> list[Shown]:
    await rig.channel.send(await held_for(rig, said))
    return await rig.shown()


async def inbounds(rig: Rig) -> list[tuple[str, str, dict[str, Any]]]:
    rows = await rig.store.query("SELECT kind, text, data FROM inbound ORDER BY conversation, seq")
    return [(row["kind"], row["text"], msgspec.json.decode(row["data"])) for row in rows]


def together(shown: list[Shown]) -> str:
    return "\n".join(message.text for message in shown)


def words(text: str) -> list[str]:
    return text.split()


# In


async def test_a_message_arrives_as_it_was_written(rig: Rig) -> None:
    assert await rig.says(f"why is my bill higher? {MARKUP} 😀 é") == 200
    claim = await claimed(rig)
    assert claim.inbound.kind == "message"
    assert claim.inbound.text == f"why is my bill higher? {MARKUP} 😀 é"
    assert claim.address.channel == rig.channel.name
    assert claim.address.kind == "private"
    assert claim.inbound.at == rig.clock.now()


async def test_an_event_delivered_again_is_taken_once(rig: Rig) -> None:
    for _ in range(3):
        assert await rig.says("hello", key="77") == 200
    assert await rig.says("hello", key="78") == 200
    assert [text for _, text, _ in await inbounds(rig)] == ["hello", "hello"]


async def test_each_person_has_a_conversation_of_their_own(rig: Rig) -> None:
    await rig.says("one", user="1001")
    await rig.says("two", user="1002")
    await rig.says("three", user="1001")
    rows = await rig.store.query("SELECT conversation, text FROM inbound ORDER BY conversation, seq")
    threads = {
        row["conversation"]: [r["text"] for r in rows if r["conversation"] == row["conversation"]] for row in rows
    }
    assert sorted(threads.values()) == [["one", "three"], ["two"]]


async def test_nothing_is_taken_that_the_platform_did_not_send(rig: Rig) -> None:
    answers = await rig.forged()
    assert answers and set(answers) <= {401, 403}
    assert await inbounds(rig) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b"[[]]", b'"x"', b"\xff\xfe", b"{}", b'{"a":' * 2000, b'{"update_id": "x"}'],
    ids=lambda body: repr(body[:12]),
)
async def test_no_body_makes_an_unexplained_failure(rig: Rig, body: bytes) -> None:
    assert await rig.garbage(body) in (200, 400, 401, 403)
    assert await inbounds(rig) == []


async def test_while_the_store_is_down_the_platform_is_asked_to_try_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(type(rig.store), "accept", down)
        assert await rig.says("hello", key="9") >= 500
    assert await rig.says("hello", key="9") == 200
    assert [text for _, text, _ in await inbounds(rig)] == ["hello"]


async def test_a_rule_level_human_marks_the_conversation_at_once(rig: Rig) -> None:
    await rig.says("talk to a person")
    assert (await claimed(rig)).control == "human"


async def test_an_edit_is_told_apart_and_marks_nothing(rig: Rig) -> None:
    assert await rig.says("talk to a person", edited=True) == 200
    claim = await claimed(rig)
    assert claim.inbound.data.get("edited") is True
    assert claim.control is None


async def test_a_group_is_never_taken_for_a_private_chat(rig: Rig) -> None:
    assert await rig.says("what is my bill?", group=True) == 200
    kinds = await rig.store.query("SELECT kind FROM conversation")
    assert "private" not in {row["kind"] for row in kinds}


# Out


async def test_a_reply_reaches_the_person_who_wrote_and_nobody_else(rig: Rig) -> None:
    await rig.says("hi", user="1002")
    await rig.store.commit(await claimed(rig), Work(b""), lease=30)
    held = await held_for(rig, Outbound("hello Ana"), user="1001")
    assert await rig.channel.send(held)
    assert [message.text for message in await rig.shown(user="1001")] == ["hello Ana"]
    assert await rig.shown(user="1002") == []


@able("thread")
async def test_a_reply_goes_to_the_thread_it_answers(rig: Rig) -> None:
    await rig.channel.send(await held_for(rig, Outbound("in here"), thread="t7"))
    assert [message.text for message in await rig.shown(thread="t7")] == ["in here"]
    assert await rig.shown() == []


async def test_markup_is_shown_as_it_stands(rig: Rig) -> None:
    shown = await shown_after(rig, Outbound(MARKUP))
    assert together(shown) == MARKUP


async def test_long_text_is_cut_between_sentences_and_nothing_is_lost(rig: Rig) -> None:
    text = " ".join(f"This is sentence number {at}, and it costs £{at}.50 & VAT." for at in range(400))
    shown = await shown_after(rig, Outbound(text))
    assert len(shown) > 1
    assert words(together(shown)) == words(text)
    assert all(message.text.endswith("VAT.") for message in shown)


async def test_a_word_longer_than_any_message_still_arrives(rig: Rig) -> None:
    text = "x" * 17_000
    assert together(await shown_after(rig, Outbound(text))).replace("\n", "") == text


LABELS = {
    "short": "Option {}",
    "long": "Home broadband at 12 Example Street, bill {} of this year, £31.00 & VAT <each> month",
}


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("count", [2, 14, *(pytest.param(count, marks=pytest.mark.slow) for count in (7, 120))])
@pytest.mark.parametrize("question", [True, False], ids=["question", "offers"])
async def test_every_choice_stays_reachable(rig: Rig, count: int, label: str, question: bool) -> None:
    choices = tuple(Choice(f"i{at}", LABELS[label].format(at), f"{at:024x}") for at in range(1, count + 1))
    shown = await shown_after(rig, Outbound("Which one?", choices=choices, op="q1" if question else ""))
    assert "Which one?" in shown[0].text
    buttons = [(message, at) for message in shown for at in range(len(message.buttons))]
    lines = together(shown).split("\n")
    if buttons:
        assert len(buttons) == count
        for message, at in buttons:
            assert await rig.presses(message, at) == 200
        pressed = [data["nonce"] for kind, _, data in await inbounds(rig) if kind == "press"]
        assert pressed == [choice.nonce for choice in choices]
        full = [name for message in shown for name, _ in message.buttons]
    else:
        full = []
    for number, choice in enumerate(choices, 1):
        listed = f"{number}. {choice.label}" in lines or (not question and f"• {choice.label}" in lines)
        assert listed or choice.label in full


async def test_a_yes_or_no_is_answered_by_its_words(rig: Rig) -> None:
    choices = (Choice("yes", "Yes, cancel it and tell my bank so today", "a" * 24), Choice("no", "No", "b" * 24))
    shown = await shown_after(rig, Outbound("Cancel it?", choices=choices, op="q"))
    labels = [name for message in shown for name, _ in message.buttons]
    for choice in choices:
        assert choice.label in labels or f"• {choice.label}" in together(shown).split("\n")


@able("press")
async def test_a_press_arrives_once(rig: Rig) -> None:
    shown = await shown_after(rig, Outbound("Cancel it?", choices=(Choice("yes", "Yes", "c" * 24),), op="q"))
    assert await rig.presses(shown[-1], 0) == 200
    kind, _, data = (await inbounds(rig))[-1]
    assert (kind, data["nonce"]) == ("press", "c" * 24)


async def test_cards_tell_all_they_hold(rig: Rig) -> None:
    cards = tuple(
        Card(f"Bill {at}", f"Paid in full {at}", (("Total", f"£{at}.20"), ("Due", f"{at} Nov"))) for at in range(14)
    )
    shown = await shown_after(rig, Outbound("Your bills", items=Items(cards)))
    said = " ".join(words(together(shown)))
    assert "Your bills" in said
    for at in range(14):
        for fact in (f"Bill {at}", f"Paid in full {at}", f"Total: £{at}.20", f"Due: {at} Nov"):
            assert re.search(rf"(?<!\d){re.escape(fact)}(?!\d)", said), fact


async def test_a_link_is_minted_when_it_is_sent(rig: Rig) -> None:
    held = await held_for(rig, Outbound("Approve it here.", link=Link("txn1", "Approve", "stepup")))
    await rig.channel.send(held)
    address = f"https://chat.example/link/txn1-{held.conversation[:4]}"
    shown = await rig.shown()
    assert address in together(shown) or ("Approve", address) in [link for message in shown for link in message.links]


async def test_a_link_that_has_ended_is_said_to_have_ended(rig: Rig) -> None:
    rig.links.ended.add("txn1")
    shown = await shown_after(rig, Outbound("Approve it here.", link=Link("txn1", "Approve", "stepup")))
    assert "no longer works" in together(shown)
    assert "https://" not in together(shown)


async def test_a_file_has_its_name_and_an_address(rig: Rig) -> None:
    name = "Larkspur bill October 2026.pdf"
    shown = await shown_after(rig, Outbound("Here it is.", file=File("r1", name, "application/pdf", 9000)))
    links = [url for message in shown for _, url in message.links]
    assert name in together(shown) or name in [label for message in shown for label, _ in message.links]
    assert "https://chat.example/files/r1" in links or "https://chat.example/files/r1" in together(shown)


async def test_a_person_who_speaks_is_named(rig: Rig) -> None:
    said = Outbound("I can see your bill.", purpose="agent", author="Sam")
    assert "Sam" in together(await shown_after(rig, said))


async def test_the_bot_speaks_without_a_name(rig: Rig) -> None:
    assert together(await shown_after(rig, Outbound("Sam has joined.", author="system"))) == "Sam has joined."


# When the platform is difficult


async def test_a_busy_platform_is_tried_again_when_it_says(rig: Rig) -> None:
    held = await held_for(rig, Outbound("hello"))
    rig.fault("busy")
    with pytest.raises(SendTemporary) as raised:
        await rig.channel.send(held)
    assert raised.value.retry_after == 7
    assert await rig.channel.send(held)
    assert [message.text for message in await rig.shown()] == ["hello"]


async def test_a_person_who_cannot_be_reached_is_a_permanent_failure(rig: Rig) -> None:
    held = await held_for(rig, Outbound("hello"))
    rig.fault("gone")
    with pytest.raises(SendPermanent):
        await rig.channel.send(held)


@pytest.mark.parametrize("fault", ["silent", "lost"])
async def test_no_answer_leaves_the_send_uncertain(rig: Rig, fault: Any) -> None:
    held = await held_for(rig, Outbound("hello"))
    rig.fault(fault)
    with pytest.raises(SendUncertain):
        await rig.channel.send(held)
    assert len(await rig.shown()) == (1 if fault == "silent" else 0)
    if rig.channel.capabilities.reconciles:
        assert (await rig.channel.find(held) is not None) == (fault == "silent")


async def test_after_a_failure_half_way_only_the_rest_is_sent(rig: Rig) -> None:
    text = " ".join(f"Sentence {at} of a rather long message." for at in range(1000))
    held = await held_for(rig, Outbound(text))
    await rig.channel.send(held)
    whole = len(await rig.shown())
    assert whole > 2
    other = await held_for(rig, Outbound(text), after="again", user="1002")
    rig.fault("fine", "busy", "busy", "fine")
    for _ in range(2):
        with pytest.raises(SendTemporary):
            await rig.channel.send(other)
        assert len(await rig.shown(user="1002")) == 1
    await rig.channel.send(other)
    assert len(await rig.shown(user="1002")) == whole
    assert words(together(await rig.shown(user="1002"))) == words(text)


# The window


async def test_the_window_is_open_after_a_message_and_closes_when_the_platform_says(rig: Rig) -> None:
    held = await held_for(rig, Outbound("hello"))
    last = held.last_inbound_at
    assert last is not None
    assert rig.channel.window(last, last) == "open"
    if rig.closes is None:
        assert rig.channel.window(last, last + timedelta(days=365)) == "open"
        return
    assert rig.channel.window(last, last + rig.closes) == "open"
    assert rig.channel.window(last, last + rig.closes + timedelta(seconds=1)) != "open"


def test_what_the_channel_declares_is_plausible(rig: Rig) -> None:
    assert rig.channel.name and not rig.channel.capabilities.log
    assert rig.channel.capabilities.text > 0
