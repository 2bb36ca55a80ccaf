"""What one customer, one network address and all together may ask: in the store, so that it holds over processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.model import Accepted, Address, Control, Inbound
from bot.observe.metrics import LIMITED
from bot.overflow import NOTICE, Overflow, Paces
from bot.pace import SHARE, Pace
from bot.ports import Store
from bot.store import open_store
from bot.web import BadBody, Drain, Health, build_app, in_vain_per_address, json, per_address
from tests.contract.chat_site import PARTNER, SITE_SECRET, Keeper, Site, close_site, open_site
from tests.postgres import fresh_database

AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ANA = Address("larkspur", "telegram", "telegram", "ana")
KEY = b"the key of these tests"


class Hand:
    """This process's monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database()) if request.param == "postgres" else "sqlite://:memory:"
        made = await open_store(url)
        stack.push_async_callback(made.close)
        yield made


def pace(
    store: Store, *, rate: float = 0.01, burst: float = 10, hand: Hand | None = None, purpose: str = "test"
) -> Pace:
    return Pace(store, purpose, rate=rate, burst=burst, secret=KEY, monotonic=hand or Hand())


async def passed(one: Pace, times: int, key: str = "ana") -> int:
    return sum([(await one.take(key)).wait == 0.0 for _ in range(times)])


# Buckets


async def test_a_burst_passes_and_no_more(store: Store) -> None:
    assert await passed(pace(store), 40) == 10


async def test_whoever_is_slow_costs_no_statement(store: Store) -> None:
    one = pace(store, burst=10)
    assert await passed(one, 2) == 2
    assert await store.query("SELECT bucket FROM rate") == []
    assert (await one.take("ana")).busy
    [row] = await store.query("SELECT bucket, tokens FROM rate")
    assert row["bucket"] == one.bucket("ana")
    assert "ana" not in row["bucket"]
    assert row["tokens"] == pytest.approx(10 - 3)


async def test_the_limit_holds_over_several_processes(store: Store) -> None:
    workers = [pace(store) for _ in range(4)]
    through = [(await workers[at % 4].take("ana")).wait == 0.0 for at in range(200)]
    assert 10 <= sum(through) <= 10 + 4 * 10 / SHARE


async def test_one_key_and_one_purpose_say_nothing_of_another(store: Store) -> None:
    one = pace(store)
    assert await passed(one, 20) == 10
    assert await passed(one, 20, "bob") == 10
    assert await passed(pace(store, purpose="other"), 20) == 10


async def test_what_is_spent_comes_back_with_time(store: Store) -> None:
    hand = Hand()
    one = pace(store, rate=50.0, burst=10, hand=hand)
    assert await passed(one, 10) >= 9
    assert await passed(one, 30) < 10
    hand.time += 1.0
    await asyncio.sleep(0.3)  # The store counts by its own clock.
    assert await passed(one, 10) == 10


async def test_after_a_no_the_store_is_left_alone_until_the_next_could_come(store: Store) -> None:
    hand = Hand()
    one = pace(store, rate=0.5, burst=5, hand=hand)
    await passed(one, 10)
    before = await store.query("SELECT tokens, held FROM rate")
    assert [(await one.take("ana")).wait for _ in range(3)] == [2.0, 2.0, 2.0]
    hand.time += 1.0
    assert (await one.take("ana")).wait == pytest.approx(1.0)
    assert await store.query("SELECT tokens, held FROM rate") == before


async def test_somebody_slow_for_long_has_the_whole_burst_left(store: Store) -> None:
    hand = Hand()
    one = pace(store, rate=1.0, burst=10, hand=hand)
    for _ in range(500):
        hand.time += 5.0
        assert (await one.take("ana")).wait == 0.0
    assert await passed(one, 9) == 9


async def test_the_longest_unused_keys_are_forgotten() -> None:
    async with AsyncExitStack() as stack:
        store = await open_store("sqlite://:memory:")
        stack.push_async_callback(store.close)
        one = Pace(store, "test", rate=1.0, burst=10, secret=KEY, keys=3)
        for key in "abcde":
            await one.take(key)
        assert list(one._local) == ["c", "d", "e"]


async def test_whoever_was_away_for_a_whole_bucket_is_not_kept_in_memory(store: Store) -> None:
    hand = Hand()
    one = pace(store, rate=1.0, burst=10, hand=hand)
    for number in range(50):
        assert await passed(one, 4, f"passer-by {number}") == 4
        hand.time += 3.0
    assert len(one._local) <= 5


# What is over a customer's limit


class NoCodes:
    """No message is a code, except those that say so."""

    async def take(self, inbound: Inbound) -> Accepted | None:
        return Accepted("coded", 1, 1, True) if inbound.text == "CODE" else None


def human(text: str, locale: str | None) -> Control | None:
    return "human" if text == "human" else "stop" if text == "stop" else None


def overflow(store: Store, *, burst: float = 5, waiting: int = 1000) -> Overflow:
    paces = Paces(
        pace(store, burst=burst), pace(store, purpose="humans", burst=2), pace(store, purpose="notices", burst=1)
    )
    return Overflow(store, NoCodes(), human, paces, waiting=waiting)


async def write(store: Store, gate: Overflow, *texts: str, address: Address = ANA, first: int = 0) -> list[str]:
    """As an adapter does: what is not taken out of the way is accepted."""
    ended = []
    for at, text in enumerate(texts, first):
        inbound = Inbound(key=f"{address.user}:{at}", kind="message", at=AT, address=address, text=text)
        taken = await gate.take(inbound)
        if taken is None:
            taken = await store.accept(inbound)
            ended.append("accepted" if taken.fresh else "again")
        else:
            ended.append("kept" if taken.fresh else "known")
    return ended


async def log(store: Store) -> list[tuple[int, str]]:
    rows = await store.query("SELECT pos, body FROM entry WHERE side = 'customer' ORDER BY conversation, pos")
    return [(row["pos"], row["body"]) for row in rows]


async def inbounds(store: Store) -> list[str]:
    rows = await store.query("SELECT kind FROM inbound ORDER BY conversation, seq")
    return [row["kind"] for row in rows]


@pytest.mark.promise("never-lost")
async def test_past_the_limit_every_message_is_in_the_log_and_none_is_a_turn(store: Store) -> None:
    gate = overflow(store)
    ended = await write(store, gate, *(f"text {at}" for at in range(30)))
    assert ended == ["accepted"] * 5 + ["kept"] * 25
    assert [pos for pos, _ in await log(store)] == list(range(1, 31))
    assert (await inbounds(store)).count("message") == 5


async def test_it_is_said_once(store: Store) -> None:
    gate = overflow(store)
    await write(store, gate, *["hello"] * 60)
    assert (await inbounds(store)).count("signal") == 1
    [row] = await store.query("SELECT data FROM inbound WHERE kind = 'signal'")
    assert NOTICE in row["data"]


async def test_a_platform_that_brings_it_again_changes_nothing(store: Store) -> None:
    gate = overflow(store)
    texts = [f"text {at}" for at in range(12)]
    await write(store, gate, *texts)
    before = await log(store)
    assert set(await write(store, gate, *texts)) == {"known"}
    assert await log(store) == before
    # Nor does a store that has forgotten who was fast.
    assert set(await write(store, overflow(store, burst=1000), *texts[:4])) <= {"again", "known"}
    assert await log(store) == before


async def test_a_person_can_be_asked_for_beyond_the_limit_but_not_without_end(store: Store) -> None:
    gate = overflow(store)
    await write(store, gate, *["hello"] * 10)
    assert await write(store, gate, *["human"] * 6, first=10) == ["accepted"] * 2 + ["kept"] * 4
    assert await write(store, gate, "stop", first=20) == ["kept"]


async def test_codes_signals_and_other_customers_are_not_counted(store: Store) -> None:
    gate = overflow(store)
    await write(store, gate, *["hello"] * 10)
    coded = Inbound(key="c", kind="message", at=AT, address=ANA, text="CODE")
    assert await gate.take(coded) == Accepted("coded", 1, 1, True)
    signal = Inbound(key="s", kind="signal", at=AT, conversation=await store.conversation_of(ANA), data={"op": "x"})
    assert await gate.take(signal) is None
    bob = Address("larkspur", "telegram", "telegram", "bob")
    assert await write(store, gate, "hello", address=bob) == ["accepted"]


async def test_a_conversation_with_too_much_waiting_gets_no_more_turns(store: Store) -> None:
    gate = overflow(store, burst=100, waiting=30)
    ended = await write(store, gate, *["hello"] * 60)
    assert ended == ["accepted"] * 30 + ["kept"] * 30


async def test_a_conversation_erased_in_mid_flood_is_begun_anew(store: Store) -> None:
    from bot.ports import Sql

    gate = overflow(store)
    await write(store, gate, *["hello"] * 8)
    await store.change([Sql("DELETE FROM entry"), Sql("DELETE FROM inbound"), Sql("DELETE FROM conversation")])
    assert await write(store, gate, "hello", first=50) == ["kept"]
    assert len(await log(store)) == 1


# The web


async def site(slow: asyncio.Event | None = None, **given: Any) -> TestServer:
    async def page(request: web.Request) -> web.Response:
        if slow is not None:
            await slow.wait()
        return json({"ok": True})

    drain = Drain()
    app = build_app(
        routes=[web.get("/link/x", page, name="link"), web.get("/other", page, name="other")],
        health=Health({}, drain=drain),
        drain=drain,
        **given,
    )
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(access_log=None)
    return server


async def statuses(server: TestServer, path: str, froms: Sequence[str]) -> list[int]:
    found = []
    async with aiohttp.ClientSession() as client:
        for one in froms:
            async with client.get(server.make_url(path), headers={"X-Forwarded-For": one} if one else {}) as answer:
                found.append(answer.status)
                if answer.status == 429:
                    assert int(answer.headers["Retry-After"]) >= 1
    return found


async def test_one_address_may_ask_for_so_many_sign_in_pages(store: Store) -> None:
    server = await site(guards=[({"link"}, per_address(pace(store, burst=5), proxies=1))])
    try:
        assert await statuses(server, "/link/x", ["203.0.113.7"] * 8) == [200] * 5 + [429] * 3
        assert await statuses(server, "/link/x", ["198.51.100.1", "203.0.113.8"]) == [200, 200]
        assert await statuses(server, "/other", ["203.0.113.7"]) == [200]
        # What the client wrote itself before our proxy did counts for nothing.
        assert await statuses(server, "/link/x", [f"1.2.3.{at}, 203.0.113.7" for at in range(3)]) == [429] * 3
    finally:
        await server.close()


@pytest.mark.parametrize(("froms", "wanted"), [(["2001:db8:1:2::{}"], [200] * 5 + [429] * 3), (["", "x", "1.2"], None)])
async def test_a_whole_ipv6_network_counts_as_one_and_nonsense_as_nobody(
    froms: list[str], wanted: list[int] | None
) -> None:
    async with AsyncExitStack() as stack:
        store = await open_store("sqlite://:memory:")
        stack.push_async_callback(store.close)
        server = await site(guards=[({"link"}, per_address(pace(store, burst=5), proxies=1))])
        stack.push_async_callback(server.close)
        asked = [froms[at % len(froms)].format(at) for at in range(8)]
        assert await statuses(server, "/link/x", asked) == (wanted or [200] * 8)


async def test_an_address_that_many_may_share_is_not_counted_without_a_proxy_that_names_theirs() -> None:
    async with AsyncExitStack() as stack:
        store = await open_store("sqlite://:memory:")
        stack.push_async_callback(store.close)
        server = await site(guards=[({"link"}, per_address(pace(store, burst=2), proxies=0))])
        stack.push_async_callback(server.close)
        assert await statuses(server, "/link/x", ["203.0.113.7"] * 8) == [200] * 8


async def test_so_many_requests_at_once_and_health_besides() -> None:
    slow = asyncio.Event()
    server = await site(slow, requests=3)
    try:
        async with aiohttp.ClientSession() as client:
            waiting = [asyncio.create_task(client.get(server.make_url("/other"))) for _ in range(3)]
            await asyncio.sleep(0.1)
            async with client.get(server.make_url("/other")) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
                assert "too many requests" in await answer.text()
            # Whoever says that they want a socket asks no less for it.
            async with client.get(server.make_url("/other"), headers={"Upgrade": "websocket"}) as answer:
                assert answer.status == 503
            async with client.get(server.make_url("/livez")) as answer:
                assert answer.status == 200
            slow.set()
            for one in await asyncio.gather(*waiting):
                assert one.status == 200
                one.release()
            async with client.get(server.make_url("/other")) as answer:
                assert answer.status == 200
    finally:
        await server.close()


async def test_so_many_sockets_in_all_and_from_one_address() -> None:
    async with AsyncExitStack() as stack:
        store = await open_store("sqlite://:memory:", log_channels=frozenset({"webchat"}))
        stack.push_async_callback(store.close)
        here = await open_site(store, sockets=3, sockets_per_address=2, proxies=1)
        stack.push_async_callback(close_site, here)

        async def opens(address: str) -> aiohttp.ClientWebSocketResponse | int:
            here.client.cookie_jar.clear()
            _, started, _ = await here.call("POST", "/conversations", (await here.session())["token"])
            try:
                url = started["streamUrl"]
                return await here.client.ws_connect(url, headers={"X-Forwarded-For": address})
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status

        first, second = await opens("203.0.113.7"), await opens("203.0.113.7")
        assert not isinstance(first, int)
        assert not isinstance(second, int)
        assert await opens("203.0.113.7") == 429
        third = await opens("203.0.113.8")
        assert not isinstance(third, int)
        assert await opens("203.0.113.9") == 429
        await first.close()
        async with asyncio.timeout(5):
            while here.chat.sockets.open > 2:  # noqa: ASYNC110 - the server notices in its own time
                await asyncio.sleep(0.01)
        again = await opens("203.0.113.7")
        assert not isinstance(again, int)
        for one in (second, third, again):
            await one.close()


# What is asked in vain


@contextlib.asynccontextmanager
async def notices(store: Store, *, proxies: int = 1, hand: Hand | None = None) -> AsyncIterator[tuple[Any, list[str]]]:
    """A route that takes what holds, and keeps what it has looked at; posts to it, so many at once."""
    looked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        given = (await request.read()).decode()
        looked.append(given)
        await asyncio.sleep(0.01)
        if given == "malformed":
            raise BadBody
        return web.Response(status={"holds": 200, "does not": 400, "unknown": 503}[given])

    drain = Drain()
    one = pace(store, burst=20, rate=0.01, hand=hand)
    guards = [({"notice"}, in_vain_per_address(one, proxies=proxies, of=("link", "logouts")))]
    app = build_app(
        routes=[web.post("/x", take, name="notice")], health=Health({}, drain=drain), drain=drain, guards=guards
    )
    async with TestServer(app, host="127.0.0.1") as server, aiohttp.ClientSession() as client:

        async def post(what: str, times: int, address: str = "203.0.113.7", at_once: int = 1) -> dict[int, int]:
            found: Counter[int] = Counter()
            room = asyncio.Semaphore(at_once)

            async def once() -> None:
                headers = {"X-Forwarded-For": address}
                async with room, client.post(server.make_url("/x"), data=what.encode(), headers=headers) as answer:
                    found[answer.status] += 1
                    assert answer.status != 429 or int(answer.headers["Retry-After"]) >= 1

            await asyncio.gather(*(once() for _ in range(times)))
            return dict(found)

        yield post, looked


async def test_whoever_is_answered_as_they_want_is_never_slowed(store: Store) -> None:
    async with notices(store) as (post, looked):
        assert await post("holds", 300, at_once=20) == {200: 300}
        # Nor by a few that are refused among them.
        assert await post("does not", 2) == {400: 2}
        assert await post("holds", 100, at_once=20) == {200: 100}
        assert len(looked) == 402
        assert await store.query("SELECT bucket FROM rate") == []


@pytest.mark.parametrize(("what", "status"), [("does not", 400), ("malformed", 400), ("unknown", 503)])
async def test_whoever_asks_in_vain_is_looked_at_no_more_and_nobody_else_is_hindered(
    store: Store, what: str, status: int
) -> None:
    async with notices(store, hand=Hand()) as (post, looked):
        before = float(LIMITED.labels("link", "logouts")._value.get())
        assert await post(what, 50) == {status: 20, 429: 30}
        assert len(looked) == 20
        assert float(LIMITED.labels("link", "logouts")._value.get()) == before + 30
        # What holds is not looked at either: it is the address that has to wait.
        assert await post("holds", 1) == {429: 1}
        assert len(looked) == 20
        assert await post("holds", 5, "198.51.100.9") == {200: 5}
        assert await post(what, 1, "1.2.3.4, 203.0.113.7") == {429: 1}


async def test_many_at_once_in_vain_are_through_once_and_no_more(store: Store) -> None:
    async with notices(store, hand=Hand()) as (post, looked):
        await post("does not", 40, at_once=40)
        assert (await post("does not", 40, at_once=40))[429] >= 20
        seen = len(looked)
        assert seen <= 60
        assert await post("does not", 40, at_once=40) == {429: 40}
        assert len(looked) == seen


async def test_what_is_asked_in_vain_from_where_many_may_be_is_not_counted(store: Store) -> None:
    async with notices(store, proxies=0) as (post, _):
        assert await post("does not", 50) == {400: 50}


# Chats opened and files sent, by one network address

OFFICE, HOME = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "198.51.100.9"}


@contextlib.asynccontextmanager
async def chat(store: Store, **settings: Any) -> AsyncIterator[Site]:
    here = await open_site(store, **{"proxies": 1, **settings})
    try:
        yield here
    finally:
        await close_site(here)


async def opens(here: Site, headers: Mapping[str, str]) -> tuple[int, dict[str, Any], Mapping[str, str]]:
    """A browser that was never here opens the chat page's session."""
    here.client.cookie_jar.clear()
    given = {"Origin": here.origin, **headers}
    async with here.client.post(here.url("/chat/session"), headers=given) as answer:
        return answer.status, await answer.json(), dict(answer.headers)


def limited(of: str) -> float:
    return float(LIMITED.labels("webchat", of)._value.get())


async def test_one_address_may_open_so_many_chats(store: Store) -> None:
    async with chat(store, opens=0.01, opens_burst=5) as here:
        before = limited("opens")
        opened = [await opens(here, OFFICE) for _ in range(8)]
        assert [status for status, _, _ in opened] == [200] * 5 + [429] * 3
        _, body, headers = opened[-1]
        assert body["error"]["code"] == "TooManyRequests"
        assert body["error"]["message"]
        assert 1 <= int(headers["Retry-After"]) <= 101
        assert limited("opens") == before + 3
        # Who was refused has left nothing behind.
        assert await store.query("SELECT count(*) AS n FROM web_session") == [{"n": 5}]
        assert await store.query("SELECT count(*) AS n FROM conversation") == [{"n": 5}]
        # What the client wrote itself before our proxy did counts for nothing.
        assert (await opens(here, {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}))[0] == 429
        assert (await opens(here, HOME))[0] == 200


async def test_beginning_a_conversation_counts_and_the_partner_s_page_can_read_the_refusal(store: Store) -> None:
    async with chat(store, opens=0.01, opens_burst=3) as here:
        tokens = []
        # The brand's own server asks for all its customers from one address.
        for _ in range(6):
            status, made, _ = await here.call("POST", "/tokens/generate", SITE_SECRET, headers=OFFICE)
            assert status == 200
            tokens.append(made["token"])
        begun = [
            await here.call("POST", "/conversations", token, headers={**OFFICE, "Origin": PARTNER}) for token in tokens
        ]
        assert [status for status, _, _ in begun] == [201] * 3 + [429] * 3
        status, body, headers = begun[-1]
        assert body["error"]["code"] == "TooManyRequests"
        assert headers["Access-Control-Allow-Origin"] == PARTNER
        assert "Retry-After" in headers["Access-Control-Expose-Headers"]
        assert int(headers["Retry-After"]) >= 1
        assert (await opens(here, OFFICE))[0] == 429
        assert (await here.call("POST", "/conversations", tokens[-1], headers=HOME))[0] == 201
        # Whoever shows no token takes nothing from the others at that address.
        for _ in range(5):
            assert (await here.call("POST", "/conversations", "x", headers={"X-Forwarded-For": "192.0.2.1"}))[0] == 403
        assert (await opens(here, {"X-Forwarded-For": "192.0.2.1"}))[0] == 200


async def test_who_is_in_a_chat_goes_on_when_no_more_can_be_opened_from_there(store: Store) -> None:
    async with chat(store, opens=0.01, opens_burst=2) as here:
        _, opened, _ = await opens(here, OFFICE)
        assert [(await opens(here, OFFICE))[0] for _ in range(3)] == [200, 429, 429]
        one = f"/conversations/{opened['conversationId']}"
        posted = await here.call(
            "POST", f"{one}/activities", opened["token"], json={"type": "message", "text": "hello"}, headers=OFFICE
        )
        assert posted[0] == 200
        assert (await here.call("GET", one, opened["token"], headers=OFFICE))[0] == 200
        assert (await here.call("POST", "/tokens/refresh", opened["token"], headers=OFFICE))[0] == 200


async def test_one_address_may_send_so_many_files_and_none_is_read_beyond(store: Store) -> None:
    keeper = Keeper()
    async with chat(store, keeper=keeper, uploads=0.01, uploads_burst=4) as here:
        before = limited("uploads")
        found = []
        for at in range(7):
            _, opened, _ = await opens(here, {})
            form = aiohttp.FormData()
            form.add_field("file", b"\xff\xd8 a meter", filename=f"{at}.jpg", content_type="image/jpeg")
            path = f"/conversations/{opened['conversationId']}/upload"
            found.append(await here.call("POST", path, opened["token"], data=form, headers=OFFICE))
        assert [status for status, _, _ in found] == [200] * 4 + [429] * 3
        _, body, headers = found[-1]
        assert body["error"]["code"] == "TooManyRequests"
        assert int(headers["Retry-After"]) >= 1
        assert len(keeper.kept) == 4
        assert limited("uploads") == before + 3
        form = aiohttp.FormData()
        form.add_field("file", b"\xff\xd8 a meter", filename="home.jpg", content_type="image/jpeg")
        assert (await here.call("POST", path, opened["token"], data=form, headers=HOME))[0] == 200
        # Words are not files.
        activity = {"type": "message", "text": "hello"}
        path = f"/conversations/{opened['conversationId']}/activities"
        assert (await here.call("POST", path, opened["token"], json=activity, headers=OFFICE))[0] == 200


async def test_chats_and_files_from_an_address_that_many_may_share_are_not_counted(store: Store) -> None:
    async with chat(
        store, proxies=0, keeper=Keeper(), opens=0.01, opens_burst=2, uploads=0.01, uploads_burst=2
    ) as here:
        for _ in range(5):
            status, opened, _ = await opens(here, OFFICE)
            assert status == 200
            path = f"/conversations/{opened['conversationId']}/upload"
            headers = {"Content-Type": "image/jpeg"}
            assert (await here.call("POST", path, opened["token"], data=b"\xff\xd8", headers=headers))[0] == 200


async def test_the_configuration_s_limits_reach_the_web_chat() -> None:
    from bot.settings import Settings
    from webchat import _webchat_settings

    given = {"opens": 3.0, "opens_burst": 30.0, "uploads": 4.0, "uploads_burst": 40.0}
    settings = Settings.model_validate(
        {"brand": {"id": "acme"}, "server": {"proxies": 2}, "channels": {"webchat": given}}
    )
    made = _webchat_settings(settings, b"s" * 32)
    assert {name: getattr(made, name) for name in given} == given
    assert made.proxies == 2
