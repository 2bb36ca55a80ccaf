"""Slack's edge against a strict Slack: events, presses, commands, mentions, Slack Connect, the socket, odd input."""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.fakes.slack import SIGNATURE, STAMP
from adapters.fakes.slack_rules import Refusal
from adapters.slack.errors import Busy, PersonUnavailable, Refused, ScopeMissing, TokenDead, TooFast, Unreachable
from adapters.slack.settings import SlackSettings
from bot.errors import NotPrivate, SendPermanent, SendUncertain, SettingsError, StoreUnavailable
from bot.model import Address, Choice, Link, Outbound
from bot.observe import heard
from bot.ports import OutRow, Sql, Work
from tests.contract.rigs.edges import ANA, BEN, claimed, deliver, letters, reply, rows
from tests.contract.rigs.slack import SlackRig, opened

TS = "1793698200.000100"
FORM = "application/x-www-form-urlencoded"


LINK = (
    "INSERT INTO identity_link (id, brand, connection, channel, user_id, person, issuer, sub, customer_ref, auth_time,"
    " linked_at, last_used_at, expires_at) VALUES (:id, 'larkspur', :connection, 'slack', :user, 'p', 'i', :id,"
    " 'C-1001', :at, :at, :at, :at + 86400)"
)


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with opened() as made:
        yield made


def event(**more: Any) -> dict[str, Any]:
    base = {"type": "message", "channel": "D1001", "channel_type": "im", "user": ANA, "text": "hello", "ts": TS}
    return {**base, "team": "T0LARKSPUR", "event_ts": TS, **more}


async def take(rig: SlackRig, told: dict[str, Any], **envelope: Any) -> int:
    return await rig.fake.post(rig.fake.workspace.event(told, **envelope))


# The request itself


async def test_a_request_is_good_for_five_minutes_and_no_longer(rig: SlackRig) -> None:
    now = rig.clock.now().timestamp()
    for number, (age, status) in enumerate([(300, 200), (301, 401), (-300, 200), (-301, 401)]):
        body = msgspec.json.encode(rig.fake.workspace.event(event(ts=f"1793698200.{number:06d}")).body)
        assert await rig.post(body, rig.fake.signed(body, now - age)) == status
    assert len(await rows(rig)) == 2


async def test_the_signature_is_over_the_bytes_as_they_came(rig: SlackRig) -> None:
    body = b'{ "type":"event_callback", ' + msgspec.json.encode(rig.fake.workspace.event(event()).body)[1:]
    again = msgspec.json.encode(msgspec.json.decode(body))
    assert await rig.post(again, rig.fake.signed(body)) == 401
    assert await rows(rig) == []
    assert await rig.post(body, rig.fake.signed(body)) == 200
    assert len(await rows(rig)) == 1


async def test_another_app_s_secret_proves_nothing(rig: SlackRig) -> None:
    body = msgspec.json.encode(rig.fake.workspace.event(event()).body)
    rig.fake.signing_secret = "another"
    assert await rig.post(body, rig.fake.signed(body)) == 401


@pytest.mark.parametrize("signed", [True, False])
async def test_setting_the_address_repeats_the_challenge_to_slack_alone(rig: SlackRig, signed: bool) -> None:
    body = msgspec.json.encode({"type": "url_verification", "token": "t", "challenge": "abc"})
    headers = rig.fake.signed(body) if signed else {STAMP: "1", SIGNATURE: "v0=0"}
    async with rig.client.post(rig.fake.url, data=body, headers=headers) as response:
        assert response.status == (200 if signed else 401)
        assert ("abc" in await response.text()) is signed


async def test_ssl_check_opens_no_way_round_the_signature(rig: SlackRig) -> None:
    body = b"ssl_check=1&token=x"
    assert await rig.post(body, {STAMP: "1", SIGNATURE: "v0=0"}, FORM) == 401
    assert await rig.post(body, rig.fake.signed(body), FORM) == 400


async def test_bodies_never_reach_a_log(rig: SlackRig, caplog: pytest.LogCaptureFixture) -> None:
    body = msgspec.json.encode(rig.fake.workspace.event(event(text="a secret of Ana's")).body)
    with caplog.at_level(logging.INFO), heard() as logs:
        await rig.post(body, {STAMP: "1", SIGNATURE: "v0=0"})
        await rig.post(body, rig.fake.signed(body))
    assert "a secret of Ana" not in caplog.text + str(logs)


# Duplicates and retries


@pytest.mark.promise("never-lost")
async def test_the_same_message_under_a_new_event_id_is_taken_once(rig: SlackRig) -> None:
    told = rig.fake.workspace.event(event())
    assert await rig.fake.post(told) == 200
    for _ in range(2):
        again = rig.fake.workspace.again(told)
        assert again.body["event_id"] != told.body["event_id"]
        assert await rig.fake.post(again) == 200
    assert len(await rows(rig)) == 1


async def test_a_retry_is_taken_if_the_first_try_was_not(rig: SlackRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object, **__: object) -> None:
        raise StoreUnavailable

    told = rig.fake.workspace.event(event())
    with monkeypatch.context() as patch:
        patch.setattr(type(rig.store), "accept", down)
        assert await rig.fake.post(told) == 503
    assert await rig.fake.post(told, retry=1) == 200
    assert await rig.fake.post(told, retry=2) == 200
    assert len(await rows(rig)) == 1


async def test_nothing_is_acknowledged_before_our_workspace_is_known(rig: SlackRig) -> None:
    token, rig.fake.token = rig.fake.token, "another"
    told = rig.fake.workspace.event(event())
    assert await rig.fake.post(told) == 503
    rig.fake.token = token
    assert await rig.fake.post(told, retry=1) == 200
    assert len(await rows(rig)) == 1


# Each kind of event


async def test_a_message_keeps_its_time_and_its_key(rig: SlackRig) -> None:
    await take(rig, event())
    claim = await claimed(rig)
    assert claim.address == Address("larkspur", "slack", "slack", ANA)
    assert claim.inbound.at == datetime.fromtimestamp(1_793_698_200, UTC)
    assert claim.inbound.key == f"T0LARKSPUR:D1001:{TS}"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;", "&lt;"),
        ("ask <@U2|ben> or <@U3> in <#C1|general>", "ask @ben or @U3 in #general"),
        ("see <https://x.example/a?b=1&amp;c=2>", "see https://x.example/a?b=1&c=2"),
        ("see <https://x.example|the page>", "see the page (https://x.example)"),
        ("see <http://x.example|x.example>", "see x.example"),
        ("<mailto:a@x.example|a@x.example> <tel:+4420|020>", "a@x.example 020 (+4420)"),
        ("<!here> <!subteam^S1|@billing> <!date^1^{date}|3 Nov>", "@here @billing 3 Nov"),
        ("a\u0000b", "ab"),
    ],
)
async def test_text_is_read_as_it_was_seen(rig: SlackRig, sent: str, read: str) -> None:
    await take(rig, event(text=sent))
    assert [row["text"] for row in await rows(rig)] == [read]


async def test_files_are_kept_with_what_was_written_beside_them(rig: SlackRig) -> None:
    files = [
        {"id": "F1", "name": "bill.pdf", "mimetype": "application/pdf", "size": 900},
        {"id": "F2", "file_access": "check_file_info"},
    ]
    for _ in range(2):
        await take(rig, event(subtype="file_share", text="my bill", files=files))
    words, first, second = await rows(rig)
    assert (words["kind"], words["text"]) == ("message", "my bill")
    ref = first["data"].pop("ref")
    assert (first["kind"], first["data"]) == ("file", {"name": "bill.pdf", "type": "application/pdf", "size": 900})
    wanted = await rig.store.query("SELECT 'file:' || id AS id, ref FROM kept_file ORDER BY ref")
    assert wanted == [{"id": ref, "ref": "F1"}, {"id": second["data"]["ref"], "ref": "F2"}]


async def test_an_edit_is_an_inbound_of_its_own_and_a_preview_is_none(rig: SlackRig) -> None:
    here = rig.fake.workspace
    await take(rig, event(text="no"))
    first = here.edits(ANA, "yes", ts=TS, before="no")
    for _ in range(2):
        await rig.fake.post(first)
    await rig.fake.post(here.edits(ANA, "maybe", ts=TS, before="yes", number=2))
    await rig.fake.post(here.edits(ANA, "maybe", ts=TS, before="maybe", number=3))
    assert [(row["text"], row["data"]) for row in await rows(rig)] == [
        ("no", {}),
        ("yes", {"edited": True}),
        ("maybe", {"edited": True}),
    ]


@pytest.mark.parametrize(
    "told",
    [
        event(bot_id="B0OTHER", subtype="bot_message"),
        event(bot_id="B0LARKSPUR", user="U0LARKSPUR"),
        event(user="U0LARKSPUR"),
        event(user="USLACKBOT"),
        event(subtype="channel_join"),
        event(subtype="message_deleted", deleted_ts=TS),
        event(subtype="message_changed", message={"bot_id": "B0LARKSPUR", "text": "ours", "ts": TS}),
        event(subtype="message_changed", message={"user": "U0LARKSPUR", "text": "ours", "ts": TS}),
        event(subtype="message_changed", message={"text": "nobody's", "ts": TS}),
        event(subtype="something_new"),
        event(channel="C1", channel_type="channel"),
        event(channel="G1", channel_type="group"),
        event(channel="G1", channel_type="mpim"),
        event(text=""),
        {"type": "reaction_added", "user": ANA, "reaction": "x", "item": {}},
        {"type": "app_home_opened", "user": ANA, "channel": "D1001"},
        {"type": "something_new"},
    ],
    ids=lambda told: f"{told['type']} {told.get('subtype', '')} {told.get('channel_type', '')} {told.get('user')}",
)
async def test_what_no_member_said_to_us_starts_no_turn(rig: SlackRig, told: dict[str, Any]) -> None:
    assert await take(rig, told) == 200
    assert await rows(rig) == []
    assert await letters(rig) == []


@pytest.mark.parametrize(
    ("told", "envelope"),
    [
        (event(team="T9"), {}),
        (event(user_team="T9"), {}),
        (event(source_team="T9"), {}),
        (event(), {"is_ext_shared_channel": True}),
        (event(), {"team_id": "T9"}),
        ({**event(channel="C1", team="T9"), "type": "app_mention"}, {}),
        (event(subtype="message_changed", message={"user": ANA, "text": "x", "ts": TS, "team": "T9"}), {}),
    ],
)
async def test_a_stranger_over_slack_connect_is_refused(
    rig: SlackRig, told: dict[str, Any], envelope: dict[str, Any]
) -> None:
    assert await take(rig, told, **envelope) == 200
    assert await rows(rig) == []
    assert await rig.store.query("SELECT id FROM public_ask") == []
    assert await letters(rig) == []


@pytest.mark.parametrize("kind", ["tokens_revoked", "app_uninstalled"])
async def test_slacks_alarms_reach_the_operator(rig: SlackRig, kind: str) -> None:
    with heard() as logs:
        assert await take(rig, {"type": kind}) == 200
        body = msgspec.json.encode({"type": "app_rate_limited", "team_id": "T0LARKSPUR", "minute_rate_limited": 1})
        assert await rig.garbage(body) == 200
    assert {line.get("kind") for line in logs if line["event"] == "slack tells"} == {kind, "app_rate_limited"}


@pytest.mark.parametrize("kind", ["tokens_revoked", "app_uninstalled"])
async def test_a_workspace_that_takes_its_trust_back_unlinks_its_members(rig: SlackRig, kind: str) -> None:
    for user, connection in ((ANA, "slack"), ("U0OTHER", "slack"), (ANA, "slack:T0ELSE")):
        link = {"id": f"{connection}-{user}", "connection": connection, "user": user, "at": rig.clock.now().timestamp()}
        await rig.store.change([Sql(LINK, link, rows=1)])
    assert await take(rig, {"type": kind}) == 200
    left = await rig.store.query("SELECT connection, user_id FROM identity_link WHERE revoked_at IS NULL")
    assert left == [{"connection": "slack:T0ELSE", "user_id": ANA}]


async def test_a_member_who_has_left_is_no_longer_linked(rig: SlackRig) -> None:
    for user in (ANA, "U0OTHER"):
        link = {"id": user, "connection": "slack", "user": user, "at": rig.clock.now().timestamp()}
        await rig.store.change([Sql(LINK, link, rows=1)])
    assert await rig.fake.post(rig.fake.workspace.leaves(ANA, deleted=False)) == 200
    assert len(await rig.store.query("SELECT id FROM identity_link WHERE revoked_at IS NULL")) == 2
    assert await rig.fake.post(rig.fake.workspace.leaves(ANA)) == 200
    left = await rig.store.query("SELECT user_id FROM identity_link WHERE revoked_at IS NULL")
    assert left == [{"user_id": "U0OTHER"}]
    foreign = {"type": "user_change", "user": {"id": "U0OTHER", "deleted": True}}
    assert await take(rig, foreign, team_id="T0ELSE") == 200
    assert await take(rig, {"type": "user_change", "user": {"id": 5, "deleted": True}}) == 200
    assert len(await rig.store.query("SELECT id FROM identity_link WHERE revoked_at IS NULL")) == 1
    assert len(await letters(rig)) == 1


async def test_a_thread_below_our_message_belongs_to_the_chat_and_another_is_its_own(rig: SlackRig) -> None:
    thread = "1793698100.000001"
    await take(rig, event(ts="1793698201.000001", thread_ts=thread, parent_user_id="U0LARKSPUR"))
    await take(rig, event(ts="1793698202.000001", thread_ts=thread, parent_user_id=ANA))
    found = await rig.store.query("SELECT thread FROM conversation ORDER BY thread")
    assert [row["thread"] for row in found] == ["", thread]


# Presses and commands


async def asked(rig: SlackRig, **choice: Any) -> Any:
    said = Outbound("Cancel it?", choices=(Choice("yes", "Yes & cancel", "a" * 24),), op="q", **choice)
    await rig.channel.send(await reply(rig, said))
    return rig.fake.shown(ANA)[-1]


async def test_a_press_is_taken_once_and_knows_its_label(rig: SlackRig) -> None:
    press = rig.fake.workspace.presses(ANA, await asked(rig), 0)
    for _ in range(3):
        assert await rig.fake.post(press) == 200
    (_, pressed) = await rows(rig)
    assert (pressed["kind"], pressed["text"], pressed["data"]) == ("press", "Yes & cancel", {"nonce": "a" * 24})
    assert rig.fake.answers == []


@pytest.mark.parametrize("case", ["channel", "another workspace", "no team", "address"])
async def test_a_press_that_is_nobodys_answer_is_passed_over(rig: SlackRig, case: str) -> None:
    press = rig.fake.workspace.presses(ANA, await asked(rig), 0)
    if case == "channel":
        press.body["channel"]["id"] = "C0GENERAL"
    elif case == "another workspace":
        press.body["user"]["team_id"] = "T9"
    elif case == "no team":
        press.body["team"] = {"id": "T9"}
    else:
        del press.body["actions"][0]["value"]
    assert await rig.fake.post(press) == 200
    assert [row["kind"] for row in await rows(rig)] == ["message"]


async def test_a_press_in_a_thread_belongs_to_it(rig: SlackRig) -> None:
    said = Outbound("Sure?", choices=(Choice("yes", "Yes", "b" * 24),), op="q")
    await rig.channel.send(await reply(rig, said, thread="t7"))
    (shown,) = await rig.shown(thread="t7")
    assert await rig.presses(shown, 0) == 200
    assert len(await rig.store.query("SELECT id FROM conversation")) == 1


@pytest.mark.parametrize("kind", ["view_submission", "shortcut", "message_action", "something_new"])
async def test_other_interactions_are_acknowledged(rig: SlackRig, kind: str) -> None:
    payload = {"type": kind, "user": {"id": ANA}, "team": {"id": "T0LARKSPUR"}, "view": {}}
    body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
    assert await rig.post(body, rig.fake.signed(body), FORM) == 200
    assert await rows(rig) == []


@pytest.mark.parametrize(
    ("command", "text", "means"),
    [
        ("/larkspur", "why is my bill &gt; £50?", "why is my bill > £50?"),
        ("/human", "", "talk to a person"),
        ("/larkspur", " ", "hello"),
    ],
)
async def test_a_command_is_words_in_the_private_chat(rig: SlackRig, command: str, text: str, means: str) -> None:
    used = rig.fake.workspace.commands(ANA, command, text)
    for _ in range(2):
        assert await rig.fake.post(used) == 200
    assert [row["text"] for row in await rows(rig)] == [means]
    answer = msgspec.json.decode(rig.fake.answers[0])
    assert answer["response_type"] == "ephemeral"
    assert "direct message" in answer["text"]
    assert (await claimed(rig)).address == Address("larkspur", "slack", "slack", ANA)


async def test_a_command_in_the_private_chat_needs_no_notice(rig: SlackRig) -> None:
    assert await rig.fake.post(rig.fake.workspace.commands(ANA, "/help", channel="D1001")) == 200
    assert rig.fake.answers == []


# Mentions


async def in_channel(rig: SlackRig, ts: str) -> list[str]:
    await rig.slack.answer_in_channels()
    return [one.content.text for one in rig.fake.shown_in("C0GENERAL", ts)]


async def test_a_mention_gets_one_neutral_line_and_its_answer_privately(rig: SlackRig) -> None:
    told = rig.fake.workspace.mentions(ANA, "why is my bill <so> high?")
    for _ in range(2):
        for one in told:
            assert await rig.fake.post(one) == 200
            assert await rig.fake.post(rig.fake.workspace.again(one)) == 200
    assert await rows(rig) == []
    for _ in range(2):
        (line,) = await in_channel(rig, told[0].body["event"]["ts"])
    assert "bill" not in line
    claim = await claimed(rig)
    assert (claim.inbound.text, claim.address.user, claim.address.kind) == ("why is my bill <so> high?", ANA, "private")
    assert len(await rows(rig)) == 1
    (ask,) = await rig.store.query("SELECT entered_at, post FROM public_ask")
    assert ask["entered_at"] is not None
    assert ask["post"]


async def test_a_mention_in_a_thread_is_answered_there_and_human_is_honoured(rig: SlackRig) -> None:
    thread = "1793698100.000001"
    for one in rig.fake.workspace.mentions(ANA, "talk to a person", thread_ts=thread):
        await rig.fake.post(one)
    assert len(await in_channel(rig, thread)) == 1
    assert (await claimed(rig)).control == "human"


async def test_a_mention_without_words_says_hello_and_a_bots_mention_nothing(rig: SlackRig) -> None:
    for one in rig.fake.workspace.mentions(ANA, ""):
        await rig.fake.post(one)
    for one in rig.fake.workspace.mentions(BEN, "hi", bot_id="B9"):
        await rig.fake.post(one)
    await rig.slack.answer_in_channels()
    assert [row["text"] for row in await rows(rig)] == ["hello"]


@pytest.mark.parametrize(("fault", "lines"), [("silent", 1), ("lost", 0), ("internal", 1), ("busy", 1)])
async def test_the_neutral_line_is_never_said_twice(rig: SlackRig, fault: Any, lines: int) -> None:
    told = rig.fake.workspace.mentions(ANA, "my bill?")
    for one in told:
        await rig.fake.post(one)
    rig.fake.faults.append(fault)
    ts = told[0].body["event"]["ts"]
    await in_channel(rig, ts)
    await rig.store.change([Sql("UPDATE public_ask SET held = 0 WHERE held IS NOT NULL")])
    assert len(await in_channel(rig, ts)) == lines
    assert [row["text"] for row in await rows(rig)] == ["my bill?"]


async def test_the_asker_is_answered_though_the_channel_is_closed_to_us(rig: SlackRig) -> None:
    for one in rig.fake.workspace.mentions(ANA, "my bill?"):
        await rig.fake.post(one)
    rig.fake.workspace.channels.clear()
    await rig.slack.answer_in_channels()
    assert [row["text"] for row in await rows(rig)] == ["my bill?"]


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
        ("internal", SendUncertain),
        ("token", TokenDead),
        ("scope", ScopeMissing),
    ],
)
async def test_each_failure_has_its_meaning(rig: SlackRig, fault: Any, error: type[Exception]) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.faults.append(fault)
    with pytest.raises(error) as raised:
        await rig.channel.send(held)
    assert type(raised.value) is error


async def test_a_broken_connection_is_not_sent_on_again_by_the_library(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.faults.append("silent")
    with pytest.raises(SendUncertain):
        await rig.channel.send(held)
    assert rig.fake.calls.count("chat.postMessage") == 1


async def test_somebody_unknown_or_gone_cannot_be_reached(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    with pytest.raises(PersonUnavailable):
        await rig.channel.send(replace(held, address=replace(held.address, user="777")))
    rig.fake.workspace.gone.add(ANA)
    with pytest.raises(PersonUnavailable):
        await rig.channel.send(held)


async def test_nothing_is_sent_where_others_read_along(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    with pytest.raises(NotPrivate):
        await rig.channel.send(replace(held, address=replace(held.address, kind="group")))
    assert "chat.postMessage" not in rig.fake.calls


async def test_the_platforms_limit_is_passed_on(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.workspace.rate = (0.01, 1.0)
    await rig.channel.send(held)
    with pytest.raises(TooFast) as raised:
        await rig.channel.send(held)
    assert raised.value.retry_after is not None
    assert raised.value.retry_after > 50


async def test_previews_are_off_and_text_is_plain(rig: SlackRig) -> None:
    await rig.channel.send(await reply(rig, Outbound("see https://chat.example <!channel> *x*")))
    (shown,) = rig.fake.shown(ANA)
    assert (shown.given["unfurl_links"], shown.given["unfurl_media"]) == (False, False)
    assert shown.given["text"] == "see https://chat.example &lt;!channel&gt; *x*"
    assert shown.given["blocks"][0]["text"]["type"] == "plain_text"


async def test_links_and_choices_stand_beside_one_text(rig: SlackRig) -> None:
    said = Outbound("Approve it.", link=Link("t", "Approve"), choices=(Choice("no", "Never mind", "d" * 24),), op="q")
    await rig.channel.send(await reply(rig, said))
    (shown,) = await rig.shown()
    assert ([name for name, _ in shown.links], [name for name, _ in shown.buttons]) == (["Approve"], ["Never mind"])


async def test_a_dead_token_is_told_and_never_shown(rig: SlackRig, caplog: pytest.LogCaptureFixture) -> None:
    held = await reply(rig, Outbound("hello"))
    token, rig.fake.token = rig.fake.token, "another"
    with caplog.at_level(logging.INFO), heard() as logs, pytest.raises(TokenDead) as raised:
        await rig.channel.send(held)
    assert token not in str(raised.value)
    assert any(line["event"] == "bot token refused" for line in logs)
    assert token not in caplog.text + str(logs)


async def test_an_unreachable_platform_has_taken_nothing(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.slack.client.web.base_url = "http://127.0.0.1:9/api/"
    with pytest.raises(Unreachable):
        await rig.channel.send(held)


async def test_a_service_that_is_down_is_tried_again(rig: SlackRig, monkeypatch: pytest.MonkeyPatch) -> None:
    held = await reply(rig, Outbound("hello"))
    for code, error in (
        ("service_unavailable", Busy),
        ("restricted_action", Refused),
        ("internal_error", SendUncertain),
    ):

        def refused(given: Any, code: str = code) -> Any:
            raise Refusal(code)

        monkeypatch.setattr(type(rig.fake.workspace), "posted", lambda self, given, refused=refused: refused(given))
        with pytest.raises(error):
            await rig.channel.send(held)


# Reconciling


LONG = " ".join(f"Sentence {at} of a rather long message." for at in range(200))


@pytest.mark.slow
@pytest.mark.promise("turn-once")
@pytest.mark.parametrize("thread", ["", "t7"])
@pytest.mark.parametrize("fault", ["silent", "garbled", "internal"])
async def test_a_send_without_an_answer_is_not_sent_twice(rig: SlackRig, fault: Any, thread: str) -> None:
    await rig.says("hello", thread=thread)
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, Outbound(LONG)),)), lease=30)
    rig.fake.faults += ["fine", fault]
    await deliver(rig)
    shown = rig.fake.shown(ANA, rig._thread(thread))
    assert " ".join(message.content.text for message in shown) == LONG
    (row,) = await rig.store.query("SELECT status, platform_id FROM outbound")
    assert row == {"status": "sent", "platform_id": ",".join(message.ts for message in shown)}


@pytest.mark.slow
async def test_a_lost_send_is_sent_once_more(rig: SlackRig) -> None:
    await rig.says("hello")
    await rig.store.commit(await claimed(rig), Work(b"", (OutRow(0, Outbound("hello Ana")),)), lease=30)
    rig.fake.faults.append("lost")
    await deliver(rig)
    assert [message.content.text for message in rig.fake.shown(ANA)] == ["hello Ana"]


async def test_a_new_process_knows_what_the_old_one_had_sent(rig: SlackRig) -> None:
    held = await reply(rig, Outbound(LONG))
    rig.fake.faults += ["fine", "silent"]
    with pytest.raises(SendUncertain):
        await rig.channel.send(held)
    assert len(rig.fake.shown(ANA)) == 2
    # Nothing of the first process's memory is left.
    rig.channel._progress.__init__()
    assert await rig.channel.find(held) is None
    await rig.channel.send(held)
    assert len(rig.fake.shown(ANA)) == 3
    assert " ".join(message.content.text for message in rig.fake.shown(ANA)) == LONG


async def test_without_the_scope_to_read_it_is_sent_again(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.scopes = "chat:write,im:write"
    assert await rig.channel.find(held) is None


async def test_while_the_history_cannot_be_read_it_stays_uncertain(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    await rig.slack.client.chat_with(ANA)
    rig.slack.client.web.base_url = "http://127.0.0.1:9/api/"
    with pytest.raises(SendUncertain):
        await rig.channel.find(held)


# The socket


async def through_socket(rig: SlackRig, until: Callable[[], Awaitable[bool]]) -> None:
    worker = rig.slack.workers()["slack-socket"]
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(20):
            while not await until():
                assert not task.done()
                await asyncio.sleep(0.02)
    finally:
        await worker.stop()
        await asyncio.wait_for(task, 10)


async def test_the_socket_takes_the_same_events_in_order_and_answers_commands() -> None:
    async with opened(mode="socket") as rig:
        assert rig.slack.routes() == []
        for at in range(100):
            rig.fake.workspace.says(ANA, f"message {at}")
        rig.fake.workspace.event({"type": "message", "channel_type": "im", "ts": 5})
        rig.fake.workspace.commands(BEN, "/human")

        async def done() -> bool:
            return not rig.fake.workspace.owed

        await through_socket(rig, done)
        found = [row["text"] for row in await rows(rig)]
        assert [text for text in found if text.startswith("message")] == [f"message {at}" for at in range(100)]
        assert "talk to a person" in found
        assert len(await letters(rig)) == 1
        assert b"ephemeral" in rig.fake.answers[0]


async def test_the_socket_acknowledges_only_after_the_durable_write(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(mode="socket") as rig:
        real, calls = type(rig.store).accept, 0

        async def failing(self: Any, *args: Any) -> Any:
            nonlocal calls
            calls += 1
            assert rig.fake.workspace.owed
            if calls <= 2:
                raise StoreUnavailable
            return await real(self, *args)

        monkeypatch.setattr(type(rig.store), "accept", failing)
        rig.fake.workspace.says(ANA, "hello")
        refreshed = 0

        async def done() -> bool:
            nonlocal refreshed
            # What was not acknowledged comes again on the next socket.
            if calls > refreshed and rig.fake.workspace.owed:
                refreshed = calls
                await rig.fake.refresh()
            return not rig.fake.workspace.owed

        await through_socket(rig, done)
        assert calls == 3
        assert [row["text"] for row in await rows(rig)] == ["hello"]


async def test_a_wrong_app_token_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(mode="socket") as rig:
        monkeypatch.setattr("adapters.slack.socket._PAUSES", (0.01,))
        monkeypatch.setattr("adapters.slack.errors.DEAD_TOKEN_WAIT", 0.01)
        right, rig.fake.app_token = rig.fake.app_token, "another"
        rig.fake.workspace.says(ANA, "hello")

        async def done() -> bool:
            if rig.fake.calls.count("apps.connections.open") > 2:
                rig.fake.app_token = right
            return not rig.fake.workspace.owed

        with heard() as logs:
            await through_socket(rig, done)
        assert any(line["event"] == "socket not opened" for line in logs)
        assert [row["text"] for row in await rows(rig)] == ["hello"]


async def test_a_socket_that_never_opened_can_be_stopped() -> None:
    async with opened(mode="socket") as rig:
        rig.fake.app_token = "another"

        async def done() -> bool:
            return "apps.connections.open" in rig.fake.calls

        await through_socket(rig, done)


# Connecting


async def test_connecting_checks_the_token_and_says_what_to_click(rig: SlackRig) -> None:
    said = await rig.slack.connect("https://chat.example.com")
    assert said[0] == "The token works: it is @larkspur's in workspace T0LARKSPUR."
    assert "Under Interactivity & Shortcuts: Request URL https://chat.example.com/channels/slack" in said
    rig.fake.scopes = "chat:write"
    assert "lacks app_mentions:read, files:read, im:history" in (await rig.slack.connect("https://chat.example.com"))[1]
    assert await rig.slack.check() == "@larkspur, http"
    with pytest.raises(SettingsError, match="PARLEY_PUBLIC_URL"):
        await rig.slack.connect("http://127.0.0.1:8080")


async def test_connecting_by_the_socket_needs_no_address() -> None:
    async with opened(mode="socket") as rig:
        said = "\n".join(await rig.slack.connect("http://127.0.0.1:8080"))
        assert "Socket Mode" in said
        assert "opens on this machine alone" in said


async def test_connecting_with_a_dead_token_says_so(rig: SlackRig) -> None:
    rig.fake.token = "another"
    with pytest.raises(TokenDead):
        await rig.slack.connect("https://chat.example.com")


@pytest.mark.parametrize(
    ("given", "named"),
    [({"token": ""}, "token"), ({"signing_secret": " "}, "signing_secret"), ({"mode": "socket"}, "app_token")],
)
def test_an_empty_secret_is_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        SlackSettings(**{"brand": "b", "token": "t", "signing_secret": "s", **given})


# Odd input


@pytest.mark.parametrize(
    "odd",
    [
        event(ts=5),
        event(ts="yesterday"),
        event(ts="9" * 20),
        event(text=7),
        event(user=None),
        event(channel=""),
        event(files=[{"name": "x"}]),
        event(files={}),
        event(thread_ts="x"),
        event(subtype=[]),
        event(subtype="message_changed"),
        {"type": 7},
        None,
        [],
        {"type": "app_mention", "channel": "C1"},
    ],
    ids=str,
)
async def test_a_genuine_event_that_cannot_be_read_is_kept_once(rig: SlackRig, odd: Any) -> None:
    told = rig.fake.workspace.event({})
    told.body["event"] = odd
    for _ in range(2):
        assert await rig.fake.post(told) == 200
    assert await rows(rig) == []
    (letter,) = await letters(rig)
    assert letter["connection"] == "slack"
    assert msgspec.json.decode(letter["body"])["event"] == odd


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def envelope(told: dict[str, Any]) -> dict[str, Any]:
    kept = {"type": "event_callback", "team_id": "T0LARKSPUR", "event_id": "Ev1", "authorizations": [{"team_id": "T"}]}
    return {**kept, "is_ext_shared_channel": False, "event": told}


PRESS = {
    "type": "block_actions",
    "user": {"id": ANA, "team_id": "T0LARKSPUR"},
    "team": {"id": "T0LARKSPUR"},
    "container": {"type": "message", "message_ts": TS},
    "channel": {"id": "D1001"},
    "message": {"ts": TS, "thread_ts": TS},
    "response_url": "https://x.example",
    "actions": [{"type": "button", "action_id": "a", "value": "n", "action_ts": TS, "text": {"text": "Yes"}}],
}
CHANGED = {"user": ANA, "text": "y", "ts": TS, "edited": {"ts": TS}}
GENUINE: list[dict[str, Any]] = [
    envelope(event()),
    envelope(event(subtype="file_share", files=[{"id": "F1", "name": "x"}])),
    envelope(event(subtype="message_changed", message=CHANGED, previous_message={"text": "x"})),
    envelope({**event(channel="C1"), "type": "app_mention"}),
    {"type": "url_verification", "challenge": "x"},
    {"type": "app_rate_limited", "team_id": "T0LARKSPUR"},
    PRESS,
    {"command": "/help", "text": "x", "user_id": ANA, "team_id": "T0LARKSPUR", "channel_id": "D1", "trigger_id": "t1"},
]


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """A genuine body with up to three of its fields, at any depth, replaced or removed."""
    body: Any = copy.deepcopy(draw(st.sampled_from(GENUINE)))
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


def form(body: Any) -> bytes:
    if isinstance(body, dict) and "command" in body:
        return urlencode({name: str(value) for name, value in body.items()}).encode("utf-8")
    return urlencode({"payload": msgspec.json.encode(body)}).encode()


PAYLOADS = st.lists(
    st.tuples(mutated().map(msgspec.json.encode) | JSON.map(msgspec.json.encode), st.just("application/json"))
    | st.tuples(mutated().map(form) | JSON.map(form), st.just(FORM))
    | st.tuples(st.binary(max_size=200), st.sampled_from(["application/json", FORM, "text/plain; charset=nonsense"])),
    min_size=1,
    max_size=10,
)


async def _survives(rig: SlackRig, posts: list[tuple[bytes, str]]) -> None:
    for body, kind in posts:
        assert await rig.post(body, rig.fake.signed(body), kind) < 500


@pytest.mark.parametrize(
    "examples",
    [pytest.param(40, id="some"), pytest.param(4000, id="20000", marks=[pytest.mark.slow, pytest.mark.long])],
)
def test_no_payload_makes_a_5xx_or_a_hang(examples: int) -> None:
    posted = 0
    with asyncio.Runner() as runner:
        context = opened()
        rig = runner.run(context.__aenter__())

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(PAYLOADS)
        def run(posts: list[tuple[bytes, str]]) -> None:
            nonlocal posted
            posted += len(posts)
            runner.run(asyncio.wait_for(_survives(rig, posts), 20))

        try:
            while posted < examples * 5:
                run()
        finally:
            runner.run(context.__aexit__(None, None, None))
    assert posted >= examples * 5


@pytest.mark.promise("never-lost")
async def test_a_storm_of_duplicates_in_disorder_is_handled_once_each(rig: SlackRig) -> None:
    for at in range(120):
        rig.fake.workspace.says(str(1001 + at % 6), f"message {at}")
    rig.fake.mischief.twice, rig.fake.mischief.disorder = 0.5, True
    statuses = await rig.fake.flush()
    assert set(statuses) == {200}
    assert len(statuses) > 120
    assert sorted(row["text"] for row in await rows(rig)) == sorted(f"message {at}" for at in range(120))


async def test_a_refused_send_says_why_without_slacks_words(rig: SlackRig) -> None:
    held = await reply(rig, Outbound("hello"))
    rig.fake.faults.append("gone")
    with pytest.raises(SendPermanent, match=r"\(user_disabled\)$"):
        await rig.channel.send(held)
