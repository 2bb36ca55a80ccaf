"""Messenger's edge against a strict Graph API: every kind of event, batches, windows, echoes, comments, odd input."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.messenger.errors import (
    Busy,
    OutsideWindow,
    PageRestricted,
    PersonUnavailable,
    Refused,
    TokenDead,
    TooFast,
    Unreachable,
)
from adapters.messenger.settings import MessengerSettings
from adapters.reconcile import tag_for
from bot.delivery import Delivery
from bot.errors import NotPrivate, SendTemporary, SendUncertain, SettingsError, StoreUnavailable, WindowClosed
from bot.model import Address, Choice, Link, Outbound
from bot.observe import heard
from bot.ports import OutRow, Sql, Work
from bot.store import open_store
from tests.contract.rigs.base import HandClock, World
from tests.contract.rigs.edges import ANA, BEN, claimed, deliver, letters, reply, rows
from tests.contract.rigs.messenger import VERIFY, MessengerRig, opened
from tests.postgres import fresh_database

STAMP = 1_793_698_200_000


@pytest.fixture
async def rig() -> AsyncIterator[MessengerRig]:
    async with opened() as made:
        yield made


def item(user: str = ANA, **what: Any) -> dict[str, Any]:
    return {"sender": {"id": user}, "recipient": {"id": "104000000000001"}, "timestamp": STAMP, **what}


async def take(rig: MessengerRig, *items: dict[str, Any], field: str = "messaging", **entry: Any) -> int:
    return await rig.fake.post({"id": rig.fake.page.id, "time": STAMP, field: list(items), **entry})


# The webhook itself


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "42"}, 200),
        ({"hub.mode": "subscribe", "hub.verify_token": VERIFY + "x", "hub.challenge": "42"}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": "", "hub.challenge": "42"}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": "caf\u00e9", "hub.challenge": "42"}, 403),
        ({"hub.mode": "subscribe", "hub.challenge": "42"}, 403),
        ({"hub.mode": "unsubscribe", "hub.verify_token": VERIFY, "hub.challenge": "42"}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": VERIFY}, 403),
        ({"hub.mode": "subscribe", "hub.verify_token": VERIFY, "hub.challenge": "4" * 600}, 403),
        ({}, 403),
    ],
)
async def test_the_challenge_is_repeated_to_whoever_knows_the_verify_token(
    rig: MessengerRig, query: dict[str, str], status: int
) -> None:
    async with rig.client.get(rig.fake.webhook, params=query) as response:
        assert response.status == status
        if status == 200:
            assert (await response.text(), response.content_type) == ("42", "text/plain")


async def test_the_signature_is_over_the_bytes_as_they_came(rig: MessengerRig) -> None:
    body = rig.fake.body(rig.fake.page.says(ANA, "café für 5 €? 😀"))
    assert b"\\u00e9" in body
    assert b"\\ud83d\\ude00" in body
    again = msgspec.json.encode(msgspec.json.decode(body))
    assert again != body
    assert await rig.post(again, rig.fake.signature(body)) == 403
    assert await rows(rig) == []
    assert await rig.post(body, rig.fake.signature(body)) == 200
    assert [row["text"] for row in await rows(rig)] == ["café für 5 €? 😀"]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"half an emoji \ud83d", "half an emoji \ufffd"),
        (rb"the other half \ude00, and a whole one \ud83d\ude00", "the other half \ufffd, and a whole one 😀"),
        (rb"a backslash \\ud83d \ud83d", "a backslash \\ud83d \ufffd"),
    ],
)
async def test_a_text_cut_within_an_emoji_is_still_read(rig: MessengerRig, sent: bytes, read: str) -> None:
    body = rig.fake.body(rig.fake.page.says(ANA, "HERE")).replace(b"HERE", sent)
    assert await rig.garbage(body) == 200
    assert [row["text"] for row in await rows(rig)] == [read]


async def test_the_old_signature_proves_nothing(rig: MessengerRig) -> None:
    body = rig.fake.body(rig.fake.page.says(ANA, "hello"))
    headers = {"X-Hub-Signature": rig.fake.signature(body)}
    async with rig.client.post(rig.fake.webhook, data=body, headers=headers) as response:
        assert response.status == 403
    assert await rows(rig) == []


async def test_every_entry_and_every_item_of_a_batch_is_taken_in_the_order_of_their_times(rig: MessengerRig) -> None:
    def said(at: int, user: str = ANA) -> dict[str, Any]:
        return {**item(user, message={"mid": f"m{user}{at}", "text": f"{at}"}), "timestamp": STAMP + at}

    page = rig.fake.page.id
    entries = [
        {"id": page, "time": STAMP, "messaging": [said(3), said(1), said(2, BEN)]},
        {"id": page, "time": STAMP, "messaging": [said(2)], "changes": []},
        {"id": "999", "time": STAMP, "messaging": [said(9)]},
    ]
    for _ in range(2):
        assert await rig.fake.post(*entries) == 200
    found = await rig.store.query(
        "SELECT c.user_id, i.text FROM inbound i JOIN conversation c ON c.id = i.conversation ORDER BY c.user_id, i.seq"
    )
    assert [(row["user_id"], row["text"]) for row in found] == [(ANA, "1"), (ANA, "2"), (ANA, "3"), (BEN, "2")]


async def test_one_unreadable_item_does_not_keep_the_others_back(rig: MessengerRig) -> None:
    good = item(message={"mid": "m1", "text": "hello"})
    for _ in range(2):
        assert await take(rig, item(message={"text": "no mid"}), good, item(message=7)) == 200
    assert [row["text"] for row in await rows(rig)] == ["hello"]
    assert len(await letters(rig)) == 2


async def test_a_batch_that_was_taken_half_way_is_taken_whole_the_next_time(
    rig: MessengerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = type(rig.store).accept, 0

    async def failing(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailable
        return await real(self, *args)

    monkeypatch.setattr(type(rig.store), "accept", failing)
    batch = [item(message={"mid": f"m{at}", "text": f"{at}"}) for at in range(3)]
    assert await take(rig, *batch) == 503
    assert await take(rig, *batch) == 200
    assert [row["text"] for row in await rows(rig)] == ["0", "1", "2"]


# Each kind of event


async def test_a_message_keeps_its_time_and_its_id(rig: MessengerRig) -> None:
    await take(rig, item(message={"mid": "m_1", "text": "hello"}))
    claim = await claimed(rig)
    assert claim.address == Address("larkspur", "messenger", "messenger", ANA)
    assert (claim.inbound.at, claim.inbound.key) == (datetime.fromtimestamp(STAMP / 1000, UTC), "m_1")


async def test_ids_of_an_older_kind_are_numbers(rig: MessengerRig) -> None:
    event = item(message={"mid": "mid.1", "seq": 73, "text": "hello"})
    event["sender"], event["recipient"] = {"id": 1001}, {"id": 104000000000001}
    assert await rig.fake.post({"id": 104000000000001, "time": STAMP, "messaging": [event]}) == 200
    assert (await claimed(rig)).address.user == ANA


@pytest.mark.parametrize(
    ("attachment", "kept"),
    [
        ({"type": "image", "payload": {"url": "https://cdn.example/a"}}, ("image", "image/jpeg", "https://cdn.example/a")),
        ({"type": "file", "payload": {"url": "https://cdn.example/b"}},
         ("file", "application/octet-stream", "https://cdn.example/b")),
        ({"type": "audio", "payload": {}}, ("audio", "audio/mpeg", "")),
        ({"type": "location", "payload": {"coordinates": {"lat": 51.5, "long": -0.1}}},
         ("location", "application/geo+json", "")),
        ({"type": "something_new"}, ("something_new", "application/octet-stream", "")),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_files_are_kept_with_what_was_written_beside_them(rig: MessengerRig, attachment: Any, kept: Any) -> None:
    for _ in range(2):
        await take(rig, item(message={"mid": "m1", "text": "my bill", "attachments": [attachment, attachment]}))
    words, *files = await rows(rig)
    assert (words["kind"], words["text"], words["key"]) == ("message", "my bill", "m1")
    assert [(file["kind"], file["key"]) for file in files] == [("file", "m1:file0"), ("file", "m1:file1")]
    *named, ref = kept
    assert [files[0]["data"][name] for name in ("name", "type")] == named
    # Meta's address of a file is kept out of the log.
    wanted = await rig.store.query("SELECT 'file:' || id AS id, ref FROM kept_file WHERE state = 'wanted'")
    assert {row["id"] for row in wanted} == ({file["data"]["ref"] for file in files} if ref else set())
    assert {row["ref"] for row in wanted} == ({ref} if ref else set())


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"attachments": [{"type": "image", "payload": {"sticker_id": 369239263222822, "url": "https://x"}}]}, "👍"),
        (
            {"attachments": [{"type": "fallback", "payload": None, "text": "see https://x", "title": "t"}]},
            "see https://x",
        ),
        ({"text": "a\u0000b"}, "ab"),
    ],
)
async def test_what_stands_for_words_is_words(rig: MessengerRig, message: dict[str, Any], text: str) -> None:
    await take(rig, item(message={"mid": "m1", **message}))
    assert [(row["kind"], row["text"]) for row in await rows(rig)] == [("message", text)]


@pytest.mark.parametrize("number", [1, "1"])
async def test_each_edit_is_an_inbound_of_its_own(rig: MessengerRig, number: Any) -> None:
    edit = {"mid": "m1", "text": "yes", "num_edit": number}
    await take(rig, item(message={"mid": "m1", "text": "no"}))
    for _ in range(2):
        await take(rig, item(message_edit=edit))
    await take(rig, item(message_edit={**edit, "text": "maybe", "num_edit": 2}))
    found = [(row["key"], row["text"], row["data"]) for row in await rows(rig)]
    assert found == [
        ("m1", "no", {}),
        ("m1:edit1", "yes", {"edited": True}),
        ("m1:edit2", "maybe", {"edited": True}),
    ]


@pytest.mark.parametrize("mid", ["m_9", None], ids=["with an id", "without one"])
async def test_a_press_is_taken_once(rig: MessengerRig, mid: str | None) -> None:
    postback = {"title": "Yes", "payload": "n" * 24, **({"mid": mid} if mid else {})}
    for _ in range(3):
        assert await take(rig, item(postback=postback)) == 200
    assert await take(rig, {**item(postback=postback), "timestamp": STAMP + 1}) == 200
    found = [(row["kind"], row["text"], row["data"]) for row in await rows(rig)]
    assert found == [("press", "Yes", {"nonce": "n" * 24})] * (1 if mid else 2)


async def test_a_quick_reply_is_a_press_and_the_first_button_says_hello(rig: MessengerRig) -> None:
    await take(rig, item(message={"mid": "m1", "text": "Yes", "quick_reply": {"payload": "c" * 24}}))
    await take(rig, item(postback={"mid": "m2", "title": "Get started", "payload": "GET_STARTED"}))
    found = [(row["kind"], row["text"], row["data"]) for row in await rows(rig)]
    assert found == [("press", "Yes", {"nonce": "c" * 24}), ("message", "hello", {})]


@pytest.mark.parametrize(
    "event",
    [
        {"delivery": {"mids": ["m1"], "watermark": STAMP}},
        {"read": {"watermark": STAMP}},
        {"reaction": {"mid": "m1", "action": "react", "emoji": "👍", "reaction": "like"}},
        {"pass_thread_control": {"previous_owner_app_id": "1", "new_owner_app_id": "2"}},
        {"take_thread_control": {"previous_owner_app_id": "1"}},
        {"request_thread_control": {"requested_owner_app_id": "1"}},
        {"app_roles": {"1": ["primary_receiver"]}},
        {"optin": {"ref": "x"}},
        {"referral": {"ref": "x", "source": "SHORTLINK"}},
        {"message": {"mid": "m1", "is_echo": True, "app_id": 5, "text": "somebody at the Page's inbox"}},
        {"something_new": [1]},
        {},
    ],
    ids=lambda event: next(iter(event), "nothing"),
)
async def test_what_nobody_said_starts_no_turn(rig: MessengerRig, event: dict[str, Any]) -> None:
    ours = {"sender": {"id": rig.fake.page.id}, "recipient": {"id": ANA}} if "message" in event else {}
    assert await take(rig, {**item(**event), **ours}) == 200
    assert await rows(rig) == []
    assert await letters(rig) == []


async def test_another_apps_conversation_is_left_to_it(rig: MessengerRig) -> None:
    assert await take(rig, item(message={"mid": "m1", "text": "hello"}), field="standby") == 200
    assert await rows(rig) == []


async def test_an_echo_with_a_customer_as_its_sender_is_not_believed(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    said = {"mid": "m_x", "is_echo": True, "metadata": str(tag_for(held, 0, 1))}
    assert await take(rig, item(message=said)) == 200
    assert (await rig.store.query("SELECT platform_id FROM outbound")) == [{"platform_id": None}]
    assert len(await rows(rig)) == 1


async def test_ending_the_linking_on_messenger_ends_the_link(rig: MessengerRig) -> None:
    assert await take(rig, item(account_linking={"status": "unlinked"})) == 200
    assert rig.linked.unlinked == [(Address("larkspur", "messenger", "messenger", ANA), "unlinked")]


async def test_account_linking_counts_only_with_a_known_code(rig: MessengerRig) -> None:
    for code in ("known", "guessed"):
        assert await take(rig, item(account_linking={"status": "linked", "authorization_code": code})) == 200
    assert await take(rig, item(account_linking={"status": "linked"})) == 200
    assert [code for _, code in rig.linked.codes] == ["known", "guessed"]
    assert await rows(rig) == []


# Comments


async def comments(rig: MessengerRig) -> list[str]:
    await rig.messenger.answer_comments()
    return [one.text for one in rig.fake.page.comments.values() if one.user == rig.fake.page.id]


async def test_a_comment_gets_one_neutral_line_and_one_private_reply(rig: MessengerRig) -> None:
    event = rig.fake.page.comments_on(ANA, "why is my bill so high?")
    for _ in range(3):
        assert await rig.fake.post(event) == 200
    for _ in range(2):
        (line,) = await comments(rig)
    assert "bill" not in line
    assert "customer" not in line
    (private,) = rig.fake.shown(ANA)
    assert "bill" not in private.content.text
    assert await rows(rig) == []


async def test_the_private_way_in_brings_the_question_along_once(rig: MessengerRig) -> None:
    await rig.fake.post(rig.fake.page.comments_on(ANA, "why is my bill so high?"))
    await comments(rig)
    (private,) = rig.fake.shown(ANA)
    event = rig.fake.page.presses(ANA, private, 0)
    for _ in range(3):
        assert await rig.fake.post(event) == 200
    assert [(row["kind"], row["text"]) for row in await rows(rig)] == [("message", "why is my bill so high?")]
    assert await rig.fake.post(rig.fake.page.presses(ANA, private, 0)) == 200
    assert [row["text"] for row in await rows(rig)] == ["why is my bill so high?", "Go on here"]


async def test_the_pages_own_comments_and_edits_are_not_answered(rig: MessengerRig) -> None:
    page = rig.fake.page
    for event in (
        page.comments_on(page.id, "our own"),
        page.comments_on(ANA, "edited", comment="c9", verb="edited"),
        page.comments_on(ANA, "gone", comment="c9", verb="remove"),
    ):
        assert await rig.fake.post(event) == 200
    assert await take(rig, {"field": "ratings", "value": {}}, field="changes") == 200
    assert await rig.store.query("SELECT id FROM public_ask") == []
    assert await letters(rig) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["silent", "lost", "transient", "broken"])
async def test_a_failed_answer_is_completed_and_nothing_said_twice(rig: MessengerRig, fault: Any) -> None:
    await rig.fake.post(rig.fake.page.comments_on(ANA, "hello"))
    rig.fake.faults.append(fault)
    assert await comments(rig) == []
    await asyncio.sleep(1.1)
    assert len(await comments(rig)) == 1
    assert len(rig.fake.shown(ANA)) == 1


async def test_a_line_that_was_said_before_the_process_ended_is_not_said_again(rig: MessengerRig) -> None:
    await rig.fake.post(rig.fake.page.comments_on(ANA, "hello"))
    await comments(rig)
    await rig.store.change([Sql("UPDATE public_ask SET held = 0, post = NULL, answered_at = NULL")])
    assert len(await comments(rig)) == 1
    assert len(rig.fake.shown(ANA)) == 1


async def test_somebody_who_cannot_be_reached_is_asked_to_write(rig: MessengerRig) -> None:
    await rig.fake.post(rig.fake.page.comments_on(ANA, "hello"))
    rig.fake.faults.append("gone")
    (line,) = await comments(rig)
    assert "send us a private message" in line


# The window


async def test_a_bots_reply_after_24_hours_is_not_sent_and_its_reason_is_kept(rig: MessengerRig) -> None:
    await rig.says("hello")
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, Outbound("too late")),)), lease=30)
    rig.clock.move(timedelta(hours=24, seconds=1))
    delivery = Delivery(rig.store, {"messenger": rig.channel}, rig.clock)
    (held,) = await rig.store.claim_outbox(10, lease=30)
    await delivery.one(held)
    assert rig.fake.shown(ANA) == []
    (row,) = await rig.store.query("SELECT status, reason FROM outbound")
    assert (row["status"], "window" in row["reason"]) == ("dead", True)
    # Were delivery not to look, the channel itself would not send it.
    with pytest.raises(WindowClosed):
        await rig.channel.send(held)
    assert "POST messages" not in rig.fake.calls


@pytest.mark.parametrize(
    ("passed", "tag"),
    [
        (timedelta(hours=24), ""),
        (timedelta(hours=24, seconds=1), "HUMAN_AGENT"),
        (timedelta(days=7), "HUMAN_AGENT"),
        (timedelta(days=7, seconds=1), None),
    ],
)
async def test_a_persons_reply_is_tagged_only_once_the_window_has_closed(
    rig: MessengerRig, passed: timedelta, tag: str | None
) -> None:
    held = await reply(rig, Outbound("I have looked at it.", purpose="agent", author="Sam"))
    rig.clock.move(passed)
    if tag is None:
        with pytest.raises(OutsideWindow):
            await rig.channel.send(held)
        assert rig.fake.shown(ANA) == []
        return
    await rig.channel.send(held)
    assert [message.tag for message in rig.fake.shown(ANA)] == [tag]


@pytest.mark.parametrize(
    "said",
    [
        Outbound("x"),
        Outbound("x", purpose="proactive"),
        Outbound("x", purpose="closure"),
        Outbound("x", purpose="agent"),
        Outbound("x", purpose="agent", author="system"),
        Outbound("x", purpose="reply", author="Sam"),
    ],
    ids=lambda said: f"{said.purpose} {said.author}",
)
async def test_no_tag_ever_stands_on_what_no_person_wrote(rig: MessengerRig, said: Outbound) -> None:
    held = await reply(rig, said)
    rig.clock.move(timedelta(hours=25))
    with pytest.raises(WindowClosed):
        await rig.channel.send(replace(held, purpose=said.purpose))
    assert rig.fake.shown(ANA) == []


async def test_without_the_feature_a_persons_late_reply_is_not_tried() -> None:
    async with opened(human_agent=False) as rig:
        held = await reply(rig, Outbound("late", purpose="agent", author="Sam"))
        rig.clock.move(timedelta(hours=25))
        with pytest.raises(OutsideWindow):
            await rig.channel.send(held)


# Sends


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("busy", TooFast),
        ("gone", PersonUnavailable),
        ("silent", SendUncertain),
        ("lost", SendUncertain),
        ("broken", SendUncertain),
        ("garbled", SendUncertain),
        ("transient", Busy),
        ("token", TokenDead),
        ("restricted", PageRestricted),
    ],
)
async def test_each_failure_has_its_meaning(rig: MessengerRig, fault: Any, error: type[Exception]) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.faults.append(fault)
    with pytest.raises(error) as raised:
        await rig.channel.send(held)
    assert type(raised.value) is error


async def test_the_platforms_own_window_is_final_too(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.page.last[ANA] -= timedelta(hours=30)
    with pytest.raises(OutsideWindow):
        await rig.channel.send(held)


async def test_a_stranger_and_a_blocker_cannot_be_reached(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    with pytest.raises(Refused, match="100/2018001"):
        await rig.channel.send(replace(held, address=replace(held.address, user="777")))
    rig.fake.page.blocked.add(ANA)
    with pytest.raises(PersonUnavailable):
        await rig.channel.send(held)


async def test_nothing_is_sent_where_others_read_along(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    with pytest.raises(NotPrivate):
        await rig.channel.send(replace(held, address=replace(held.address, kind="public")))


@pytest.mark.parametrize("fault", ["busy", "token"])
async def test_a_limit_rests_the_whole_page_but_not_the_message_that_met_it(rig: MessengerRig, fault: Any) -> None:
    first, other = await reply(rig, Outbound("one")), await reply(rig, Outbound("two"), user=BEN)
    rig.fake.faults.append(fault)
    with pytest.raises(SendTemporary):
        await rig.channel.send(first)
    calls = len(rig.fake.calls)
    with pytest.raises(TooFast) as raised:
        await rig.channel.send(other)
    assert len(rig.fake.calls) == calls
    assert raised.value.retry_after is not None
    await rig.channel.send(first)
    await rig.channel.send(other)


async def test_a_dead_token_is_told_and_never_shown(rig: MessengerRig, caplog: pytest.LogCaptureFixture) -> None:
    held = await reply(rig, Outbound("hello"))
    token, rig.fake.token = rig.fake.token, "another"
    with caplog.at_level(logging.DEBUG), heard() as logs, pytest.raises(TokenDead) as raised:
        await rig.channel.send(held)
    assert token not in str(raised.value)
    lines = [*(record.getMessage() for record in caplog.records), *(str(line) for line in logs)]
    assert any("page token refused" in line for line in lines)
    assert not [line for line in lines if token in line or rig.fake.app_secret in line]


async def test_an_unreachable_platform_has_taken_nothing(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.messenger.graph._base = "http://127.0.0.1:9/v25.0"
    with pytest.raises(Unreachable):
        await rig.channel.send(held)


async def test_addresses_of_this_machine_stand_in_the_text(rig: MessengerRig) -> None:
    async def url(transaction: str, conversation: str) -> str:
        return "http://127.0.0.1:8080/link/abc"

    rig.links.url = url  # type: ignore[method-assign]
    await rig.channel.send(await reply(rig, Outbound("Sign in.", link=Link("t", "Sign in"))))
    (shown,) = rig.fake.shown(ANA)
    assert (shown.content.text, shown.content.buttons) == ("Sign in.\n\nSign in: http://127.0.0.1:8080/link/abc", ())


async def test_a_link_and_quick_replies_fit_one_message(rig: MessengerRig) -> None:
    said = Outbound("Approve it.", link=Link("t", "Approve"), choices=(Choice("no", "Never mind", "d" * 24),), op="q")
    await rig.channel.send(await reply(rig, said))
    (shown,) = rig.fake.shown(ANA)
    assert ([one["title"] for one in shown.content.buttons], [title for title, _ in shown.content.replies]) == (
        ["Approve"],
        ["Never mind"],
    )


async def test_slow_turns_show_typing_and_quick_ones_do_not() -> None:
    async with opened(typing_after=0.05) as rig:
        await rig.channel.send(await reply(rig, Outbound("at once")))
        await asyncio.sleep(0.15)
        assert rig.fake.page.actions == []
        await rig.says("slow")
        await asyncio.sleep(0.3)
        assert rig.fake.page.actions == [(ANA, "typing_on")]


# Reconciling


@pytest.mark.slow
@pytest.mark.promise("turn-once")
@pytest.mark.parametrize("fault", ["silent", "garbled"])
async def test_a_send_without_an_answer_is_not_sent_twice(rig: MessengerRig, fault: Any) -> None:
    await rig.says("hello")
    text = " ".join(f"Sentence {at} of a rather long message." for at in range(200))
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, Outbound(text)),)), lease=30)
    rig.fake.faults += ["fine", fault]
    await deliver(rig)
    shown = rig.fake.shown(ANA)
    assert " ".join(message.content.text for message in shown) == text
    (row,) = await rig.store.query("SELECT status, platform_id FROM outbound")
    assert row == {"status": "sent", "platform_id": ",".join(message.mid for message in shown)}


@pytest.mark.slow
async def test_a_lost_send_is_sent_once_more(rig: MessengerRig) -> None:
    await rig.says("hello")
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, Outbound("hello Ana")),)), lease=30)
    rig.fake.faults.append("lost")
    await deliver(rig)
    assert [message.content.text for message in rig.fake.shown(ANA)] == ["hello Ana"]


@pytest.mark.slow
async def test_a_new_process_knows_what_the_old_one_had_sent(rig: MessengerRig) -> None:
    text = " ".join(f"Sentence {at} of a rather long message." for at in range(200))
    held = await reply(rig, Outbound(text))
    rig.fake.faults += ["fine", "fine", "silent"]
    with pytest.raises(SendUncertain):
        await rig.channel.send(held)
    whole = len(rig.fake.shown(ANA))
    # Nothing of the first process's memory is left.
    rig.channel._progress.__init__()
    assert await rig.channel.find(held) is None
    await rig.channel.send(held)
    shown = rig.fake.shown(ANA)
    assert whole == 3
    assert " ".join(message.content.text for message in shown) == text


async def test_an_echo_of_a_settled_row_or_of_another_connection_changes_nothing(rig: MessengerRig) -> None:
    held = await reply(rig, Outbound("hello"))
    sent = await rig.channel.send(held)
    await rig.store.sent(held, platform_id=sent, at=rig.clock.now())
    page = {"sender": {"id": rig.fake.page.id}, "recipient": {"id": ANA}}
    for tag in (str(tag_for(held, 0, 1)), "parley:nobody:1:0:0/1", "parley:'; DROP TABLE x:1:0:0/1", "other"):
        said = {"mid": "m_late", "is_echo": True, "metadata": tag}
        assert await take(rig, {**item(message=said), **page}) == 200
    assert await rig.store.query("SELECT platform_id FROM outbound") == [{"platform_id": sent}]


# Connecting


async def test_connecting_sets_webhook_fields_and_first_button(rig: MessengerRig) -> None:
    assert "messaging_postbacks" in rig.fake.subscribed
    assert rig.fake.profile["get_started"] == {"payload": "GET_STARTED"}
    assert await rig.messenger.check() == "Larkspur Mobile"
    said = await rig.messenger.connect(rig.fake.webhook.removesuffix("/channels/messenger"))
    assert said[0] == "The token works: it is the Page Larkspur Mobile's."
    assert f"Meta posts to {rig.fake.webhook}." in said


@pytest.mark.parametrize("public_url", ["http://localhost:8080", "https://localhost", "https://chat.internal"])
async def test_connecting_says_that_an_address_cannot_be_reached(rig: MessengerRig, public_url: str) -> None:
    with pytest.raises(SettingsError, match="PARLEY_PUBLIC_URL"):
        await rig.messenger.connect(public_url)


async def test_connecting_says_that_the_challenge_failed(rig: MessengerRig) -> None:
    with pytest.raises(SettingsError, match="is the server running there"):
        await rig.messenger.connect(rig.fake.webhook.removesuffix("/channels/messenger") + "/nowhere")


async def test_without_an_app_id_it_says_what_to_click() -> None:
    async with opened() as rig:
        rig.messenger._settings = replace(rig.messenger._settings, app_id="")
        said = await rig.messenger.connect("http://127.0.0.1:1")
        assert "Webhooks, give http://127.0.0.1:1/channels/messenger" in said[1]


@pytest.mark.parametrize("name", ["page", "token", "app_secret", "verify_token"])
def test_an_empty_secret_is_refused(name: str) -> None:
    given = {"brand": "b", "page": "1", "token": "t", "app_secret": "s", "verify_token": "v", name: ""}
    with pytest.raises(SettingsError, match=name):
        MessengerSettings(**given)


async def test_whose_thread_a_linking_token_was_made_in(rig: MessengerRig) -> None:
    rig.fake.page.linking["tok"] = ANA
    assert await rig.messenger.user_of("tok") == ANA
    assert await rig.messenger.user_of("made up") is None


# Odd input


@pytest.mark.parametrize(
    "odd",
    [
        {"message": {"mid": "m1", "text": 5}},
        {"message": {"mid": "", "text": "x"}},
        {"message": {"mid": "m1", "attachments": "x"}},
        {"message": {"mid": "m1", "attachments": [{"payload": {}}]}},
        {"message": {"mid": "m1", "quick_reply": {}}},
        {"message": []},
        {"postback": {"title": "x"}},
        {"message_edit": {"mid": "m1", "text": "x"}},
        {"message_edit": {"mid": "m1", "text": "x", "num_edit": True}},
        {"account_linking": {}},
        {"message": {"mid": "m1", "text": "x"}, "timestamp": "yesterday"},
        {"message": {"mid": "m1", "text": "x"}, "timestamp": 10**18},
        {"message": {"mid": "m1", "text": "x"}, "sender": "1001"},
    ],
    ids=str,
)
async def test_a_genuine_event_that_cannot_be_read_is_kept_once(rig: MessengerRig, odd: dict[str, Any]) -> None:
    event = {**item(), **odd}
    for _ in range(2):
        assert await take(rig, event) == 200
    assert await rows(rig) == []
    (letter,) = await letters(rig)
    assert letter["connection"] == "messenger"
    assert msgspec.json.decode(letter["body"]) == event


@pytest.mark.parametrize(
    "body", [{"object": "instagram", "entry": []}, {"object": "page"}, {"object": "page", "entry": 5}]
)
async def test_a_signed_body_of_another_kind_is_kept(rig: MessengerRig, body: dict[str, Any]) -> None:
    assert await rig.garbage(msgspec.json.encode(body)) == 200
    assert len(await letters(rig)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
COMMENT = {"item": "comment", "verb": "add", "comment_id": "c1", "post_id": "p1", "from": {"id": ANA}, "message": "x"}
GENUINE = [
    {"messaging": [item(message={"mid": "m1", "text": "hello"})]},
    {"messaging": [item(message={"mid": "m1", "text": "a", "quick_reply": {"payload": "n"}})]},
    {"messaging": [item(message={"mid": "m1", "attachments": [{"type": "image", "payload": {"url": "u"}}]})]},
    {"messaging": [item(message={"mid": "m1", "is_echo": True, "metadata": "parley:c:1:0:0/1"})]},
    {"messaging": [item(message_edit={"mid": "m1", "text": "x", "num_edit": 1})]},
    {"messaging": [item(postback={"title": "x", "payload": "ask:abc:1001"})]},
    {"messaging": [item(account_linking={"status": "unlinked"})]},
    {"changes": [{"field": "feed", "value": COMMENT}]},
]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A genuine body with up to three of its fields, at any depth, replaced or removed."""
    body: Any = {
        "object": "page",
        "entry": [{"id": "104000000000001", **copy.deepcopy(draw(st.sampled_from(GENUINE)))}],
    }
    for _ in range(draw(st.integers(0, 3))):
        at: Any = body
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and at[key] and draw(st.integers(0, 5)):
                at = at[key]
                continue
            if isinstance(at, dict) and draw(st.booleans()):
                del at[key]
            else:
                at[key] = draw(JSON)
            break
    return dict(body)


PAYLOADS = st.lists(
    mutated().map(msgspec.json.encode) | st.binary(max_size=200) | JSON.map(msgspec.json.encode),
    min_size=1,
    max_size=10,
)


async def _survives(rig: MessengerRig, bodies: list[bytes]) -> None:
    for body in bodies:
        assert await rig.garbage(body) < 500


@pytest.mark.parametrize(
    "examples",
    [pytest.param(40, id="some"), pytest.param(4000, id="20000", marks=[pytest.mark.slow, pytest.mark.long])],
)
def test_no_payload_makes_a_5xx_or_a_hang(examples: int) -> None:
    posted = 0
    with asyncio.Runner() as runner:
        context = opened(typing_after=3600.0)
        rig = runner.run(context.__aenter__())

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(PAYLOADS)
        def run(bodies: list[bytes]) -> None:
            nonlocal posted
            posted += len(bodies)
            runner.run(asyncio.wait_for(_survives(rig, bodies), 20))

        try:
            while posted < examples * 5:
                run()
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert posted >= examples * 5


@pytest.mark.promise("never-lost")
async def test_a_storm_of_batches_duplicates_and_disorder_is_handled_once_each(rig: MessengerRig) -> None:
    for at in range(120):
        rig.fake.page.says(str(1001 + at % 6), f"message {at}")
    rig.fake.mischief.batch, rig.fake.mischief.twice, rig.fake.mischief.disorder = 7, 0.4, True
    statuses = await rig.fake.flush()
    assert set(statuses) == {200}
    assert sorted(row["text"] for row in await rows(rig)) == sorted(f"message {at}" for at in range(120))


@pytest.mark.postgres
async def test_echoes_are_noted_once_on_postgresql_too() -> None:
    clock = HandClock()
    async with fresh_database() as url:
        store = await open_store(url, clock=clock, log_channels=frozenset())
        try:
            async with opened(World(store, clock), echo=0.0) as rig:
                held = await reply(rig, Outbound("hello"))
                page = {"sender": {"id": rig.fake.page.id}, "recipient": {"id": ANA}}
                for part in (0, 0, 1):
                    said = {"mid": f"m_%{part}\\", "is_echo": True, "metadata": str(tag_for(held, part, 2))}
                    assert await take(rig, {**item(message=said), **page}) == 200
                assert await rig.channel.find(held) == "m_%0\\,m_%1\\"
                found = await store.query("SELECT platform_id FROM outbound")
                assert found == [{"platform_id": "0/2=m_%0\\\n1/2=m_%1\\\n"}]
        finally:
            await store.close()
