"""Attacks by way of a platform: forged events, groups, others' buttons, edits, repeats, people at the desk.

Each at the port, with the inbound that such an attack yields, or at the channel's own edge against its strict fake.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import aiohttp
import msgspec
import pytest

from adapters.intake import Intake
from bot.model import Address, Assurance, Choice, Inbound, Outbound
from bot.ports import OutRow, Work
from bot.store import open_sqlite
from tests.attacks.chat import SHOWN, SIGN_IN, SiteChat
from tests.attacks.site import Site
from tests.attacks.test_in_chat import linked
from tests.contract import chat_site
from tests.contract.rigs import messenger, slack, telegram

PRIVATE = "I can only talk about your account in a private chat. Please message me directly."


@pytest.fixture
async def chat(here: Site) -> SiteChat:
    return SiteChat(here)


def token_claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


# 27 to 29: forged events and tokens


@pytest.mark.promise("assured")
@pytest.mark.parametrize(
    "data",
    [
        {"op": "op-1", "outcome": {"status": "linked", "person": "p", "link": "l"}},
        {"op": "", "outcome": {"status": "linked"}},
        {"outcome": {"status": "approved", "grant": "g"}},
        {"account_linking": {"status": "linked", "authorization_code": "known"}},
        {"again": "link", "op": "nothing"},
    ],
)
async def test_27_a_forged_linking_event_gives_no_standing(chat: SiteChat, data: dict[str, Any]) -> None:
    assert await chat.says("open bill") == [SIGN_IN]
    conversation = await chat.site.store.conversation_of(chat.address)
    forged = Inbound("f1", "signal", chat.site.clock.now(), conversation=conversation, data=data)
    await chat.site.store.accept(forged)
    assert SHOWN not in await chat.run()
    assert (await chat.site.standing()).level is Assurance.ANYONE
    # Not even one that knows the parked operation: what a dialog reads of an account hangs on the link alone.
    [row] = await chat.site.store.query("SELECT op FROM link_txn WHERE ended_at IS NULL OR ended_at > 0")
    known = Inbound(
        "f2", "signal", chat.site.clock.now(), conversation=conversation,
        data={"op": row["op"], "outcome": {"status": "linked", "person": "p"}},
    )  # fmt: skip
    await chat.site.store.accept(known)
    assert SHOWN not in await chat.run()
    assert chat.bank.calls == []


@pytest.mark.promise("assured")
async def test_27_account_linking_with_a_bad_signature_or_an_unknown_code() -> None:
    async with messenger.opened() as rig:
        event = {"account_linking": {"status": "linked", "authorization_code": "not ours"}}
        said = {"sender": {"id": "1001"}, "recipient": {"id": rig.fake.page.id}, "timestamp": 1, **event}
        body = rig.fake.body({"object": "page", "entry": [{"id": rig.fake.page.id, "time": 1, "messaging": [said]}]})
        assert await rig.post(body, "sha256=" + "0" * 64) == 403
        assert rig.linked.codes == []
        assert await rig.post(body, rig.fake.signature(body)) == 200
        assert [code for _, code in rig.linked.codes] in ([], ["not ours"])
        assert await rig.store.query("SELECT * FROM identity_link") == []


@pytest.mark.promise("private")
async def test_28_a_post_in_anothers_name_or_conversation_or_of_a_forged_event() -> None:
    store = open_sqlite(":memory:", log_channels=frozenset({"webchat"}))
    site = await chat_site.open_site(store, poll=0.05)
    mine = await site.session()
    site.client.cookie_jar.clear()
    theirs = await site.session()
    # Whoever it says it is from, it is from the token's own user.
    forged: dict[str, Any] = {"from": {"id": token_claims(theirs["token"])["user"]}}
    assert (await site.say(mine, "hello", None, **forged))[0] == 200
    path = f"/conversations/{theirs['conversationId']}/activities"
    assert (await site.call("POST", path, mine["token"], json={"type": "message", "text": "my bill"}))[0] == 403
    assert (await site.call("GET", path, mine["token"]))[0] == 403
    event = {"type": "event", "name": "tokens/response", "value": {"token": "t", "connectionName": "c"}}
    status, _, _ = await site.call(
        "POST", f"/conversations/{mine['conversationId']}/activities", mine["token"], json=event
    )
    assert status in (200, 400)
    claims = await store.claim(10, lease=10)
    assert [(one.address.user, one.inbound.text) for one in claims] == [(token_claims(mine["token"])["user"], "hello")]
    await chat_site.close_site(site)
    await store.close()


@pytest.mark.promise("private")
async def test_29_an_expired_or_foreign_token_and_a_stream_address_used_twice() -> None:
    store = open_sqlite(":memory:", log_channels=frozenset({"webchat"}))
    site = await chat_site.open_site(store, poll=0.05)
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}"
    _, body, _ = await site.call("GET", f"{path}?watermark=", opened["token"])
    await (await site.client.ws_connect(body["streamUrl"])).close()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await site.client.ws_connect(body["streamUrl"])
    assert refused.value.status == 403
    for token in (opened["token"][:-4] + "AAAA", "a.b.c", ""):
        assert (await site.say({**opened, "token": token}, "my bill"))[0] == 403
    site.clock.move(hours=2)
    assert (await site.say(opened, "my bill"))[0] == 403
    assert await store.entries(opened["conversationId"]) == []
    await chat_site.close_site(site)
    await store.close()


# 30 to 32: groups, and voices that are nobody's


@pytest.mark.promise("private")
async def test_30_my_bill_in_a_group_shows_nothing_though_its_writer_is_linked(chat: SiteChat) -> None:
    await linked(chat)
    group = SiteChat(chat.site, Address("larkspur", "webchat", "webchat", "dl_ana", "group", "room"))
    assert await group.says("open bill") == [PRIVATE]
    assert await group.says("open closing") == [PRIVATE]
    assert group.bank.calls == []
    assert not any(said.link for said in await group.said())


@pytest.mark.promise("private")
async def test_30_a_groups_way_in_opens_nothing_for_anybody_else() -> None:
    async with telegram.opened() as rig:
        assert await rig.says("my bill please", group=True) == 200
        assert await rig.telegram.answer_in_groups() == 1
        [message] = rig.fake.shown(telegram.GROUP)
        [button] = message.buttons
        payload = button["url"].split("start=")[1]
        assert "bill" not in message.text
        assert await rig.deliver(rig.fake.chats.says(1002, f"/start {payload}")) == 200
        rows = await rig.store.query("SELECT text FROM inbound ORDER BY conversation, seq")
        assert [row["text"] for row in rows] == ["hello"]


@pytest.mark.promise("private")
@pytest.mark.parametrize("kind", ["channel_post", "business_message", "anonymous", "another bot"])
async def test_31_voices_that_are_nobodys_account(kind: str) -> None:
    async with telegram.opened() as rig:
        update = rig.fake.chats.says(1001, "my bill")
        if kind == "anonymous":
            update["message"]["from"] = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
            update["message"]["chat"] = {"id": telegram.GROUP, "type": "supergroup", "title": "g"}
            update["message"]["sender_chat"] = update["message"]["chat"]
        elif kind == "another bot":
            update["message"]["from"]["is_bot"] = True
        else:
            update[kind] = update.pop("message")
        assert await rig.deliver(update) == 200
        assert await rig.store.query("SELECT * FROM inbound") == []


@pytest.mark.promise("assured")
async def test_32_another_member_presses_the_confirm_button(chat: SiteChat) -> None:
    await linked(chat)
    assert await chat.says("open paying") == ["Pay M1?"]
    nonce = (await chat.said())[-1].choices[0].nonce
    # The other's press comes from the other's own address, where this button never stood.
    other = SiteChat(chat.site, Address("larkspur", "webchat", "webchat", "dl_tom"))
    await other.take("Yes, pay it", "press", data={"nonce": nonce})
    assert await other.run() == ["That button is from earlier and no longer works."]
    assert chat.bank.done == {}
    assert await chat.press("Yes, pay it") == ["A."]
    assert len(chat.bank.done) == 1


@pytest.mark.promise("assured")
async def test_32_a_press_in_somebody_elses_telegram_chat_never_arrives() -> None:
    async with telegram.opened() as rig:
        assert await rig.says("hello") == 200
        [claim] = await rig.store.claim(10, lease=30)
        said = Outbound("Sure?", choices=(Choice("yes", "Yes", "b" * 24),), op="q")
        await rig.store.commit(claim, Work(b"{}", rows=(OutRow(0, said),)), lease=30)
        [held] = await rig.store.claim_outbox(10, lease=30)
        await rig.channel.send(held)
        [shown] = rig.fake.shown(1001)
        assert await rig.deliver(rig.fake.chats.presses_button(1002, shown, 0)) == 200
        rows = await rig.store.query("SELECT kind FROM inbound")
        assert [row["kind"] for row in rows] == ["message"]


# 33 and 34: edits and repeats


@pytest.mark.promise("assured")
async def test_33_an_edit_to_yes_confirms_nothing(chat: SiteChat) -> None:
    await linked(chat)
    await chat.says("open paying")
    for text in ("yes", "Yes, pay it", "YES"):
        await chat.says(text, data={"edited": True})
    assert chat.bank.done == {}
    assert await chat.says("Yes, pay it") == ["A."]


@pytest.mark.promise("effects-once")
async def test_34_a_webhook_delivered_three_times_at_once_is_one_effect(chat: SiteChat) -> None:
    await linked(chat)
    await chat.says("open paying")
    nonce = (await chat.said())[-1].choices[0].nonce
    press = Inbound("press-1", "press", chat.site.clock.now(), chat.address, text="Yes, pay it", data={"nonce": nonce})
    taken = await asyncio.gather(*(chat.intake.take(press) for _ in range(3)))
    assert sorted(one.fresh for one in taken) == [False, False, True]
    assert await chat.run() == ["A."]
    assert sum(chat.bank.executed.values()) == 1


# 35 and 36: signatures


@pytest.mark.promise("assured")
async def test_35_a_slack_request_replayed_after_five_minutes_or_with_a_garbage_time() -> None:
    async with slack.opened() as rig:
        assert set(await rig.forged()) == {401}
        assert await rig.store.query("SELECT * FROM inbound") == []
        assert await rig.says("hello") == 200
        assert len(await rig.store.query("SELECT * FROM inbound")) == 1


@pytest.mark.promise("assured")
async def test_36_the_signature_of_other_bytes_that_mean_the_same() -> None:
    async with messenger.opened() as rig:
        body = rig.fake.body(rig.fake.page.says("1001", "café"))
        again = msgspec.json.encode(msgspec.json.decode(body))
        assert again != body
        assert await rig.post(again, rig.fake.signature(body)) == 403
        assert await rig.store.query("SELECT * FROM inbound") == []
        assert await rig.post(body, rig.fake.signature(body)) == 200


# 44: people at the desk


async def agent(chat: SiteChat, act: str, text: str = "", **data: Any) -> list[str]:
    chat.count += 1
    conversation = await chat.site.store.conversation_of(chat.address)
    said = Inbound(
        f"agent:{chat.count}", "agent", chat.site.clock.now(), conversation=conversation, text=text,
        data={"act": act, "name": "Priya", **data},
    )  # fmt: skip
    await chat.site.store.accept(said)
    return await chat.run()


@pytest.mark.promise("assured")
async def test_44_an_agent_cannot_act_as_the_customer(chat: SiteChat) -> None:
    await linked(chat)
    await chat.says("open paying")
    nonce = (await chat.said())[-1].choices[0].nonce
    await agent(chat, "join")
    # Whatever an agent writes or sends, it is only ever said; no act presses, confirms or opens anything.
    assert await agent(chat, "say", "Yes, pay it") == ["Yes, pay it"]
    assert await agent(chat, "say", "open closing") == ["open closing"]
    for act in ("press", "confirm", "approve", "execute", ""):
        assert await agent(chat, act, "Yes, pay it", nonce=nonce) == []
    assert chat.bank.done == {}
    assert await chat.site.store.query("SELECT * FROM step_up_grant") == []


@pytest.mark.promise("assured")
async def test_44_an_approval_asked_for_before_a_person_took_over_is_void(chat: SiteChat) -> None:
    await linked(chat)
    await chat.says("open closing")
    browser = chat.site.browser()
    form = await browser.get(await chat.link())
    await agent(chat, "join")
    page = await browser.press(form)
    assert page.heading == "This link no longer works"
    said = await agent(chat, "return")
    assert chat.bank.done == {}
    assert "The approval ran out, so nothing has changed." in said


@pytest.mark.promise("assured")
async def test_44_an_approval_given_while_a_person_takes_over_is_void(chat: SiteChat) -> None:
    await linked(chat)
    await chat.says("open closing")
    browser = chat.site.browser()
    login = await browser.press(await browser.get(await chat.link()))
    # The agent's joining is accepted first; the approval comes in behind it, before either turn has run.
    conversation = await chat.site.store.conversation_of(chat.address)
    join = Inbound(
        "j", "agent", chat.site.clock.now(), conversation=conversation, data={"act": "join", "name": "Priya"}
    )
    await chat.site.store.accept(join)
    if login.heading == "Who are you today?":
        login = await browser.sign_in(login, "ana")
    assert login.heading == "Approved"
    await chat.run()
    await agent(chat, "return")
    assert chat.bank.done == {}
    [grant] = await chat.site.store.query("SELECT used_by, voided_at FROM step_up_grant")
    assert (grant["used_by"], grant["voided_at"] is None) == (None, False)


def test_an_intake_without_anybody_who_knows_codes_takes_messages_as_they_are() -> None:
    nothing: Any = None
    assert Intake(nothing, nothing, "chat").redactor is None
