"""What every desk behind the hand-over port does: the built-in one, and a strict fake of one that lies elsewhere."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.settings import DeskExternal, DeskSettings
from bot.store import open_store
from bot.testing.clock import SetClock
from bot.testing.player import CHANNEL
from bot.web import Drain, Health, build_app
from desk.external import ExternalDesk, Feed, Hook
from desk.hours import hours_of
from desk.log import page
from desk.signature import HEADER, TOLERANCE, signed
from desk.staff import SignedInStaff
from tests.papers import ROOT
from tests.postgres import fresh_database
from tests.worlds.desk import DeskWorld

SECRET, TOKEN = "a shared secret of the desk", "what we show there"


class Rig(Protocol):
    """A desk and its person."""

    world: DeskWorld

    async def waiting(self) -> list[str]: ...
    async def lines(self) -> list[tuple[str, str]]: ...
    async def joins(self) -> None: ...
    async def says(self, text: str, *, times: int = 1) -> None: ...
    async def returns(self) -> None: ...
    async def resolves(self) -> None: ...
    async def down(self, seconds: float) -> None: ...


class BuiltIn:
    """The desk that ships."""

    def __init__(self, world: DeskWorld) -> None:
        self.world = world
        self.keys = 0

    async def open(self) -> None:
        who = SignedInStaff("https://staff.example", "priya", "Priya Shah", ("agent",))
        found = await self.world.site.staff.of(await self.world.site.staff.begin(who, "agent"))
        assert found is not None
        self.me = found

    async def waiting(self) -> list[str]:
        rows = await self.world.store.query(
            "SELECT reference FROM desk_item WHERE state = 'waiting' ORDER BY opened_at"
        )
        return [row["reference"] for row in rows]

    async def lines(self) -> list[tuple[str, str]]:

        rows = await self.world.store.query("SELECT id FROM conversation")
        lines, _ = await page(self.world.store, rows[0]["id"], None, self.me.id, case="", before=float("inf"))
        return [(line["side"], line["text"]) for line in lines if line["kind"] in ("message", "press")]

    async def joins(self) -> None:
        await self.world.site.desk.claim(await self.world.case(), self.me)
        await self.world.settle()

    async def says(self, text: str, *, times: int = 1) -> None:
        self.keys += 1
        for _ in range(times):
            await self.world.site.desk.say(await self.world.case(), self.me, f"key-{self.keys:05}", text)
            await self.world.settle()

    async def returns(self) -> None:
        await self.world.site.desk.give_back(
            await self.world.case(), self.me, "back-0001", how="resume", dialog="", answers={}, note=""
        )
        await self.world.settle()

    async def resolves(self) -> None:
        await self.world.site.desk.resolve(await self.world.case(), self.me, "done-0001", note="", silent=False)
        await self.world.settle()

    async def down(self, seconds: float) -> None:
        self.world.clock.move(timedelta(seconds=seconds))


class StrictDesk:
    """A desk elsewhere. It takes nothing out of order, nothing unannounced and nothing from strangers, and says so."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.posts: list[tuple[bytes, str]] = []
        self.opened: dict[str, dict[str, Any]] = {}
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.closed: dict[str, str] = {}
        self.keys: set[str] = set()
        self.wrong: list[str] = []
        self.is_down = False
        self.lose_answers = 0

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/api/conversations/{id}/{what}", self.take)])
        return app

    async def take(self, request: web.Request) -> web.Response:
        if self.is_down:
            return web.Response(status=503)
        id, what, key = request.match_info["id"], request.match_info["what"], request.headers.get("Idempotency-Key", "")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}" or not key:
            self.wrong.append(f"{what} without its headers")
            return web.Response(status=401)
        raw, given = await request.read(), request.headers.get("X-Desk-Signature", "")
        self.posts.append((raw, given))
        # By hand, as somebody's own desk does it.
        t, _, v1 = given.removeprefix("t=").partition(",v1=")
        if v1 != hmac.new(SECRET.encode(), t.encode() + b"." + raw, "sha256").hexdigest():
            self.wrong.append(f"{what} with the signature {given!r}")
            return web.Response(status=403)
        if abs(self.now().timestamp() - int(t)) > 300:
            self.wrong.append(f"{what} signed at {t}")
            return web.Response(status=403)
        body = msgspec.json.decode(raw, type=dict[str, Any])
        if body["conversation"] != id:
            self.wrong.append(f"{what} of {body['conversation']} for {id}")
            return web.Response(status=422)
        if key in self.keys:
            return web.Response(status=409)
        if what == "open":
            self.opened[id] = body
            self.closed.pop(id, None)
        elif id not in self.opened:
            self.wrong.append(f"{what} before open")
            return web.Response(status=422)
        elif what == "entries":
            known = self.entries.setdefault(id, [])
            if known and body["pos"] <= known[-1]["pos"]:
                self.wrong.append(f"{body['pos']} after {known[-1]['pos']}")
                return web.Response(status=422)
            known.append(body)
        else:
            self.closed[id] = body["why"]
        self.keys.add(key)
        if self.lose_answers:
            self.lose_answers -= 1
            return web.Response(status=502)
        return web.Response(status=200)


class Elsewhere:
    """The strict desk, with webhooks that come twice, and echoes of our own lines."""

    def __init__(self, world: DeskWorld) -> None:
        self.world, self.desk, self.events = world, StrictDesk(world.clock.now), 0

    async def open(self, stack: AsyncExitStack) -> None:
        server = await stack.enter_async_context(TestServer(self.desk.app()))
        settings = DeskSettings(
            external=DeskExternal(url=str(server.make_url("/api")), token=TOKEN, secret=SECRET)  # type: ignore[arg-type]
        )
        self.world.handoff = ExternalDesk(settings, hours_of(settings))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        self.feed = Feed(self.world.store, self.world.clock, settings, session)
        drain = Drain()
        hook = Hook(self.world.store, self.world.clock, settings)
        app = build_app(routes=hook.routes(), health=Health({}, drain=drain), drain=drain)
        ours = await stack.enter_async_context(TestServer(app))
        self.at, self.client = str(ours.make_url("/desk/hook")), session

    async def _fed(self) -> None:
        for _ in range(20):
            if not await self.feed.once():
                return

    async def waiting(self) -> list[str]:
        await self._fed()
        return [body["reference"] for id, body in self.desk.opened.items() if id not in self.desk.closed]

    async def lines(self) -> list[tuple[str, str]]:
        await self._fed()
        return [(one["side"], one["text"]) for known in self.desk.entries.values() for one in known]

    async def hook(self, times: int = 2, **event: Any) -> int:
        self.events += 1
        id = (await self.world.store.query("SELECT id FROM conversation"))[0]["id"]
        raw = msgspec.json.encode({"id": f"e{self.events}", "conversation": id, "name": "Priya", **event})
        status = 0
        for _ in range(times):
            status = await self.post(raw, signed(SECRET.encode(), raw, self.world.clock.now()))
            await self.world.settle()
        return status

    async def post(self, raw: bytes, signature: str | None) -> int:
        headers = {} if signature is None else {HEADER: signature}
        async with self.client.post(self.at, data=raw, headers=headers) as answer:
            return answer.status

    async def joins(self) -> None:
        await self._fed()
        assert await self.hook(act="joined") == 200

    async def says(self, text: str, *, times: int = 1) -> None:
        assert await self.hook(times=times + 1, act="said", text=text) == 200
        await self._fed()
        for known in list(self.desk.entries.values()):
            for one in known:
                assert await self.hook(act="said", text=one["text"], key=one["key"]) == 200

    async def returns(self) -> None:
        assert await self.hook(act="returned") == 200
        await self._fed()

    async def resolves(self) -> None:
        assert await self.hook(act="resolved") == 200
        await self._fed()

    async def down(self, seconds: float) -> None:
        self.desk.is_down = True
        until = self.world.clock.now() + timedelta(seconds=seconds)
        while self.world.clock.now() < until:
            await self.feed.once()
            self.world.clock.move(timedelta(seconds=59))
        self.desk.is_down = False
        self.world.clock.move(timedelta(seconds=61))


@pytest.fixture(params=["built-in", "elsewhere"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    world = DeskWorld(["customer C-1001", "mandates M1 Home broadband £31.00 | M2 Mobile ending 412 £23.00"])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        if request.param == "built-in":
            made = BuiltIn(world)
            await made.open()
            yield made
        else:
            other = Elsewhere(world)
            await other.open(stack)
            yield other
            assert other.desk.wrong == []


@pytest.mark.promise("human")
async def test_a_hand_over_arrives_with_all_that_was_said(rig: Rig) -> None:
    await rig.world.says("hello")
    said = await rig.world.says("talk to a person")
    waiting = await rig.waiting()
    assert len(waiting) == 1
    assert waiting[0] in " ".join(said)
    lines = await rig.lines()
    assert lines[0] == ("customer", "hello")
    assert ("customer", "talk to a person") in lines
    assert lines[-1][0] == "bot"
    assert [text for side, text in lines if side == "bot"][-1] == said[-1].split("  [")[0]


@pytest.mark.promise("silent")
async def test_the_person_joins_speaks_and_gives_it_back(rig: Rig) -> None:
    world = rig.world
    await world.login.know(world.address(), "C-1001")
    await world.says("cancel a direct debit")
    await world.says("human")
    await rig.joins()
    assert (await world.new())[-1] == "Priya from Larkspur Mobile has joined."
    assert await world.says("are you real?") == []
    await rig.says("I am.")
    assert await world.new() == ["Priya:  I am."]
    assert ("customer", "are you real?") in await rig.lines()
    await rig.returns()
    said = await world.new()
    assert said[0] == "Priya has handed you back to the assistant."
    assert said[1].startswith("Which Direct Debit?")
    assert await rig.waiting() == []


@pytest.mark.promise("turn-once")
async def test_what_comes_twice_is_said_once(rig: Rig) -> None:
    await rig.world.says("human")
    await rig.joins()
    await rig.world.new()
    await rig.says("Once.", times=3)
    assert await rig.world.new() == ["Priya:  Once."]


async def test_resolved_closes_the_case_and_the_bot_is_back(rig: Rig) -> None:
    world = rig.world
    await world.says("human")
    await rig.joins()
    await rig.resolves()
    assert (await world.store.query("SELECT outcome FROM cases")) == [{"outcome": "resolved"}]
    assert (await world.store.query("SELECT party FROM conversation")) == [{"party": "bot"}]
    assert await world.says("hello") != []


async def test_never_mind_is_heard_at_the_desk(rig: Rig) -> None:
    await rig.world.says("human")
    assert len(await rig.waiting()) == 1
    await rig.world.says("never mind")
    assert await rig.waiting() == []


@pytest.mark.promise("never-lost")
async def test_an_hour_down_and_everything_arrives_in_order(rig: Rig) -> None:
    world = rig.world
    await world.says("human")
    await world.says("one")
    await rig.down(1800)
    await world.says("two")
    await rig.down(1800)
    await world.says("three")
    waiting = await rig.waiting()
    lines = [text for side, text in await rig.lines() if side == "customer"]
    assert len(waiting) == 1
    assert lines == ["human", "one", "two", "three"]


# Of the one elsewhere alone


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    world = DeskWorld(["customer C-1001"])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        made = Elsewhere(world)
        await made.open(stack)
        yield made


async def test_an_answer_that_was_lost_does_not_bring_a_line_twice(elsewhere: Elsewhere) -> None:
    elsewhere.desk.lose_answers = 3
    await elsewhere.world.says("human")
    for _ in range(8):
        await elsewhere.feed.once()
        elsewhere.world.clock.move(timedelta(seconds=61))
    lines = await elsewhere.lines()
    assert [text for side, text in lines if side == "customer"] == ["human"]
    assert elsewhere.desk.wrong == []


async def joined(elsewhere: Elsewhere, id: str = "x") -> bytes:
    """What Priya's joining looks like."""
    await elsewhere.world.says("human")
    conversation = (await elsewhere.world.store.query("SELECT id FROM conversation"))[0]["id"]
    return msgspec.json.encode({"id": id, "conversation": conversation, "act": "joined", "name": "Priya"})


async def party(elsewhere: Elsewhere) -> str:
    await elsewhere.world.settle()
    return str((await elsewhere.world.store.query("SELECT party FROM conversation"))[0]["party"])


async def refusals(elsewhere: Elsewhere) -> list[str]:
    rows = await elsewhere.world.store.query("SELECT detail FROM audit WHERE what = 'desk.refused' ORDER BY at")
    return [msgspec.json.decode(row["detail"])["why"] for row in rows]


KEY = SECRET.encode()


async def test_a_webhook_of_a_stranger_is_refused_and_kept(elsewhere: Elsewhere) -> None:
    raw = await joined(elsewhere)
    now = elsewhere.world.clock.now()
    t, _, mac = signed(KEY, raw, now).partition(",v1=")
    given = [
        None,
        "",
        f"sha256={hmac.digest(KEY, raw, 'sha256').hex()}",  # Without the time.
        f"v1={mac}",
        f"t=,v1={mac}",
        f"{t},v1=",
        f"{t},v1={'0' * 64}",
        f"{t}0,v1={mac}",
        f"t={int(now.timestamp()) + 1},v1={mac}",  # Another time than was signed.
        f"t=0{t[2:]},v1={mac}",
        f"{t},v1={mac},v1={mac}",
        signed(b"another", raw, now),
        signed(KEY, raw + b" ", now),
    ]
    for one in given:
        assert await elsewhere.post(raw, one) == 403, one
    assert await refusals(elsewhere) == ["hook-signature"] * len(given)
    assert await party(elsewhere) == "bot"
    assert await elsewhere.post(raw, f"{t},v1={mac}") == 200
    assert await party(elsewhere) == "agent"


@pytest.mark.parametrize("seconds", [TOLERANCE + 1, -TOLERANCE - 1, 36 * 86_400])
async def test_what_was_signed_too_long_ago_or_ahead_of_time_is_refused(elsewhere: Elsewhere, seconds: float) -> None:
    raw = await joined(elsewhere)
    early = signed(KEY, raw, elsewhere.world.clock.now())
    elsewhere.world.clock.move(timedelta(seconds=seconds))
    assert await elsewhere.post(raw, early) == 403
    assert await refusals(elsewhere) == ["hook-time"]
    assert await party(elsewhere) == "bot"
    # Signed anew it is what it was.
    assert await elsewhere.post(raw, signed(KEY, raw, elsewhere.world.clock.now())) == 200
    assert await party(elsewhere) == "agent"


@pytest.mark.parametrize("seconds", [TOLERANCE - 1, 1 - TOLERANCE])
async def test_clocks_may_differ_a_little(elsewhere: Elsewhere, seconds: float) -> None:
    raw = await joined(elsewhere)
    early = signed(KEY, raw, elsewhere.world.clock.now())
    elsewhere.world.clock.move(timedelta(seconds=seconds))
    assert await elsewhere.post(raw, early) == 200
    assert await party(elsewhere) == "agent"


def test_the_signature_is_as_the_paper_says() -> None:
    body = b'{"id":"e1","conversation":"c1","act":"joined","name":"Priya"}'
    made = signed(b"a shared secret", body, datetime.fromtimestamp(1794819600.9, UTC))
    assert f'header == "{made}"' in (ROOT / "docs" / "desk.md").read_text("utf-8")


@pytest.mark.promise("turn-once")
@pytest.mark.parametrize("kind", ["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_an_event_brought_again_at_once_changes_nothing_that_came_since(kind: str) -> None:
    async with AsyncExitStack() as stack:
        store = None
        if kind == "postgres":
            url = await stack.enter_async_context(fresh_database())
            store = await open_store(url, clock=SetClock(), log_channels=frozenset({CHANNEL}))
        world = DeskWorld(["customer C-1001"], store)
        stack.push_async_callback(world.close)
        elsewhere = Elsewhere(world)
        await elsewhere.open(stack)
        await brought_again(elsewhere)


async def brought_again(elsewhere: Elsewhere) -> None:
    world = elsewhere.world
    await world.says("human")
    await elsewhere.joins()
    conversation = (await world.store.query("SELECT id FROM conversation"))[0]["id"]
    raw = msgspec.json.encode({"id": "end", "conversation": conversation, "act": "resolved"})
    signature = signed(KEY, raw, world.clock.now())
    assert await elsewhere.post(raw, signature) == 200
    await world.settle()
    await world.says("human")
    [reference] = await elsewhere.waiting()
    # At the same moment, too.
    assert await asyncio.gather(*(elsewhere.post(raw, signature) for _ in range(3))) == [200] * 3
    await world.settle()
    assert await elsewhere.waiting() == [reference]
    assert await world.store.query("SELECT count(*) AS n FROM cases WHERE closed IS NULL") == [{"n": 1}]


async def test_what_we_sent_there_is_no_event_of_theirs(elsewhere: Elsewhere) -> None:
    await elsewhere.world.says("human")
    await elsewhere.waiting()
    assert len(elsewhere.desk.posts) >= 2
    for raw, signature in elsewhere.desk.posts:
        assert await elsewhere.post(raw, signature) == 400
    assert await party(elsewhere) == "bot"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"act": "note", "text": "private"}, 200),
        ({"act": "shouted"}, 400),
        ({"act": "said", "conversation": "x"}, 400),
        ({"act": "said", "id": ""}, 400),
    ],
)
async def test_notes_stay_there_and_nonsense_is_refused(elsewhere: Elsewhere, event: Any, status: int) -> None:
    await elsewhere.world.says("human")
    await elsewhere.hook(act="joined")
    await elsewhere.world.new()
    assert await elsewhere.hook(**event) == status
    assert await elsewhere.world.new() == []
