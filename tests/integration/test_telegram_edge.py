"""Telegram's edge against a strict Bot API: every kind of update, groups and deep links, polling, and odd input."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.telegram.errors import (
    AnotherReader,
    Blocked,
    ChatMoved,
    Refused,
    TokenDead,
    TooFast,
    Unreachable,
)
from bot.errors import NotPrivate, SendUncertain, SettingsError, StoreUnavailable
from bot.model import Address, Choice, Link, Outbound
from bot.ports import OutboxClaim, OutRow, Work
from tests.contract.rigs.edges import claimed, letters, rows
from tests.contract.rigs.telegram import GROUP, SECRET, TelegramRig, opened

ANA, BEN = 1001, 1002
PHOTO = [
    {"file_id": "small", "file_unique_id": "s", "width": 90, "height": 90, "file_size": 900},
    {"file_id": "large", "file_unique_id": "l", "width": 900, "height": 900, "file_size": 90_000},
]


@pytest.fixture
async def rig() -> AsyncIterator[TelegramRig]:
    async with opened() as made:
        yield made


async def reply(rig: TelegramRig, said: Outbound, *, user: int = ANA) -> OutboxClaim:
    assert await rig.says("hello", user=str(user)) == 200
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, said),)), lease=30)
    (held,) = await rig.store.claim_outbox(10, lease=30)
    return held


async def settled(rig: TelegramRig) -> None:
    """What is done beside the webhook has been done."""
    await rig.telegram._updates.close()


def message(user: int = ANA, chat: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    person = {"id": user, "is_bot": False, "first_name": "Ana", "language_code": "en-GB"}
    where = chat or {"id": user, "type": "private", "first_name": "Ana"}
    return {"message_id": 7, "from": person, "chat": where, "date": 1_793_698_200, **fields}


async def take(rig: TelegramRig, number: int = 900, **update: Any) -> int:
    return await rig.deliver({"update_id": number, **update})


# Each kind of update


async def test_a_message_keeps_its_time_its_language_and_its_number(rig: TelegramRig) -> None:
    assert await take(rig, 901, message=message(text="hello")) == 200
    claim = await claimed(rig)
    assert claim.address == Address("larkspur", "telegram", "telegram", "1001")
    assert claim.inbound.at == datetime.fromtimestamp(1_793_698_200, UTC)
    assert (claim.inbound.key, claim.inbound.locale) == ("901", "en-GB")


async def test_an_edit_is_an_inbound_of_its_own(rig: TelegramRig) -> None:
    await take(rig, 901, message=message(text="no"))
    await take(rig, 902, edited_message=message(text="yes", edit_date=1_793_698_260))
    assert [(row["text"], row["data"]) for row in await rows(rig)] == [("no", {}), ("yes", {"edited": True})]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"photo": PHOTO}, ("photo.jpg", "image/jpeg", 90_000, "large")),
        (
            {
                "document": {
                    "file_id": "d",
                    "file_unique_id": "u",
                    "file_name": "bill.pdf",
                    "mime_type": "application/pdf",
                }
            },
            ("bill.pdf", "application/pdf", 0, "d"),
        ),
        ({"voice": {"file_id": "v", "file_unique_id": "u", "duration": 3}}, ("voice", "audio/ogg", 0, "v")),
        (
            {"document": {"file_id": "d", "file_unique_id": "u", "file_size": 10**30}},
            ("document", "application/octet-stream", 0, "d"),
        ),
        (
            {"video": {"file_id": "v", "file_unique_id": "u", "width": 1, "height": 1, "duration": 3}},
            ("video", "video/mp4", 0, "v"),
        ),
        ({"location": {"latitude": 51.5, "longitude": -0.1}}, ("location", "application/geo+json", 0, "")),
        ({"contact": {"phone_number": "+4420", "first_name": "Bo"}}, ("contact", "text/plain", 0, "")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_files_are_kept_with_what_was_written_beside_them(rig: TelegramRig, sent: Any, kept: Any) -> None:
    for _ in range(2):
        assert await take(rig, 903, message=message(caption="my bill", **sent)) == 200
    words, file = await rows(rig)
    assert (words["kind"], words["text"], words["key"]) == ("message", "my bill", "903")
    assert (file["kind"], file["key"]) == ("file", "903:file")
    *named, ref = kept
    assert [file["data"][name] for name in ("name", "type", "size")] == named
    wanted = await rig.store.query("SELECT 'file:' || id AS id, ref FROM kept_file")
    assert wanted == ([{"id": file["data"]["ref"], "ref": ref}] if ref else [])


async def test_a_sticker_is_its_emoji(rig: TelegramRig) -> None:
    sticker = {"file_id": "s", "file_unique_id": "u", "type": "regular", "width": 1, "height": 1}
    sticker |= {"is_animated": False, "is_video": False, "emoji": "👍"}
    await take(rig, message=message(sticker=sticker))
    assert [(row["kind"], row["text"]) for row in await rows(rig)] == [("message", "👍")]


@pytest.mark.parametrize(
    ("written", "means"),
    [("/start", "hello"), ("/stop", "stop"), ("/human@larkspur_bot", "talk to a person"), ("/unknown x", "/unknown x")],
)
async def test_commands_are_words(rig: TelegramRig, written: str, means: str) -> None:
    await take(rig, message=message(text=written))
    assert [row["text"] for row in await rows(rig)] == [means]


@pytest.mark.parametrize(
    "update",
    [
        {"message": message(new_chat_title="x")},
        {"message": message(text="hi", sender_chat={"id": -5, "type": "channel"})},
        {"message": message(text="hi", chat={"id": 77, "type": "private"})},
        {"message": {**message(text="hi"), "from": {"id": ANA, "is_bot": True, "first_name": "Bot"}}},
        {"message": {k: v for k, v in message(text="hi").items() if k != "from"}},
        {"channel_post": message(text="hi", chat={"id": -9, "type": "channel", "title": "c"})},
        {"business_message": message(text="hi", business_connection_id="b")},
        {"guest_message": message(text="hi")},
        {"poll_answer": {"poll_id": "1", "option_ids": [0], "user": {"id": ANA, "is_bot": False, "first_name": "A"}}},
        {"something_new": {"a": [1]}},
        {},
    ],
    ids=lambda update: next(iter(update), "nothing"),
)
async def test_what_is_nobodys_private_message_is_passed_over(rig: TelegramRig, update: dict[str, Any]) -> None:
    assert await take(rig, **update) == 200
    assert await rows(rig) == []
    assert await letters(rig) == []


async def test_blocking_the_bot_is_reported_and_unblocking_is_not(rig: TelegramRig) -> None:
    blocked = rig.fake.chats.blocks(ANA)
    assert await rig.deliver(blocked) == 200
    back = copy.deepcopy(blocked)
    back["update_id"] += 1
    back["my_chat_member"]["new_chat_member"]["status"] = "member"
    assert await rig.deliver(back) == 200
    assert rig.unlinked.addresses == [(Address("larkspur", "telegram", "telegram", "1001"), "blocked")]


# Presses


async def test_every_press_is_answered_and_knows_its_label(rig: TelegramRig) -> None:
    held = await reply(rig, Outbound("Cancel it?", choices=(Choice("yes", "Yes, cancel it", "a" * 24),), op="q"))
    await rig.channel.send(held)
    (shown,) = rig.fake.shown(ANA)
    update = rig.fake.chats.presses_button(ANA, shown, 0)
    for _ in range(2):
        assert await rig.deliver(update) == 200
    await settled(rig)
    assert rig.fake.chats.presses == {update["callback_query"]["id"]: ""}
    (_, pressed) = await rows(rig)
    assert (pressed["text"], pressed["data"]) == ("Yes, cancel it", {"nonce": "a" * 24})


@pytest.mark.parametrize("case", ["group", "somebody else's chat", "no message", "inline", "no data"])
async def test_a_press_that_is_not_the_pressers_to_make_is_refused(rig: TelegramRig, case: str) -> None:
    await rig.channel.send(await reply(rig, Outbound("Sure?", choices=(Choice("yes", "Yes", "b" * 24),), op="q")))
    (shown,) = rig.fake.shown(ANA)
    update = rig.fake.chats.presses_button(BEN if case == "somebody else's chat" else ANA, shown, 0)
    query = update["callback_query"]
    if case == "group":
        query["message"]["chat"] = {"id": GROUP, "type": "supergroup", "title": "g"}
    elif case == "no message":
        del query["message"]
    elif case == "inline":
        query["inline_message_id"] = "i"
        del query["message"]
    elif case == "no data":
        query["game_short_name"] = query.pop("data")
    before = await rows(rig)
    assert await rig.deliver(update) == 200
    await settled(rig)
    assert await rows(rig) == before
    assert "somebody else" in (rig.fake.chats.presses[query["id"]] or "")


async def test_a_press_is_taken_though_its_answer_fails(rig: TelegramRig) -> None:
    await rig.channel.send(await reply(rig, Outbound("Sure?", choices=(Choice("yes", "Yes", "b" * 24),), op="q")))
    update = rig.fake.chats.presses_button(ANA, rig.fake.shown(ANA)[0], 0)
    rig.fake.chats.presses.clear()
    assert await rig.deliver(update) == 200
    await settled(rig)
    assert [row["kind"] for row in await rows(rig)] == ["message", "press"]


# Groups


def group(text: str, user: int = ANA, **fields: Any) -> dict[str, Any]:
    return message(user, {"id": GROUP, "type": "supergroup", "title": "Neighbours"}, text=text, **fields)


async def in_group(rig: TelegramRig) -> list[Any]:
    await rig.telegram.answer_in_groups()
    return rig.fake.shown(GROUP)


async def test_a_mention_in_a_group_gets_one_neutral_line_and_a_way_in(rig: TelegramRig) -> None:
    update = rig.fake.chats.says(ANA, "@larkspur_bot why is my bill so high?", chat=GROUP)
    for _ in range(3):
        assert await rig.deliver(update) == 200
    (line,) = await in_group(rig)
    assert (line.text, line.reply_to) == (
        "Thanks for asking. I can help with that in a private chat, where nobody else can read along.",
        update["message"]["message_id"],
    )
    assert len(await in_group(rig)) == 1
    assert await rows(rig) == []
    (button,) = line.buttons
    assert button["url"].startswith("https://t.me/larkspur_bot?start=")


async def start(rig: TelegramRig, url: str, user: int) -> int:
    return await rig.deliver(rig.fake.chats.says(user, f"/start {url.partition('start=')[2]}"))


async def test_the_way_in_brings_the_question_along_once_and_for_its_asker_alone(rig: TelegramRig) -> None:
    await rig.deliver(rig.fake.chats.says(ANA, "@larkspur_bot why is my bill so high?", chat=GROUP))
    url = (await in_group(rig))[0].buttons[0]["url"]
    assert await start(rig, url, BEN) == 200
    assert [row["text"] for row in await rows(rig)] == ["hello"]
    await rig.store.commit(await claimed(rig), Work(b""), lease=30)
    for _ in range(2):
        assert await start(rig, url, ANA) == 200
    claim = await claimed(rig)
    assert claim.address.user == str(ANA)
    assert claim.inbound.text == "why is my bill so high?"
    assert sorted(row["text"] for row in await rows(rig)) == ["hello", "hello", "why is my bill so high?"]


async def test_a_way_in_delivered_twice_is_taken_once(rig: TelegramRig) -> None:
    await rig.deliver(rig.fake.chats.says(ANA, "@larkspur_bot my bill?", chat=GROUP))
    url = (await in_group(rig))[0].buttons[0]["url"]
    update = rig.fake.chats.says(ANA, f"/start {url.partition('start=')[2]}")
    for _ in range(3):
        assert await rig.deliver(update) == 200
    assert [row["text"] for row in await rows(rig)] == ["my bill?"]


async def test_an_old_way_in_opens_the_chat_and_no_more(rig: TelegramRig) -> None:
    await rig.deliver(rig.fake.chats.says(ANA, "@larkspur_bot my bill?", chat=GROUP))
    url = (await in_group(rig))[0].buttons[0]["url"]
    rig.clock.at = rig.clock.at.replace(day=rig.clock.at.day + 2)
    await start(rig, url, ANA)
    assert [row["text"] for row in await rows(rig)] == ["hello"]


@pytest.mark.parametrize(
    ("text", "more", "answered"),
    [
        ("/help@larkspur_bot", {}, True),
        ("/bill", {}, True),
        ("/help@other_bot", {}, False),
        ("hello everybody", {}, False),
        ("@larkspur_bottle is not us", {}, False),
        (
            "thanks",
            {"reply_to_message": {**group("x"), "from": {"id": 110201543, "is_bot": True, "first_name": "L"}}},
            True,
        ),
        ("thanks", {"reply_to_message": group("x", BEN)}, False),
    ],
    ids=["our command", "a command", "another bot's command", "talk", "a longer name", "a reply to us", "a reply"],
)
async def test_in_a_group_only_what_is_said_to_us_is_answered(
    rig: TelegramRig, text: str, more: dict[str, Any], answered: bool
) -> None:
    rig.fake.chats.groups.add(GROUP)
    await take(rig, message=group(text, **more))
    assert len(await in_group(rig)) == answered
    assert await rows(rig) == []


async def test_an_anonymous_administrator_gets_a_way_in_that_is_nobodys(rig: TelegramRig) -> None:
    rig.fake.chats.groups.add(GROUP)
    asked = group("@larkspur_bot what is my bill?", 1087968824, sender_chat={"id": GROUP, "type": "supergroup"})
    asked["from"]["is_bot"] = True
    await take(rig, message=asked)
    (line,) = await in_group(rig)
    assert line.buttons[0]["url"] == "https://t.me/larkspur_bot"


async def test_a_group_that_has_moved_is_answered_where_it_is_now(rig: TelegramRig) -> None:
    await rig.deliver(rig.fake.chats.says(ANA, "@larkspur_bot my bill?", chat=GROUP))
    rig.fake.chats.migrated[GROUP] = -1009999
    assert await in_group(rig) == []
    await rig.telegram.answer_in_groups()
    assert [line.reply_to for line in rig.fake.shown(-1009999)] == [None]


async def test_a_group_line_is_tried_again_and_given_up_when_it_cannot_be_said(rig: TelegramRig) -> None:
    await rig.deliver(rig.fake.chats.says(ANA, "@larkspur_bot my bill?", chat=GROUP))
    rig.fault("busy")
    assert await in_group(rig) == []
    assert (await rig.store.query("SELECT tries, held FROM public_ask"))[0]["held"] is not None
    await rig.deliver(rig.fake.chats.says(BEN, "@larkspur_bot mine?", chat=GROUP))
    rig.fault("gone")
    assert await in_group(rig) == []
    held = {row["user_id"]: row["held"] for row in await rig.store.query("SELECT user_id, held FROM public_ask")}
    assert held[str(ANA)] is not None
    assert held[str(BEN)] is None


async def test_a_mention_is_not_acknowledged_before_our_name_is_known(rig: TelegramRig) -> None:
    rig.telegram.client._me = None
    token, rig.fake.token = rig.fake.token, "other"
    update = rig.fake.chats.says(ANA, "@larkspur_bot my bill?", chat=GROUP)
    assert await rig.deliver(update) == 503
    assert await rig.says("a private message does not wait for that") == 200
    rig.fake.token = token
    assert await rig.deliver(update) == 200
    assert len(await in_group(rig)) == 1


async def test_nothing_is_ever_sent_to_a_group_from_a_conversation(rig: TelegramRig) -> None:
    held = await reply(rig, Outbound("hello"))
    address = Address("larkspur", "telegram", "telegram", str(GROUP), "group")
    with pytest.raises(NotPrivate):
        await rig.channel.send(replace(held, address=address))
    assert rig.fake.shown(GROUP) == []


# Sends


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("busy", TooFast),
        ("gone", Blocked),
        ("silent", SendUncertain),
        ("broken", SendUncertain),
        ("garbled", SendUncertain),
    ],
)
async def test_each_failure_has_its_meaning(rig: TelegramRig, fault: Any, error: type[Exception]) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.faults.append(fault)
    with pytest.raises(error):
        await rig.channel.send(held)


async def test_a_customer_who_blocked_us_cannot_be_reached(rig: TelegramRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.chats.blocked.add(ANA)
    with pytest.raises(Blocked):
        await rig.channel.send(held)


async def test_a_dead_token_waits_for_a_new_one_and_never_shows_it(
    rig: TelegramRig, caplog: pytest.LogCaptureFixture
) -> None:
    held = await reply(rig, Outbound("hello"))
    token, rig.fake.token = rig.fake.token, "110201543:other"
    with caplog.at_level(logging.DEBUG), pytest.raises(TokenDead) as raised:
        await rig.channel.send(held)
    assert token not in str(raised.value)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("parley")]
    assert not [line for line in ours if token in line]


async def test_an_unreachable_platform_has_taken_nothing(rig: TelegramRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.telegram.client._bot._base_url = "http://127.0.0.1:9/bot1:x"
    with pytest.raises(Unreachable):
        await rig.channel.send(held)


async def test_other_refusals_are_final(rig: TelegramRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.chats.started.clear()
    with pytest.raises(Blocked):
        await rig.channel.send(held)
    rig.fake.chats.started.add(ANA)
    with pytest.raises(Refused):
        await rig.channel.send(replace(held, address=replace(held.address, thread="99")))
    rig.fake.chats.migrated[ANA] = -7
    with pytest.raises(ChatMoved):
        await rig.channel.send(held)


async def test_addresses_of_this_machine_stand_in_the_text(rig: TelegramRig) -> None:
    async def url(transaction: str, conversation: str) -> str:
        return "http://127.0.0.1:8080/link/abc"

    rig.links.url = url  # type: ignore[method-assign]
    await rig.channel.send(await reply(rig, Outbound("Sign in.", link=Link("t", "Sign in"))))
    (shown,) = rig.fake.shown(ANA)
    assert (shown.text, shown.rows) == ("Sign in.\n\nSign in: http://127.0.0.1:8080/link/abc", [])


async def test_slow_turns_show_typing_and_quick_ones_do_not() -> None:
    async with opened(typing_after=0.05) as rig:
        await rig.channel.send(await reply(rig, Outbound("at once")))
        await asyncio.sleep(0.15)
        assert rig.fake.chats.actions == []
        await rig.says("slow")
        await asyncio.sleep(0.3)
        assert rig.fake.chats.actions == [(ANA, "typing")]


# Polling


async def polled(rig: TelegramRig, done: Any) -> None:
    poller = rig.telegram.workers()["telegram-polling"]
    task = asyncio.create_task(poller.run())
    async with asyncio.timeout(20):
        while not await done():  # noqa: ASYNC110 - what is awaited stands in the platform and the store
            await asyncio.sleep(0.02)
        await poller.stop()
        await task


async def test_polling_takes_the_same_updates_in_order_and_forgets_them_afterwards() -> None:
    async with opened(mode="polling", poll=1) as rig:
        assert rig.telegram.routes() == []
        for at in range(250):
            rig.fake.chats.says(ANA, f"message {at}")
        rig.fake.chats.updates[10]["message"] = {"odd": True}

        async def done() -> bool:
            return not rig.fake.chats.updates

        await polled(rig, done)
        assert [row["text"] for row in await rows(rig)] == [f"message {at}" for at in range(250) if at != 10]
        assert len(await letters(rig)) == 1


async def test_the_offset_moves_only_after_the_durable_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(mode="polling", poll=1) as rig:
        real, asked = type(rig.store).accept, 0

        async def failing(self: Any, *args: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked <= 2:
                assert len(rig.fake.chats.updates) == 2
                raise StoreUnavailable
            return await real(self, *args)

        monkeypatch.setattr(type(rig.store), "accept", failing)
        monkeypatch.setattr("adapters.telegram.polling._PAUSES", (0.01,))
        rig.fake.chats.says(ANA, "one")
        rig.fake.chats.says(ANA, "two")

        async def done() -> bool:
            return not rig.fake.chats.updates

        await polled(rig, done)
        assert [row["text"] for row in await rows(rig)] == ["one", "two"]


async def test_polling_says_that_somebody_else_reads(rig: TelegramRig) -> None:
    with pytest.raises(AnotherReader):
        await rig.telegram.client.updates(0)


async def test_a_polling_bot_takes_its_webhook_away_and_keeps_what_waits() -> None:
    async with opened(mode="polling", poll=1) as rig:
        rig.fake.webhook = {"url": "https://old.example/x"}
        rig.fake.chats.says(ANA, "hello")
        said = await rig.telegram.connect("http://127.0.0.1:8080")
        assert rig.fake.webhook == {"url": ""}
        assert len(rig.fake.chats.updates) == 1
        assert "1 messages wait." in said
        assert [one["command"] for one in rig.fake.commands] == ["start", "help", "stop", "human"]
        assert any("opens on this machine alone" in line for line in said)


async def test_connecting_a_webhook_says_where_it_leads(rig: TelegramRig) -> None:
    said = await rig.telegram.connect("https://chat.example")
    assert rig.fake.webhook["url"] == "https://chat.example/channels/telegram"
    assert rig.fake.webhook["allowed_updates"] == ["message", "edited_message", "callback_query", "my_chat_member"]
    assert "Messages are posted to https://chat.example/channels/telegram." in said
    assert "The token works: it is @larkspur_bot's." in said


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://chat.example", "https://localhost"])
async def test_a_webhook_without_an_https_address_is_refused_before_a_customer_finds_out(
    rig: TelegramRig, address: str
) -> None:
    before = rig.fake.webhook
    with pytest.raises(SettingsError, match="PARLEY_PUBLIC_URL"):
        await rig.telegram.connect(address)
    assert rig.fake.webhook == before


# Odd input


@pytest.mark.parametrize(
    "odd",
    [
        {"message": {"text": "no chat"}},
        {"message": message(text=5)},
        {"message": {**message(text="x"), "date": "yesterday"}},
        {"message": {**message(text="x"), "date": 10**18}},
        {"message": {**message(text="x"), "chat": {"id": "1001", "type": "private"}}},
        {"message": {**message(text="x"), "from": {"first_name": "nobody"}}},
        {"message": []},
        {"message": "text"},
        {"callback_query": {"id": "1"}},
        {
            "callback_query": {
                "id": 1,
                "from": message()["from"],
                "chat_instance": "1",
                "data": "x",
                "message": message(),
            }
        },
        {"my_chat_member": {"chat": 1}},
        {"edited_message": {**message(text="x"), "photo": 7}},
    ],
    ids=str,
)
async def test_a_genuine_update_that_cannot_be_read_is_kept_once(rig: TelegramRig, odd: dict[str, Any]) -> None:
    for _ in range(2):
        assert await take(rig, **odd) == 200
    assert await rows(rig) == []
    (letter,) = await letters(rig)
    assert letter["connection"] == "telegram"
    assert msgspec.json.decode(letter["body"]) == {"update_id": 900, **odd}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A genuine update with up to three of its fields, at any depth, replaced, removed or doubled."""
    press = {"id": "9", "from": message()["from"], "chat_instance": "1", "data": "n" * 24, "message": message(text="x")}
    member = {"user": message()["from"], "status": "kicked", "until_date": 0}
    change = {"chat": message()["chat"], "from": message()["from"], "date": 1, "old_chat_member": member}
    update: dict[str, Any] = copy.deepcopy(
        draw(
            st.sampled_from(
                [
                    {"message": message(text="hello")},
                    {"message": message(caption="see", photo=PHOTO)},
                    {"message": group("@larkspur_bot hello", reply_to_message=group("x"))},
                    {"edited_message": message(text="hello", edit_date=1_793_698_260)},
                    {"callback_query": press},
                    {"my_chat_member": {**change, "new_chat_member": member}},
                ]
            )
        )
    )
    for _ in range(draw(st.integers(0, 3))):
        at: Any = update
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            if isinstance(at, dict) and draw(st.booleans()):
                del at[key]
            else:
                at[key] = draw(JSON)
            break
    return {"update_id": draw(st.integers(0, 2**53)), **update}


async def _survives(rig: TelegramRig, bodies: list[bytes]) -> None:
    for body in bodies:
        assert await rig.post(body, SECRET) < 500


BODY = mutated().map(msgspec.json.encode) | st.binary(max_size=200) | JSON.map(msgspec.json.encode)


def _feed(examples: int) -> None:
    """Three bodies an example, on one rig."""
    with asyncio.Runner() as runner:
        context = opened()
        rig = runner.run(context.__aenter__())

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(BODY, min_size=3, max_size=3))
        def run(bodies: list[bytes]) -> None:
            runner.run(asyncio.wait_for(_survives(rig, bodies), 20))

        try:
            run()
        finally:
            runner.run(context.__aexit__(None, None, None))


@pytest.mark.slow
def test_no_payload_makes_a_5xx_or_a_hang() -> None:
    _feed(150)


@pytest.mark.long
def test_no_payload_of_very_many_makes_a_5xx_or_a_hang() -> None:
    _feed(7_000)


async def test_a_storm_of_duplicates_in_disorder_is_handled_once_each(rig: TelegramRig) -> None:
    for at in range(60):
        rig.fake.chats.says(1001 + at % 6, f"message {at}")
    rig.fake.mischief.twice, rig.fake.mischief.disorder = 0.5, True
    statuses = await rig.fake.flush(rig.client)
    assert set(statuses) == {200}
    assert len(statuses) > 60
    assert sorted(row["text"] for row in await rows(rig)) == sorted(f"message {at}" for at in range(60))
