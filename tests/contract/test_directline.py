"""The Direct Line 3.0 contract, against the real endpoint on a real store."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from adapters.webchat.tokens import Grant, Tokens
from bot.errors import StoreUnavailable
from bot.model import Accepted, Card, Choice, Control, Entry, File, Inbound, Items, Link, Outbound
from bot.observe.metrics import REGISTRY
from bot.ports import Sql, Store
from bot.store.sqlite import open_sqlite
from bot.web import BadBody
from tests.contract.chat_site import (
    PARTNER,
    SITE_SECRET,
    HandClock,
    Keeper,
    Site,
    answer,
    close_site,
    frames,
    messages,
    open_site,
)
from tests.logged import logged

Opening = Callable[..., Awaitable[Site]]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = open_sqlite(":memory:", log_channels=frozenset({"webchat"}))
    yield opened
    await opened.close()


@pytest.fixture
async def sites(store: Store) -> AsyncIterator[Opening]:
    """Opens processes of the site, and closes them all in the end."""
    opened: list[Site] = []

    async def opening(on: Store | None = None, **changes: Any) -> Site:
        opened.append(await open_site(on or store, **{"poll": 0.05, **changes}))
        return opened[-1]

    yield opening
    for site in opened:
        await close_site(site)


@pytest.fixture
async def site(sites: Opening) -> Site:
    return await sites()


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded


# Sessions


async def test_a_session_sets_a_cookie_that_scripts_and_other_sites_cannot_use(site: Site) -> None:
    async with site.client.post(site.url("/chat/session"), headers={"Origin": site.origin}) as opened:
        body = await opened.json()
        cookie = opened.headers["Set-Cookie"]
    assert set(body) == {"token", "conversationId", "expires_in"}
    assert body["expires_in"] == 1800
    assert cookie.startswith("parley=")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    value = cookie.split("=", 1)[1].split(";")[0]
    rows = await site.store.query("SELECT id_hash, user_id FROM web_session")
    assert len(rows) == 1 and value.encode() not in bytes(rows[0]["id_hash"])
    assert rows[0]["user_id"] == claims(body["token"])["user"]


async def test_the_same_browser_gets_the_same_conversation_and_another_does_not(site: Site) -> None:
    first, again = await site.session(), await site.session()
    site.client.cookie_jar.clear()
    other = await site.session()
    assert first["conversationId"] == again["conversationId"] != other["conversationId"]
    assert claims(first["token"])["user"] == claims(again["token"])["user"] != claims(other["token"])["user"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": PARTNER},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
async def test_no_foreign_page_can_open_a_session(site: Site, headers: dict[str, str]) -> None:
    async with site.client.post(site.url("/chat/session"), headers=headers) as refused:
        assert refused.status == 403
        assert "Set-Cookie" not in refused.headers
        assert (await refused.json())["error"]["code"] == "Forbidden"
    assert await site.store.query("SELECT user_id FROM web_session") == []


async def test_over_https_the_cookie_is_bound_to_the_host_and_a_plain_one_is_not_read(
    sites: Opening, store: Store
) -> None:
    plain = await sites()
    planted = (await plain.session(), [c.value for c in plain.client.cookie_jar])[1][0]
    site = await sites(public_url="https://chat.larkspur.example")
    headers = {"Origin": "https://chat.larkspur.example", "Cookie": f"parley={planted}"}
    async with aiohttp.ClientSession() as browser, browser.post(site.url("/chat/session"), headers=headers) as opened:
        assert opened.status == 200
        cookie = opened.headers["Set-Cookie"]
        assert cookie.startswith("__Host-parley=") and "Secure" in cookie and "Domain" not in cookie
    assert len(await store.query("SELECT user_id FROM web_session")) == 2


async def test_a_session_that_is_too_old_is_replaced(site: Site) -> None:
    first = await site.session()
    site.clock.move(days=29)
    assert (await site.session())["conversationId"] == first["conversationId"]
    site.clock.move(days=31)
    assert (await site.session())["conversationId"] != first["conversationId"]


# Tokens


async def test_a_token_names_its_user_at_the_top_and_is_refreshed_while_it_lives(site: Site) -> None:
    opened = await site.session()
    assert claims(opened["token"])["user"].startswith("dl_")
    site.clock.move(minutes=29)
    status, fresh, _ = await site.call("POST", "/tokens/refresh", opened["token"])
    assert status == 200 and fresh["conversationId"] == opened["conversationId"]
    site.clock.move(minutes=2)
    status, body, _ = await site.call("POST", "/tokens/refresh", opened["token"])
    assert (status, body["error"]["code"]) == (403, "TokenExpired")
    assert (await site.say({**opened, "token": fresh["token"]}, "still here"))[0] == 200


async def test_a_foreign_or_forged_or_missing_token_is_refused(site: Site) -> None:
    opened = await site.session()
    grant = Grant(claims(opened["token"])["user"], opened["conversationId"])
    foreign = Tokens(b"another secret of 32 bytes length", site.clock, seconds=1800).mint(grant)
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    unsigned = f"{head}.{opened['token'].split('.')[1]}."
    for token in (foreign, unsigned, "x", "a.b.c", opened["token"][:-4] + "AAAA", SITE_SECRET):
        status, body, _ = await site.say({**opened, "token": token}, "hello")
        assert status == 403, token
        assert set(body["error"]) == {"code", "message"}
    assert (await site.say({**opened, "token": ""}, "hello"))[0] == 403
    assert await site.store.entries(opened["conversationId"]) == []


async def test_a_token_of_another_conversation_is_refused_everywhere(site: Site) -> None:
    mine = await site.session()
    site.client.cookie_jar.clear()
    theirs = await site.session()
    path = f"/conversations/{theirs['conversationId']}"
    for method, tail in (("POST", "/activities"), ("GET", "/activities"), ("GET", ""), ("POST", "/upload")):
        status, _, _ = await site.call(method, path + tail, mine["token"], data=b'{"type":"message","text":"x"}')
        assert status == 403, (method, tail)


async def test_a_sites_server_generates_tokens_with_its_secret_and_a_browser_cannot(site: Site) -> None:
    body = {"user": {"id": "dl_customer-7", "name": "Ana"}, "trustedOrigins": [PARTNER]}
    status, opened, _ = await site.call("POST", "/tokens/generate", SITE_SECRET, json=body)
    assert status == 200 and claims(opened["token"])["user"] == "dl_customer-7"
    status, again, _ = await site.call("POST", "/tokens/generate", SITE_SECRET, json=body)
    assert again["conversationId"] != opened["conversationId"]
    for token in ("", "wrong", SITE_SECRET + "x"):
        assert (await site.call("POST", "/tokens/generate", token, json=body))[0] == 403
    status, _, _ = await site.call("POST", "/tokens/generate", SITE_SECRET, json=body, headers={"Origin": PARTNER})
    assert status == 403
    for wrong in ({"user": {"id": "7"}}, {"user": {"id": "dl_a b"}}, {"trustedOrigins": "x"}, [1]):
        assert (await site.call("POST", "/tokens/generate", SITE_SECRET, json=wrong))[0] == 400
    # The token's own list of origins is narrower than the site's.
    own = {"Origin": site.origin}
    path = f"/conversations/{opened['conversationId']}/activities"
    assert (await site.call("GET", path, opened["token"], headers=own))[0] == 403
    assert (await site.call("GET", path, opened["token"], headers={"Origin": PARTNER}))[0] == 200


async def test_without_a_configured_secret_nobody_generates_tokens(sites: Opening) -> None:
    site = await sites(site_secrets=())
    assert (await site.call("POST", "/tokens/generate", SITE_SECRET))[0] == 403
    assert (await site.call("POST", "/tokens/generate"))[0] == 403


# Starting


async def test_a_conversation_starts_with_201_then_200_and_keeps_its_first_locale(site: Site) -> None:
    opened = await site.session()
    body = {"user": {}, "locale": "de-DE"}
    status, started, _ = await site.call("POST", "/conversations", opened["token"], json=body)
    assert status == 201
    assert set(started) == {"conversationId", "token", "expires_in", "streamUrl"}
    assert started["streamUrl"].startswith(f"ws://{site.server.host}:{site.server.port}/v3/directline/conversations/")
    status, _, _ = await site.call("POST", "/conversations", opened["token"], json={"locale": "en-GB"})
    assert status == 200
    assert (await site.call("POST", "/conversations", opened["token"]))[0] == 200
    (row,) = await site.store.query("SELECT locale FROM conversation")
    assert row["locale"] == "de-DE"


async def test_a_public_address_is_what_stream_urls_name(sites: Opening) -> None:
    site = await sites(public_url="https://chat.larkspur.example/")
    _, opened, _ = await site.call("POST", "/tokens/generate", SITE_SECRET)
    _, started, _ = await site.call("POST", "/conversations", opened["token"], headers={"X-Forwarded-Host": "evil"})
    assert started["streamUrl"].startswith("wss://chat.larkspur.example/v3/directline/conversations/")


# Posting


async def test_a_post_is_durable_when_answered_and_comes_back_with_its_clients_id(site: Site) -> None:
    opened = await site.session()
    status, body, _ = await site.say(opened, "why is my bill higher?", "c-1", locale="en-GB")
    assert (status, body) == (200, {"id": f"{opened['conversationId']}|0000001"})
    activities, watermark = await site.read(opened)
    (echo,) = activities
    assert watermark == "1"
    assert echo["id"] == body["id"] and echo["text"] == "why is my bill higher?"
    assert echo["channelData"]["clientActivityID"] == "c-1"
    assert echo["from"] == {"id": claims(opened["token"])["user"], "role": "user"}
    assert echo["timestamp"] == "2026-11-03T09:30:00.000Z"


async def test_who_speaks_where_and_what_for_is_never_the_clients_to_say(site: Site) -> None:
    opened = await site.session()
    forged: dict[str, Any] = {
        "id": "x|1",
        "timestamp": "1999-01-01T00:00:00Z",
        "from": {"id": "dl_somebody", "role": "bot", "name": "Larkspur"},
        "conversation": {"id": "another"},
        "recipient": {"id": "bot"},
        "channelData": {"clientActivityID": "c-1", "speaker": "person", "pos": 99, "evil": True},
        "attachments": [{"contentType": "text/html", "content": "<script>"}],
        "suggestedActions": {"actions": []},
        "entities": [{}],
    }
    assert (await site.say(opened, "hello", **forged))[0] == 200
    ((echo,), _) = await site.read(opened)
    assert echo["from"] == {"id": claims(opened["token"])["user"], "role": "user"}
    assert echo["conversation"] == {"id": opened["conversationId"]}
    assert echo["channelData"] == {"pos": 1, "clientActivityID": "c-1"}
    assert echo["timestamp"].startswith("2026-11-03")
    assert "attachments" not in echo and "suggestedActions" not in echo
    (claim,) = await site.store.claim(1, lease=10)
    assert claim.address.user == claims(opened["token"])["user"] and claim.address.kind == "private"
    assert dict(claim.inbound.data) == {"clientActivityID": "c-1"}


async def test_the_same_client_id_is_taken_once_and_answered_alike(site: Site) -> None:
    opened = await site.session()
    ids = {(await site.say(opened, "hello", "c-1"))[1]["id"] for _ in range(3)}
    assert ids == {f"{opened['conversationId']}|0000001"}
    assert len(await site.store.entries(opened["conversationId"])) == 1
    # Another conversation's client may use the same id for itself.
    site.client.cookie_jar.clear()
    other = await site.session()
    assert (await site.say(other, "hello", "c-1"))[1]["id"] == f"{other['conversationId']}|0000001"


async def test_posts_without_a_client_id_are_each_their_own(site: Site) -> None:
    opened = await site.session()
    for _ in range(2):
        await site.say(opened, "hello")
    assert messages((await site.read(opened))[0]) == ["user: hello", "user: hello"]


async def test_a_press_carries_its_nonce_inwards_and_never_back_out(site: Site) -> None:
    opened = await site.session()
    assert (await site.say(opened, "Yes, cancel it", "c-1", value={"nonce": "n-123"}))[0] == 200
    (claim,) = await site.store.claim(1, lease=10)
    assert (claim.inbound.kind, claim.inbound.text) == ("press", "Yes, cancel it")
    assert claim.inbound.data["nonce"] == "n-123"
    assert "n-123" not in json.dumps(await site.read(opened))


async def test_a_value_that_is_no_press_is_ignored(site: Site) -> None:
    opened = await site.session()
    for value in ("x", 5, {"nonce": 7}, {"nonce": ""}, {"other": 1}, {"nonce": "n" * 201}):
        assert (await site.say(opened, "hello", value=value))[0] == 200
    assert {row["kind"] for row in await site.store.query("SELECT kind FROM inbound")} == {"message"}


async def test_typing_and_agreed_events_are_acknowledged_and_not_stored(site: Site) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/activities"
    for silent in ({"type": "typing"}, {"type": "event", "name": "webchat/join", "value": {"x": 1}}):
        status, body, _ = await site.call("POST", path, opened["token"], json=silent)
        assert status == 200 and body["id"].startswith(opened["conversationId"])
    assert await site.store.entries(opened["conversationId"]) == []


@pytest.mark.parametrize(
    "activity",
    [
        {"type": "event", "name": "tokens/response"},
        {"type": "event", "name": "spent", "value": {"op": "x"}},
        {"type": "event"},
        {"type": "invoke", "name": "signin/verifyState"},
        {"type": "conversationUpdate"},
        {"type": "endOfConversation"},
        {"type": "message"},
        {"type": "message", "text": "   "},
        {"type": "message", "text": 5},
        {"type": "message", "text": "x", "channelData": {"clientActivityID": "x" * 201}},
        {"type": "message", "text": "x", "channelData": {"clientActivityID": 5}},
        {"type": 5},
        {},
        [],
        "x",
    ],
)
async def test_any_other_activity_is_refused(site: Site, activity: Any) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/activities"
    status, body, _ = await site.call("POST", path, opened["token"], json=activity)
    assert status == 400 and set(body["error"]) == {"code", "message"}
    assert await site.store.entries(opened["conversationId"]) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b'{"type":"message","text":"\\ud800"}', 400),
        (b'{"type":"message","value":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"type":"message","text":"' + b"x" * 300_000 + b'"}', 413),
        (b'{"type":"message","text":"' + b"x" * 16_001 + b'"}', 413),
    ],
)
async def test_broken_and_oversized_bodies_get_a_clear_json_error(site: Site, body: bytes, status: int) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/activities"
    got, answered, _ = await site.call("POST", path, opened["token"], data=body)
    assert got == status
    assert answered["error"]["code"] and "Traceback" not in json.dumps(answered)
    assert (await site.say(opened, "and on we go"))[0] == 200


@pytest.mark.parametrize("text", ["x" * 10_000, "🙂", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "línea\nuno", "<b>&amp;</b>", "שלום"])
async def test_long_and_odd_texts_come_back_as_they_were(site: Site, text: str) -> None:
    opened = await site.session()
    assert (await site.say(opened, text))[0] == 200
    ((echo,), _) = await site.read(opened)
    assert echo["text"] == text


async def test_characters_that_a_database_refuses_are_left_out(site: Site) -> None:
    opened = await site.session()
    assert (await site.say(opened, "a\x00b\x1bc\td\ne"))[0] == 200
    ((echo,), _) = await site.read(opened)
    assert echo["text"] == "abc\td\ne"


async def test_human_is_marked_at_accept(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "Human")
    (claim,) = await site.store.claim(1, lease=10)
    assert claim.control == "human"


async def test_too_many_posts_wait_and_nobody_else_does(sites: Opening) -> None:
    site = await sites(rate=0.5, burst=2)
    opened = await site.session()
    statuses = [(await site.say(opened, "hello"))[0] for _ in range(2)]
    status, body, headers = await site.say(opened, "hello")
    assert statuses == [200, 200]
    assert (status, body["error"]["code"], headers["Retry-After"]) == (429, "TooManyRequests", "2")
    site.client.cookie_jar.clear()
    assert (await site.say(await site.session(), "hello"))[0] == 200
    assert (await site.read(opened))[1] == "2"


class Failing:
    """A store whose accept fails, once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fails = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def accept(self, inbound: Inbound, control: Control | None = None) -> Accepted:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("disk full")
        return await self._store.accept(inbound, control)


async def test_a_store_that_cannot_write_means_503_and_the_same_post_again_works(sites: Opening, store: Store) -> None:
    site = await sites(Failing(store))
    opened = await site.session()
    status, body, headers = await site.say(opened, "hello", "c-1")
    assert (status, body["error"]["code"]) == (503, "ServiceUnavailable")
    assert int(headers["Retry-After"]) >= 1
    assert await store.entries(opened["conversationId"]) == []
    assert (await site.say(opened, "hello", "c-1"))[0] == 200
    assert len(await store.entries(opened["conversationId"])) == 1


async def test_a_conversation_that_was_erased_has_ended(site: Site) -> None:
    opened = await site.session()
    await site.store.change([Sql("DELETE FROM conversation")])
    path = f"/conversations/{opened['conversationId']}"
    assert (await site.call("GET", path + "/activities", opened["token"]))[0] == 404
    assert (await site.call("GET", path, opened["token"]))[0] == 404
    assert (await site.call("POST", "/conversations", opened["token"]))[0] == 404
    assert (await site.say(opened, "hello"))[0] == 404


# Reading


async def test_reading_goes_on_from_the_watermark(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "one")
    await answer(site.store, Outbound("two"), Outbound("three"))
    activities, watermark = await site.read(opened)
    assert messages(activities) == ["user: one", "bot: two", "bot: three"]
    assert await site.read(opened, watermark) == ([], watermark)
    assert messages((await site.read(opened, activities[1]["channelData"]["pos"]))[0]) == ["bot: three"]
    assert len({one["id"] for one in activities}) == 3
    assert [one["channelData"]["pos"] for one in activities] == sorted(one["channelData"]["pos"] for one in activities)


@pytest.mark.parametrize(
    ("watermark", "status"), [("null", 200), ("", 200), ("0", 200), ("-1", 400), ("x", 400), ("9" * 16, 400)]
)
async def test_odd_watermarks(site: Site, watermark: str, status: int) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/activities?watermark={watermark}"
    assert (await site.call("GET", path, opened["token"]))[0] == status


async def test_a_question_shows_its_buttons_and_what_settles_it_marks_them_spent(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "cancel it")
    choices = (Choice("yes", "Yes, cancel it", "n1"), Choice("no", "No", "n2"))
    await answer(site.store, Outbound("Cancel?", choices=choices, op="cancel/sure"))
    await site.say(opened, "No", value={"nonce": "n2"})
    await answer(site.store, Outbound("Kept.", settles="cancel/sure", chosen="no"))
    _, question, _, spent, reply = (await site.read(opened))[0]
    actions = question["suggestedActions"]["actions"]
    assert [(a["type"], a["title"], a["value"]["nonce"]) for a in actions] == [
        ("postBack", "Yes, cancel it", "n1"),
        ("postBack", "No", "n2"),
    ]
    assert question["channelData"] == {"pos": question["channelData"]["pos"], "speaker": "bot", "op": "cancel/sure"}
    assert (spent["type"], spent["name"], spent["value"]["op"]) == ("event", "spent", "cancel/sure")
    assert spent["value"]["choice"] == actions[1]["value"]["id"] != actions[0]["value"]["id"]
    assert spent["channelData"]["pos"] > question["channelData"]["pos"]
    assert reply["text"] == "Kept." and reply["id"] != spent["id"]


async def test_rich_content_takes_the_pages_shapes(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "bill")
    card = Card("October", "Due 30 November", (("Roaming", "£9.00"), ("Calls", "£5.20")))
    await answer(
        site.store,
        Outbound(card=card),
        Outbound(items=Items((card, Card("November")))),
        Outbound(file=File("f-1", "bill.pdf", "application/pdf", 2048)),
        Outbound("Please sign in.", link=Link("t-1", "Sign in")),
    )
    activities = (await site.read(opened))[0][1:]
    shown = [one["attachments"][0] for one in activities]
    assert shown[0]["contentType"] == "application/vnd.parley.card"
    assert shown[0]["content"]["rows"] == [["Roaming", "£9.00"], ["Calls", "£5.20"]]
    assert [one["title"] for one in shown[1]["content"]["cards"]] == ["October", "November"]
    assert shown[2] == {
        "contentType": "application/pdf",
        "name": "bill.pdf",
        "size": 2048,
        "contentUrl": "https://site.example/files/1",
    }
    assert shown[3]["content"] == {
        "title": "Sign in",
        "purpose": "link",
        "expired": False,
        "url": f"https://site.example/link/t-1-{opened['conversationId'][:4]}",
    }
    # The backend's own name of the file, and the transaction's id by itself, are nowhere.
    assert "f-1" not in json.dumps(activities)


async def test_a_link_that_has_ended_shows_as_expired_without_an_address(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "bill")
    await answer(site.store, Outbound("Please sign in.", link=Link("t-1", "Sign in")))
    site.links.ended.add("t-1")
    link = (await site.read(opened))[0][1]["attachments"][0]["content"]
    assert link == {"title": "Sign in", "purpose": "link", "expired": True}


async def test_who_speaks_is_told_apart(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "human")
    await answer(site.store, Outbound("One moment."), Outbound("Closed until Monday.", author="system"))
    activities = (await site.read(opened))[0][1:]
    assert [(one["channelData"]["speaker"], one["from"]["name"]) for one in activities] == [
        ("bot", "Larkspur"),
        ("system", "Larkspur"),
    ]


async def put(store: Store, conversation: str, side: str, kind: str, body: dict[str, Any]) -> None:
    """Put an entry into the log as the engine and the desk do."""
    await store.change(
        [
            Sql("UPDATE conversation SET pos = pos + 1 WHERE id = :c", {"c": conversation}, rows=1),
            Sql(
                "INSERT INTO entry (conversation, pos, side, kind, body, ref, at) "
                "SELECT :c, pos, :side, :kind, :body, '', 0.0 FROM conversation WHERE id = :c",
                {"c": conversation, "side": side, "kind": kind, "body": json.dumps(body)},
            ),
        ]
    )


async def test_an_agents_words_carry_their_name(site: Site) -> None:
    opened = await site.session()
    await put(site.store, opened["conversationId"], "agent", "message", {"text": "Hello, I am Sam.", "author": "Sam"})
    ((said,), _) = await site.read(opened)
    assert said["channelData"] == {"pos": 1, "speaker": "person", "author": "Sam"}
    assert said["from"] == {"id": "bot", "name": "Sam", "role": "bot"}


async def test_what_is_not_the_customers_business_is_never_shown_and_never_ends_a_page(site: Site) -> None:
    opened = await site.session()
    conversation = opened["conversationId"]
    for side, kind in (("system", "withheld"), ("system", "receipt"), ("agent", "note"), ("system", "event")):
        await put(site.store, conversation, side, kind, {"text": "inner matter", "name": "claimed"})
    await put(site.store, conversation, "system", "event", {"name": "spent", "value": {"op": "q"}})
    await put(site.store, conversation, "bot", "typing", {})
    activities, watermark = await site.read(opened)
    assert [(one["type"], one.get("value")) for one in activities] == [("event", {"op": "q"})]
    assert watermark == "6"
    socket = await site.stream(opened)
    shown = frames(await socket.receive(timeout=15))["activities"]
    assert [one["type"] for one in shown] == ["event", "typing"]
    await socket.close()


async def test_pages_of_hidden_entries_are_passed_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.webchat.directline.PAGE", 3)
    opened = await site.session()
    for _ in range(7):
        await put(site.store, opened["conversationId"], "system", "receipt", {})
    await put(site.store, opened["conversationId"], "bot", "message", {"text": "at last"})
    assert messages((await site.read(opened))[0]) == ["bot: at last"]


# Streaming


async def test_a_stream_replays_then_follows_the_log(site: Site) -> None:
    opened = await site.session()
    await site.say(opened, "one", "c-1")
    socket = await site.stream(opened)
    first = frames(await socket.receive(timeout=15))
    assert messages(first["activities"]) == ["user: one"] and first["watermark"] == "1"
    assert first["activities"][0]["channelData"]["clientActivityID"] == "c-1"
    await answer(site.store, Outbound("two"))
    second = frames(await socket.receive(timeout=15))
    assert messages(second["activities"]) == ["bot: two"]
    await socket.close()
    await site.say(opened, "three")
    again = await site.stream(opened, second["watermark"])
    assert messages(frames(await again.receive(timeout=15))["activities"]) == ["user: three"]
    await again.close()


def closed(reason: str) -> float:
    return REGISTRY.get_sample_value("parley_sockets_closed_total", {"reason": reason}) or 0.0


async def until(true: Callable[[], bool], within: float = 5.0) -> None:
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for is a counter, which sets no event
            await asyncio.sleep(0.01)


async def stream_url(site: Site, opened: dict[str, Any]) -> str:
    _, body, _ = await site.call("GET", f"/conversations/{opened['conversationId']}", opened["token"])
    return str(body["streamUrl"])


async def test_a_stream_address_works_once_for_a_minute_and_for_its_conversation(site: Site) -> None:
    opened = await site.session()
    url = await stream_url(site, opened)
    await (await site.client.ws_connect(url)).close()
    refused = [url, url[:-1], url.split("?")[0], url.replace(opened["conversationId"], "0" * 32)]
    late = await stream_url(site, opened)
    other = (await stream_url(site, opened)).replace(opened["conversationId"], "0" * 32)
    site.clock.move(seconds=61)
    assert len(await site.store.query("SELECT token_hash FROM stream_token")) == 3
    for bad in (*refused, late, other):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await site.client.ws_connect(bad)
        assert error.value.status == 403
    tokens = await site.store.query("SELECT token_hash FROM stream_token")
    assert all(url.split("t=")[1].encode() not in bytes(row["token_hash"]) for row in tokens)


async def test_a_stream_address_takes_no_plain_request_and_is_not_used_up_by_one(site: Site) -> None:
    url = await stream_url(site, await site.session())
    async with site.client.get(url.replace("ws://", "http://")) as refused:
        assert refused.status == 400
    await (await site.client.ws_connect(url)).close()


async def test_no_credential_and_no_words_reach_the_log(site: Site) -> None:
    with logged("DEBUG") as stream:
        opened = await site.session()
        await site.say(opened, "why is my bill higher?", "c-1")
        url = await stream_url(site, opened)
        await (await site.client.ws_connect(url)).close()
        await until(lambda: "socket closed" in stream.getvalue())
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await site.client.ws_connect(url)
        (cookie,) = [morsel.value for morsel in site.client.cookie_jar]
    assert "directline-stream" in stream.getvalue() and "directline-post" in stream.getvalue()
    for secret in (opened["token"], url.split("t=")[1], cookie, "why is my bill"):
        assert secret not in stream.getvalue()


async def test_a_foreign_page_cannot_open_a_stream(site: Site) -> None:
    url = await stream_url(site, await site.session())
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await site.client.ws_connect(url, headers={"Origin": "https://evil.example"})
    assert error.value.status == 403


async def test_a_newer_socket_closes_the_older_one_also_in_another_process(sites: Opening) -> None:
    clock = HandClock()
    one, two = await sites(poll=0.05, clock=clock), await sites(poll=0.05, clock=clock)
    opened = await one.session()
    older = await one.stream(opened)
    before = closed("collision")
    newer = await two.stream(opened)
    said = await older.receive(timeout=15)
    assert (said.type, said.extra) == (aiohttp.WSMsgType.CLOSE, "collision")
    await until(lambda: closed("collision") == before + 1)
    await one.say(opened, "hello")
    assert messages(frames(await newer.receive(timeout=15))["activities"]) == ["user: hello"]
    await newer.close()


async def test_sockets_that_open_at_once_leave_exactly_one(site: Site) -> None:
    opened = await site.session()
    urls = [await stream_url(site, opened) for _ in range(5)]
    sockets = await asyncio.gather(*(site.client.ws_connect(url) for url in urls))
    await asyncio.sleep(0.3)
    await site.say(opened, "hello")
    got = [await socket.receive(timeout=15) for socket in sockets]
    kinds = sorted(message.type.name for message in got)
    assert kinds == ["CLOSE"] * 4 + ["TEXT"]
    for socket in sockets:
        await socket.close()


async def test_post_to_one_process_and_read_from_another(sites: Opening) -> None:
    clock = HandClock()
    one, two = await sites(poll=0.05, clock=clock), await sites(poll=0.05, clock=clock)
    opened = await one.session()
    socket = await two.stream(opened)
    await one.say(opened, "hello")
    assert messages(frames(await socket.receive(timeout=15))["activities"]) == ["user: hello"]
    assert messages((await two.read(opened))[0]) == ["user: hello"]
    await socket.close()


async def test_empty_frames_keep_the_stream_alive_both_ways(sites: Opening) -> None:
    site = await sites(poll=0.02, keep_alive=0.1)
    opened = await site.session()
    socket = await site.stream(opened)
    assert (await socket.receive(timeout=15)).data == ""
    for junk in ("", "x", '{"type":"message","text":"not here"}'):
        await socket.send_str(junk)
    await site.say(opened, "hello")
    while not (message := await socket.receive(timeout=15)).data:
        pass
    assert messages(frames(message)["activities"]) == ["user: hello"]
    await socket.close()


async def test_a_long_history_comes_in_pages(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.webchat.stream.PAGE", 4)
    opened = await site.session()
    for n in range(10):
        await site.say(opened, f"m{n}")
    socket = await site.stream(opened)
    got = [frames(await socket.receive(timeout=15)) for _ in range(3)]
    assert [len(page["activities"]) for page in got] == [4, 4, 2]
    assert messages([one for page in got for one in page["activities"]]) == [f"user: m{n}" for n in range(10)]
    await socket.close()


async def test_a_reader_that_does_not_read_is_cut_off(sites: Opening, store: Store) -> None:
    site = await sites(poll=0.02, slow=0.2)
    opened = await site.session()
    for n in range(1200):
        await put(store, opened["conversationId"], "bot", "message", {"text": f"{n}" + "x" * 15_000})
    url = await stream_url(site, opened)
    path = url.split(f":{site.server.port}")[1]
    _reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port, limit=1024)
    # A client that upgrades and then never reads.
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {site.server.host}:{site.server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    before = closed("slow")
    await until(lambda: site.chat.sockets.open == 1)
    await until(lambda: site.chat.sockets.open == 0)
    assert closed("slow") == before + 1
    writer.transport.abort()


async def test_going_down_says_goodbye_to_sockets_and_refuses_new_posts(site: Site) -> None:
    opened = await site.session()
    socket = await site.stream(opened)
    await until(lambda: site.chat.sockets.open == 1)
    finishing = asyncio.create_task(site.drain.finish(within=5))
    said = await socket.receive(timeout=15)
    assert (said.type, said.data) == (aiohttp.WSMsgType.CLOSE, 1001)
    assert await finishing is True
    status, body, headers = await site.say(opened, "hello")
    assert (status, body["error"]["code"]) == (503, "ServiceUnavailable") and headers["Retry-After"]
    async with site.client.get(site.url("/readyz")) as ready, site.client.get(site.url("/livez")) as live:
        assert (ready.status, live.status) == (503, 200)


# Other origins


async def test_pages_of_listed_origins_may_speak_and_others_may_not(site: Site) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/activities"
    asks = {
        "Origin": PARTNER,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-ms-bot-agent,x-requested-with",
    }
    status, _, headers = await site.call("OPTIONS", path, headers=asks)
    assert status == 204 and headers["Access-Control-Allow-Origin"] == PARTNER
    allowed = {name.strip() for name in headers["Access-Control-Allow-Headers"].split(",")}
    assert allowed == {"authorization", "content-type", "x-ms-bot-agent", "x-requested-with"}
    assert "POST" in headers["Access-Control-Allow-Methods"]
    status, _, headers = await site.call("GET", path, opened["token"], headers={"Origin": PARTNER})
    assert (status, headers["Access-Control-Allow-Origin"], headers["Vary"]) == (200, PARTNER, "Origin")
    # An error must be readable, too, or the client cannot tell an expired token from a dead network.
    status, _, headers = await site.call("GET", path, "x", headers={"Origin": PARTNER})
    assert (status, headers["Access-Control-Allow-Origin"]) == (403, PARTNER)
    for method in ("OPTIONS", "GET"):
        status, _body, headers = await site.call(
            method, path, opened["token"], headers={"Origin": "https://evil.example"}
        )
        assert status == 403 and "Access-Control-Allow-Origin" not in headers


async def test_a_session_id_is_stable_for_a_browser_and_says_nothing(site: Site) -> None:
    opened = await site.session()
    first = (await site.call("GET", "/session/getsessionid"))[1]["sessionId"]
    assert (await site.call("GET", "/session/getsessionid"))[1]["sessionId"] == first
    assert claims(opened["token"])["user"] not in first
    site.client.cookie_jar.clear()
    assert (await site.call("GET", "/session/getsessionid"))[1]["sessionId"] != first


# Files


def upload(*files: tuple[str, str, bytes], activity: dict[str, Any] | None = None) -> aiohttp.FormData:
    form = aiohttp.FormData()
    if activity is not None:
        form.add_field(
            "activity", json.dumps(activity), content_type="application/vnd.microsoft.activity", filename="blob"
        )
    for name, kind, body in files:
        form.add_field("file", body, content_type=kind, filename=name)
    return form


async def test_an_upload_is_refused_plainly_where_nobody_keeps_files(site: Site) -> None:
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/upload"
    status, body, _ = await site.call("POST", path, opened["token"], data=upload(("a.txt", "text/plain", b"hello")))
    assert (status, body["error"]["code"]) == (415, "NotSupported")


async def test_an_upload_is_kept_then_accepted_with_its_text_first(sites: Opening, store: Store) -> None:
    keeper = Keeper()
    site = await sites(keeper=keeper, upload=50_000)
    opened = await site.session()
    path = f"/conversations/{opened['conversationId']}/upload?userId=dl_somebody"
    activity = {"type": "message", "text": "the meter", "channelData": {"clientActivityID": "c-1"}}
    for _ in range(2):
        form = upload(("meter.jpg", "image/jpeg", b"\xff\xd8" * 100), activity=activity)
        status, body, _ = await site.call("POST", path, opened["token"], data=form)
        assert (status, body["id"][-7:]) == (200, "0000002")
    text, file = await store.entries(opened["conversationId"])
    assert (text.kind, text.body["text"], file.kind) == ("message", "the meter", "file")
    assert file.body["data"] == {"name": "meter.jpg", "type": "image/jpeg", "size": 200, "ref": "kept-1"}
    assert keeper.kept == [(opened["conversationId"], "meter.jpg", "image/jpeg", b"\xff\xd8" * 100)]
    echo = (await site.read(opened))[0][1]
    assert echo["attachments"] == [{"contentType": "image/jpeg", "name": "meter.jpg", "size": 200}]
    big = await site.call("POST", path, opened["token"], data=upload(("b", "text/plain", b"x" * 60_000)))
    assert big[0] == 413
    for broken in (b"--x\r\nnot multipart", b""):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert (await site.call("POST", path, opened["token"], data=broken, headers=headers))[0] == 400
    assert (await site.call("POST", path, opened["token"], data=upload(activity=activity)))[0] == 400


async def test_what_is_refused_for_its_file_was_not_heard_in_part(sites: Opening, store: Store) -> None:
    class Picky(Keeper):
        async def keep(self, conversation: str, name: str, type_: str, body: bytes) -> str:
            raise BadBody("Pictures, PDF and plain text can be sent.")

    site = await sites(keeper=Picky(), upload=50_000)
    opened = await site.session()
    activity = {"type": "message", "text": "the meter", "channelData": {"clientActivityID": "c-1"}}
    form = upload(("tool.exe", "application/pdf", b"MZ"), activity=activity)
    path = f"/conversations/{opened['conversationId']}/upload"
    assert (await site.call("POST", path, opened["token"], data=form))[0] == 400
    assert list(await store.entries(opened["conversationId"])) == []


class Breaking(Failing):
    """A store whose log cannot be read any more."""

    def __init__(self, store: Store, error: Exception) -> None:
        super().__init__(store)
        self.error = error
        self.broken = False

    async def entries(self, conversation: str, *, after: int = 0, limit: int = 500) -> list[Entry]:
        if self.broken:
            raise self.error
        return await self._store.entries(conversation, after=after, limit=limit)


@pytest.mark.parametrize(
    ("error", "code", "reason"), [(StoreUnavailable("away"), 1013, "store"), (ValueError("a bug"), 1011, "failed")]
)
async def test_a_socket_that_cannot_go_on_closes_and_its_client_can_come_back(
    sites: Opening, store: Store, error: Exception, code: int, reason: str
) -> None:
    breaking = Breaking(store, error)
    breaking.fails = 0
    site = await sites(breaking)
    opened = await site.session()
    socket = await site.stream(opened)
    before = closed(reason)
    breaking.broken = True
    await site.say(opened, "hello")
    said = await socket.receive(timeout=15)
    assert (said.type, said.data) == (aiohttp.WSMsgType.CLOSE, code)
    await until(lambda: closed(reason) == before + 1)
    breaking.broken = False
    again = await site.stream(opened)
    assert messages(frames(await again.receive(timeout=15))["activities"]) == ["user: hello"]


# The page


async def test_the_page_may_be_framed_by_listed_sites_alone_and_nothing_else_by_any(sites: Opening) -> None:
    site = await sites(embed_origins=(PARTNER,))
    async with site.client.get(site.url("/chat")) as page:
        assert page.status == 200 and page.content_type == "text/html"
        csp = page.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {PARTNER}" in csp
    assert "default-src 'none'" in csp and "unsafe" not in csp
    async with site.client.get(site.url("/chat/embed.js")) as script:
        assert script.status == 200 and script.content_type == "text/javascript"
        assert "frame-ancestors 'none'" in script.headers["Content-Security-Policy"]


@pytest.mark.parametrize(("dev", "status"), [(True, 200), (False, 404)])
async def test_the_dev_panes_files_are_there_with_dev_alone(sites: Opening, dev: bool, status: int) -> None:
    site = await sites(dev=dev)
    async with site.client.get(site.url("/chat/assets/dev.js")) as script:
        assert script.status == status
