"""From a question in public to its closing line, on each platform as its people see it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bot.ports import Store, Work
from tests.contract.rigs import messenger, slack, telegram

OFFER = "Shall I add below your question"
LINE = "We have talked about this in a private chat."
GROUP = -77


async def quiet(rig: Any) -> None:
    """Their matter is done, and they have been quiet for a while."""
    store: Store = rig.store
    for claim in await store.claim(5, lease=30):
        await store.commit(claim, Work(b""), lease=30)
    rig.clock.move(timedelta(minutes=11))


async def inbound_count(rig: Any) -> int:
    return int((await rig.store.query("SELECT count(*) AS n FROM inbound"))[0]["n"])


async def test_in_a_group_on_telegram() -> None:
    async with telegram.opened() as rig:
        chats = rig.fake.chats
        await rig.fake.post(rig.client, chats.says(1001, f"@{chats.username} my bill?", chat=GROUP))
        assert await rig.telegram.answer_in_groups() == 1
        payload = str(rig.fake.shown(GROUP)[0].buttons[0]["url"]).partition("start=")[2]
        await rig.fake.post(rig.client, chats.says(1001, f"/start {payload}"))
        await quiet(rig)
        assert await rig.telegram.close_in_groups() == 0
        offer = rig.fake.shown(1001)[-1]
        assert OFFER in offer.text
        before = await inbound_count(rig)
        for _ in range(2):
            await rig.fake.post(rig.client, chats.presses_button(1001, offer, 0))
        assert await inbound_count(rig) == before
        assert [await rig.telegram.close_in_groups() for _ in range(2)] == [1, 0]
        assert [one.text for one in rig.fake.shown(GROUP)][1:] == [LINE]
        assert rig.fake.shown(1001)[-1].text == "I have added it there."


async def test_in_a_channel_on_slack() -> None:
    async with slack.opened() as rig:
        for told in rig.fake.workspace.mentions("U1", "my bill?"):
            await rig.fake.post(told)
        assert await rig.slack.answer_in_channels() == 1
        (asked,) = await rig.store.query("SELECT place FROM public_ask")
        await quiet(rig)
        assert await rig.slack.close_in_channels() == 0
        offer = rig.fake.shown("U1")[-1]
        assert OFFER in offer.content.text
        await rig.fake.post(rig.fake.workspace.presses("U1", offer, 0))
        assert [await rig.slack.close_in_channels() for _ in range(2)] == [1, 0]
        said = [one for one in rig.fake.workspace.messages if one.channel == "C0GENERAL"]
        assert [one.content.text for one in said][1:] == [LINE]
        assert all(one.thread and one.thread in asked["place"] for one in said)


async def test_below_a_comment_on_messenger() -> None:
    async with messenger.opened() as rig:
        page = rig.fake.page
        comment = page.comments_on("7001", "my bill is wrong!")
        await rig.fake.post(comment)
        page.last["7001"] = rig.clock.now()
        assert await rig.messenger.answer_comments() == 1
        await rig.fake.post(page.presses("7001", rig.fake.shown("7001")[-1], 0))
        await quiet(rig)
        assert await rig.messenger.close_comments() == 0
        offer = rig.fake.shown("7001")[-1]
        assert OFFER in offer.content.text
        before = await inbound_count(rig)
        # Another button than the asker's own says nothing.
        await rig.fake.post(page.says("7002", "Yes", quick_reply={"payload": offer.content.replies[0][1]}))
        assert await rig.messenger.close_comments() == 0
        await rig.fake.post(page.taps("7001", offer, 1))
        assert await rig.messenger.close_comments() == 0
        assert await inbound_count(rig) == before
        ours = [one.text for one in page.comments.values() if one.user == page.id]
        assert len(ours) == 1 and LINE not in ours
        (case,) = await rig.store.query("SELECT outcome FROM cases")
        assert case["outcome"] == "nothing said in public"
