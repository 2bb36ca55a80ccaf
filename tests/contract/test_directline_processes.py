"""Two workers that share nothing but a database: post to one, read from the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bot.model import Card, Choice, Outbound
from bot.ports import Store
from tests.contract.chat_site import HandClock, Site, answer, close_site, frames, messages, open_site
from tests.contract.conftest import Opener

Pair = tuple[Site, Site]

# SQLite has one writing process.
several = pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)


@pytest.fixture
async def pair(opener: Opener) -> AsyncIterator[Pair]:
    clock = HandClock()
    one = await open_site(await opener(), clock=clock, poll=0.2)
    two = await open_site(await opener(), clock=clock, poll=0.2)
    yield one, two
    await close_site(one)
    await close_site(two)


@pytest.mark.slow
@several
async def test_what_is_posted_to_one_is_read_from_the_other_by_poll_and_by_socket(pair: Pair) -> None:
    one, two = pair
    opened = await one.session()
    socket = await two.stream(opened)
    ids = [(await site.say(opened, "hello", "c-1"))[1]["id"] for site in (one, two, one)]
    assert ids == [f"{opened['conversationId']}|0000001"] * 3
    assert messages(frames(await socket.receive(timeout=15))["activities"]) == ["user: hello"]
    choices = (Choice("yes", "Yes", "n-1"),)
    assert await answer(one.store, Outbound("Sure?", choices=choices, op="q"), Outbound(card=Card("Bill"))) == 1
    got = frames(await socket.receive(timeout=15))
    assert [len(one.get("attachments", ())) for one in got["activities"]] == [0, 1]
    assert messages((await one.read(opened))[0]) == messages((await two.read(opened))[0])
    assert (await two.read(opened))[1] == got["watermark"]
    await socket.close()


@several
async def test_a_wake_up_crosses_workers_well_before_the_poll(opener: Opener) -> None:
    clock = HandClock()
    one = await open_site(await opener(), clock=clock, poll=30.0)
    two = await open_site(await opener(), clock=clock, poll=30.0)
    opened = await one.session()
    socket = await two.stream(opened)
    await asyncio.sleep(0.3)
    await one.say(opened, "hello")
    assert messages(frames(await socket.receive(timeout=15))["activities"]) == ["user: hello"]
    await socket.close()
    await close_site(one)
    await close_site(two)


@several
async def test_the_newest_socket_stays_whichever_worker_holds_it(pair: Pair) -> None:
    one, two = pair
    opened = await one.session()
    older = await one.stream(opened)
    newer = await two.stream(opened)
    said = await older.receive(timeout=15)
    assert (said.type, said.extra) == (aiohttp.WSMsgType.CLOSE, "collision")
    await one.say(opened, "hello")
    assert messages(frames(await newer.receive(timeout=15))["activities"]) == ["user: hello"]
    await newer.close()


@several
async def test_a_stream_address_issued_by_one_works_at_the_other_and_once_in_all(pair: Pair) -> None:
    one, two = pair
    opened = await one.session()
    _, body, _ = await one.call("GET", f"/conversations/{opened['conversationId']}", opened["token"])
    elsewhere = body["streamUrl"].replace(f":{one.server.port}", f":{two.server.port}")
    tries = await asyncio.gather(
        *(site.client.ws_connect(url) for site, url in ((one, body["streamUrl"]), (two, elsewhere))),
        return_exceptions=True,
    )
    opened_ones = [each for each in tries if isinstance(each, aiohttp.ClientWebSocketResponse)]
    refused = [each for each in tries if isinstance(each, aiohttp.WSServerHandshakeError)]
    assert (len(opened_ones), [each.status for each in refused]) == (1, [403])
    await opened_ones[0].close()


@several
async def test_a_session_begun_at_one_goes_on_at_the_other(pair: Pair) -> None:
    one, two = pair
    opened = await one.session()
    (cookie,) = [f"{morsel.key}={morsel.value}" for morsel in one.client.cookie_jar]
    two.client.cookie_jar.clear()
    again = await two.session(Cookie=cookie)
    assert again["conversationId"] == opened["conversationId"]


async def test_the_main_road_on_every_store(store: Store) -> None:
    site = await open_site(store, poll=0.2)
    opened = await site.session()
    socket = await site.stream(opened)
    assert (await site.say(opened, "a\x00b 🙂", "c-1", value={"nonce": "n-1"}))[0] == 200
    assert (await site.say(opened, "a\x00b 🙂", "c-1", value={"nonce": "n-1"}))[0] == 200
    assert messages(frames(await socket.receive(timeout=15))["activities"]) == ["user: ab 🙂"]
    await answer(site.store, Outbound("Kept.", settles="q", chosen="no"))
    kinds = [one["type"] for one in frames(await socket.receive(timeout=15))["activities"]]
    assert kinds == ["event", "message"]
    status, _, _ = await site.call("POST", "/conversations", opened["token"], json={"locale": "en-GB"})
    assert status == 200
    await socket.close()
    await close_site(site)
