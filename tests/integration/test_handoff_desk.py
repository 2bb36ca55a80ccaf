"""The desk over HTTP: who may come in, what is refused, and what agents do."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from bot.model import Inbound
from bot.ports import Sql
from tests.worlds.desk import Agents, DeskWorld, browser, serving


class Desk:
    """A served desk and its browsers."""

    def __init__(self, world: DeskWorld, server: TestServer, stack: AsyncExitStack) -> None:
        self.world, self.server, self._stack = world, server, stack

    async def agent(self, who: str = "") -> Agents:
        return await self._stack.enter_async_context(browser(self.server, self.world, who))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    world = DeskWorld(["customer C-1001", "mandates M1 Home broadband £31.00 | M2 Mobile ending 412 £23.00"])
    world.login.clock = world.clock
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        server = await stack.enter_async_context(serving(world))
        yield Desk(world, server, stack)


# Who may come in


async def test_without_a_session_everything_is_refused_and_kept(desk: Desk) -> None:
    nobody = await desk.agent()
    await desk.world.says("talk to a person")
    case = await desk.world.case()
    for path in ("me", "queue", "figures", f"cases/{case}", f"cases/{case}/lines", "replies"):
        status, said = await nobody.get(path)
        assert (status, said["error"]["code"]) == (401, "SignIn")
    for path in ("presence", "claim", "say", "note", "resolve", "return", "act", "transfer", "offer", "snooze"):
        where = path if path == "presence" else f"cases/{case}/{path}"
        assert (await nobody.post(where))[0] == 401
    async with nobody.session.get(f"{nobody.base}/desk/events") as answer:
        assert answer.status == 401
    async with nobody.session.get(f"{nobody.base}/desk", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/desk/login")
    assert (await desk.world.audited()).count("refused") == 17


async def test_whoever_has_no_role_gets_no_session(desk: Desk) -> None:
    lee = await desk.agent()
    assert await lee.sign_in("lee") == 403
    assert (await lee.get("me"))[0] == 401
    assert "refused" in await desk.world.audited()
    assert await desk.world.store.query("SELECT * FROM desk_session") == []


async def test_a_sign_in_that_was_begun_elsewhere_is_refused(desk: Desk) -> None:
    eve = await desk.agent()
    for at in ("callback?code=priya&state=guessed", "callback"):
        async with eve.session.get(f"{eve.base}/desk/{at}", allow_redirects=False) as answer:
            assert answer.status == 403
    async with eve.session.get(f"{eve.base}/desk/login", allow_redirects=False):
        pass
    async with eve.session.get(f"{eve.base}/desk/callback?code=priya&state=guessed") as answer:
        assert answer.status == 403
    assert (await desk.world.audited()) == ["refused"] * 3


@pytest.mark.parametrize(
    "headers", [{"X-Desk-CSRF": ""}, {"X-Desk-CSRF": "0" * 64}, {"Origin": "https://evil.example"}]
)
async def test_a_forged_request_is_refused_and_kept(desk: Desk, headers: dict[str, str]) -> None:
    priya = await desk.agent("priya")
    await desk.world.says("talk to a person")
    case = await desk.world.case()
    status, said = await priya.post(f"cases/{case}/claim", **headers)
    assert (status, said["error"]["code"]) == (403, "Forbidden")
    assert (await priya.get("queue"))[1]["waiting"][0]["state"] == "waiting"
    assert (await desk.world.audited())[-1] == "refused"


async def test_another_sessions_token_is_a_forged_one(desk: Desk) -> None:
    priya, tom = await desk.agent("priya"), await desk.agent("tom")
    assert (await tom.post("presence", {"state": "away"}, **{"X-Desk-CSRF": priya.csrf}))[0] == 403


async def test_leads_pages_are_for_leads(desk: Desk) -> None:
    priya, amara = await desk.agent("priya"), await desk.agent("amara")
    assert (await priya.get("figures"))[0] == 403
    assert (await priya.post("approvals/x", {"decision": "approve"}))[0] == 403
    assert (await priya.post("replies", {"shortcut": "a", "title": "a", "text": "a", "shared": True}))[0] == 403
    assert (await desk.world.audited()).count("refused") == 3
    status, figures = await amara.get("figures?hours=24")
    assert status == 200
    assert figures["groups"][0]["handoffs"] == 0


async def test_another_agents_conversation_is_refused_and_kept(desk: Desk) -> None:
    priya, tom, amara = await desk.agent("priya"), await desk.agent("tom"), await desk.agent("amara")
    await desk.world.says("talk to a person")
    case = await desk.world.case()
    assert (await tom.get(f"cases/{case}"))[0] == 200
    assert (await priya.post(f"cases/{case}/claim"))[0] == 200
    before = (await desk.world.audited()).count("refused")
    for path in (f"cases/{case}", f"cases/{case}/lines", f"cases/{case}/files/x"):
        assert (await tom.get(path))[0] == 403
    key = {"key": "k" * 12}
    for path, body in (
        ("say", {**key, "text": "hello"}),
        ("note", {**key, "text": "hello"}),
        ("resolve", key),
        ("return", key),
        ("offer", {**key, "dialog": "bill"}),
        ("act", {**key, "act": "ticket", "reason": "r"}),
        ("transfer", {}),
        ("snooze", {"until": "2027-01-01T00:00:00Z"}),
        ("viewing", {}),
    ):
        assert (await tom.post(f"cases/{case}/{path}", body))[0] == 403, path
    async with tom.session.get(f"{tom.base}/desk/events?case={case}") as answer:
        assert answer.status == 403
    assert (await desk.world.audited()).count("refused") == before + 13
    assert (await amara.get(f"cases/{case}"))[0] == 200
    assert (await amara.post(f"cases/{case}/say", {**key, "text": "hello"}))[0] == 403
    assert (await tom.get("queue"))[1]["others"][0]["last"] is None
    assert (await tom.get("cases/nothing"))[0] == 404


async def test_a_session_ends_with_its_time_and_at_sign_out(desk: Desk) -> None:
    priya, tom = await desk.agent("priya"), await desk.agent("tom")
    async with priya.session.post(f"{priya.base}/desk/logout", headers={"X-Desk-CSRF": priya.csrf}) as answer:
        assert answer.status == 204
    assert (await priya.get("me"))[0] == 401
    desk.world.clock.move(timedelta(hours=10))
    assert (await tom.get("me"))[0] == 401


# Conversations


@pytest.mark.promise("silent")
async def test_one_of_two_who_take_it_has_it(desk: Desk) -> None:
    priya, tom = await desk.agent("priya"), await desk.agent("tom")
    await desk.world.says("talk to a person")
    case = await desk.world.case()
    assert (await priya.post(f"cases/{case}/claim", run=False))[0] == 200
    status, said = await tom.post(f"cases/{case}/claim")
    assert status == 409
    assert said["error"] == {"code": "Taken", "message": "Somebody else was faster. Priya Shah has it."}
    assert (await desk.world.new())[-1] == "Priya from Larkspur Mobile has joined."
    assert await desk.world.says("anybody?") == []
    shown = (await priya.get("queue"))[1]["mine"][0]
    assert (shown["unread"], shown["last"]["text"]) == (1, "anybody?")


async def test_a_whole_conversation(desk: Desk) -> None:
    world = desk.world
    await world.says("cancel a direct debit")
    priya = await desk.agent("priya")
    await world.says("i want to talk to a person")
    case = await world.case()
    assert (await priya.post(f"cases/{case}/claim"))[0] == 200
    status, whole = await priya.get(f"cases/{case}")
    assert status == 200
    assert whole["may"] == {"claim": False, "write": True, "why": ""}
    said = [(line["side"], line["text"][:24]) for line in whole["lines"] if line["kind"] != "receipt"]
    assert said[0] == ("customer", "cancel a direct debit")
    assert ("customer", "i want to talk to a pers") in said
    context = whole["context"]
    assert context["summary"][0] == "Asked for a person"
    assert [one["intent"] for one in context["trail"]] == ["cancel_direct_debit", "human"]
    assert context["suggested"]["dialog"] == "cancel_direct_debit"
    key = priya.key()
    status, made = await priya.post(f"cases/{case}/say", {"key": key, "text": "Hello, I'm Priya."})
    assert (status, made["line"]["key"]) == (200, key)
    assert (await world.new())[-1] == "Priya:  Hello, I'm Priya."
    await priya.post(f"cases/{case}/say", {"key": key, "text": "Hello, I'm Priya."})
    assert await world.new() == []
    lines = (await priya.get(f"cases/{case}/lines"))[1]["lines"]
    mine = [line for line in lines if line["key"] == key]
    assert [(line["mine"], line["status"], line["author"]) for line in mine] == [(True, "sent", "Priya")]
    assert (await priya.post(f"cases/{case}/resolve", {"key": priya.key(), "note": "done"}))[0] == 200
    assert (await priya.get("queue"))[1]["mine"] == []
    assert (await priya.get(f"cases/{case}"))[0] in (403, 404)
    closed = await world.store.query("SELECT outcome FROM cases")
    assert [row["outcome"] for row in closed] == ["resolved"]


@pytest.mark.promise("private")
async def test_a_note_never_reaches_the_customer(desk: Desk) -> None:
    priya, amara = await desk.agent("priya"), await desk.agent("amara")
    await desk.world.says("talk to a person")
    case = await desk.world.case()
    await priya.post(f"cases/{case}/claim")
    await desk.world.new()
    secret = "he sounds tired, be kind"
    assert (await priya.post(f"cases/{case}/note", {"key": priya.key(), "text": secret}))[0] == 200
    assert (await priya.post(f"cases/{case}/transfer", {"to_skill": "care", "note": f"{secret} 2", "key": "k" * 9}))[
        0
    ] == 200
    for table, column in (("outbound", "body"), ("entry", "body"), ("inbound", "data"), ("inbound", "text")):
        rows = await desk.world.store.query(f"SELECT {column} AS it FROM {table}")
        assert not any(secret in str(row["it"]) for row in rows), table
    lines = (await amara.get(f"cases/{case}"))[1]["lines"]
    assert [line["text"] for line in lines if line["kind"] == "note"] == [secret, f"{secret} 2"]


@pytest.mark.promise("silent")
async def test_what_the_bot_could_no_longer_say_is_shown_to_the_agent(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await world.store.change([Sql("UPDATE conversation SET party = 'agent', party_epoch = party_epoch + 1", {})])
    rows = await world.store.query("SELECT id FROM conversation")
    notice = {"notice": "host.desk-kept", "values": {}}
    await world.store.accept(Inbound("late", "signal", world.clock.now(), conversation=rows[0]["id"], data=notice))
    await world.settle()
    await world.new()
    lines = (await priya.get(f"cases/{case}"))[1]["lines"]
    assert [line["text"] for line in lines if line["kind"] == "withheld"] == ["Thanks, I've kept that for them."]


async def test_back_to_the_bot_the_line_shown_is_the_line_read(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("cancel a direct debit")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.new()
    line = (await priya.post(f"cases/{case}/preview", {"how": "resume"}))[1]["line"]
    assert (await priya.post(f"cases/{case}/return", {"key": priya.key(), "how": "resume"}))[0] == 200
    said = await world.new()
    assert said[0] == line
    assert said[1].startswith("Which Direct Debit?")
    assert (await priya.post(f"cases/{case}/say", {"key": priya.key(), "text": "one more thing"}))[0] in (403, 404)


async def test_a_dialog_is_offered_and_needs_the_customers_own_approval(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    body = {"key": priya.key(), "dialog": "cancel_direct_debit", "answers": {"service": "mobile"}}
    assert (await priya.post(f"cases/{case}/offer", body))[0] == 200
    assert (await priya.post(f"cases/{case}/offer", {**body, "dialog": "human"}))[0] == 400
    await world.presses("Start")
    said = await world.presses("Yes, cancel it")
    assert said == ["Please approve this on our secure page.  [Approve]"]
    assert await world.effects() == []
    await world.login.approves("C-1001")
    await world.settle()
    assert await world.effects() == ["debits.cancel mandate=M2"]
    whole = (await priya.get(f"cases/{case}"))[1]
    assert whole["context"]["effects"][0]["reference"] == "DD-7781"
    assert whole["item"]["mine"]


async def test_put_aside_until_the_customer_writes(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await priya.post(f"cases/{case}/seen", {"pos": 99})
    assert (await priya.post(f"cases/{case}/snooze", {"until": "2026-11-16T09:00:00Z"}))[0] == 400
    assert (await priya.post(f"cases/{case}/snooze", {"until": "2026-11-16T12:00:00Z"}))[0] == 200
    assert [one["case"] for one in (await priya.get("queue"))[1]["snoozed"]] == [case]
    await world.site.staff.seen((await priya.get("me"))[1]["agent"]["id"])
    await world.later(hours=2, seconds=1)
    assert (await priya.get("queue"))[1]["snoozed"] == []


async def sent_file(agent: Agents, case: str, body: bytes, name: str, type_: str) -> tuple[int, Any]:
    """As the console sends one."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(body), filename=name, content_type=type_)
    at = f"{agent.base}/desk/api/cases/{case}/files"
    async with agent.session.post(at, data=form, headers={"X-Desk-CSRF": agent.csrf}) as answer:
        assert answer.status != 429 or int(answer.headers["Retry-After"]) >= 1
        return answer.status, await answer.json()


async def test_an_agent_may_send_so_many_files_and_a_colleague_at_the_same_address_besides(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    found = [await sent_file(priya, case, b"%PDF-1.7", "letter.pdf", "application/pdf") for _ in range(30)]
    statuses = [status for status, _ in found]
    assert statuses[:20] == [200] * 20
    assert 429 in statuses
    assert next(body for status, body in found if status == 429)["error"]["code"] == "TooManyRequests"
    assert (await world.store.query("SELECT count(*) AS n FROM desk_file"))[0]["n"] == statuses.count(200)
    amara = await desk.agent("amara")
    assert (await priya.post(f"cases/{case}/transfer", {"to_skill": "care", "key": priya.key()}))[0] == 200
    assert (await amara.post(f"cases/{case}/claim"))[0] == 200
    assert (await sent_file(amara, case, b"%PDF-1.7", "letter.pdf", "application/pdf"))[0] == 200


async def test_files_are_known_by_their_bytes(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.says("talk to a person")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    upload = partial(sent_file, priya, case)
    assert (await upload(b"MZ\x90\x00\x03" + bytes(range(256)), "photo.png", "image/png"))[0] == 400
    assert (await upload(b"%PDF-" + b"x" * 5_000_001, "big.pdf", "application/pdf"))[0] == 413
    status, made = await upload(b"%PDF-1.7 a letter", "../../letter.pdf", "image/png")
    assert status == 200
    assert (made["file"]["type"], made["file"]["name"]) == ("application/pdf", "letter.pdf")
    assert (await priya.post(f"cases/{case}/say", {"key": priya.key(), "file": made["file"]["id"]}))[0] == 200
    assert "letter.pdf" in (await world.new())[-1]
    async with priya.session.get(f"{priya.base}/desk/api/cases/{case}/files/{made['file']['id']}") as answer:
        assert (answer.status, await answer.read()) == (200, b"%PDF-1.7 a letter")
        assert answer.headers["Content-Disposition"].startswith("attachment")
    assert (await priya.post(f"cases/{case}/say", {"key": priya.key(), "file": "of another case"}))[0] == 400


# Their own power


@pytest.mark.promise("effects-once")
async def test_a_goodwill_credit_within_the_limit_is_done_once_and_told(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.new()
    body = {"key": priya.key(), "act": "goodwill", "amount": 1000, "reason": "waited a week"}
    status, made = await priya.post(f"cases/{case}/act", body)
    assert (status, made["status"], made["reference"]) == (200, "done", "GW-1")
    assert (await world.new())[-1] == "A credit of £10.00 is on your account, reference GW-1."
    again = (await priya.post(f"cases/{case}/act", body))[1]
    assert again["status"] == "done"
    assert list(world.acts.done_by.values()) == [("goodwill", 1000)]
    assert await world.new() == []
    effects = (await priya.get(f"cases/{case}"))[1]["context"]["effects"]
    assert (effects[0]["by"], effects[0]["reason"], effects[0]["status"]) == ("Priya Shah", "waited a week", "done")
    assert [what for what in await world.audited() if what.startswith("act_")] == ["act_begun", "act_done", "act_begun"]


@pytest.mark.promise("effects-once")
async def test_above_the_limit_a_lead_decides_and_never_on_their_own_wish(desk: Desk) -> None:
    world, priya, amara = desk.world, await desk.agent("priya"), await desk.agent("amara")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    body = {"key": priya.key(), "act": "goodwill", "amount": 1001, "reason": "waited a month"}
    made = (await priya.post(f"cases/{case}/act", body))[1]
    assert made["status"] == "waiting_approval"
    assert world.acts.calls == 0
    waiting = (await amara.get("queue"))[1]["approvals"]
    assert [(one["amount"], one["by"]["name"]) for one in waiting] == [(1001, "Priya Shah")]
    assert (await priya.get("queue"))[1]["approvals"] == []
    assert (await priya.post(f"approvals/{waiting[0]['id']}", {"decision": "approve"}))[0] == 403
    await world.new()
    status, decided = await amara.post(f"approvals/{waiting[0]['id']}", {"decision": "approve", "reason": "fair"})
    assert (status, decided["approval"]["state"]) == (200, "approved")
    assert (await world.new())[-1] == "A credit of £10.01 is on your account, reference GW-1."
    assert (await amara.post(f"approvals/{waiting[0]['id']}", {"decision": "decline"}))[0] == 409
    await world.says("human", "ben")
    other = await world.case("ben")
    await amara.post(f"cases/{other}/claim")
    big = {"key": amara.key(), "act": "goodwill", "amount": 5001, "reason": "r"}
    assert (await amara.post(f"cases/{other}/act", big))[0] == 403


@pytest.mark.promise("effects-once")
@pytest.mark.parametrize("how", ["lost", "down"])
async def test_an_act_that_is_unclear_is_read_back_and_never_repeated(desk: Desk, how: str) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    await world.new()
    world.acts.how = how
    body = {"key": priya.key(), "act": "goodwill", "amount": 500, "reason": "r"}
    assert (await priya.post(f"cases/{case}/act", body))[1]["status"] == "unknown"
    assert await world.new() == []
    world.acts.how = ""
    await world.site.staff.seen((await priya.get("me"))[1]["agent"]["id"])
    await world.later(seconds=15)
    assert world.acts.calls == 1
    status = await world.store.query("SELECT status FROM desk_act")
    assert status[0]["status"] == ("done" if how == "lost" else "unknown")
    assert ("A credit of £5.00 is on your account, reference GW-1." in await world.new()) == (how == "lost")


async def test_a_refused_act_is_said_to_be_refused(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    await world.says("human")
    case = await world.case()
    await priya.post(f"cases/{case}/claim")
    world.acts.how = "refuse"
    body = {"key": priya.key(), "act": "ticket", "text": "a new SIM", "reason": "lost"}
    assert (await priya.post(f"cases/{case}/act", body))[1]["status"] == "refused"
    assert (await priya.post(f"cases/{case}/act", {**body, "key": priya.key(), "act": "bribe"}))[0] == 403


# Live


async def test_the_stream_tells_within_a_second(desk: Desk) -> None:
    world, priya = desk.world, await desk.agent("priya")
    live = asyncio.create_task(world.site.live.run())
    seen: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    async def read(answer: Any) -> None:
        name = ""
        async for raw in answer.content:
            text = raw.decode().rstrip("\r\n")
            if text.startswith("event: "):
                name = text[7:]
            elif text.startswith("data: "):
                seen.put_nowait((name, msgspec.json.decode(text[6:])))

    async def until(name: str, within: float = 3.0) -> Any:
        async with asyncio.timeout(within):
            while True:
                found, data = await seen.get()
                if found == name:
                    return data

    async with priya.session.get(f"{priya.base}/desk/events") as answer:
        assert answer.status == 200
        reading = asyncio.create_task(read(answer))
        assert "now" in await until("hello")
        assert (await until("queue"))["counts"]["waiting"] == 0
        await world.says("my name is Ana")
        await world.says("talk to a person")
        notice = await until("notify", within=1.0)
        assert (notice["kind"], notice["title"]) == ("waiting", "Asked for a person")
        assert "Ana" not in str(notice)
        case = await world.case()
        reading.cancel()
    async with priya.session.get(f"{priya.base}/desk/events?case={case}") as answer:
        reading = asyncio.create_task(read(answer))
        await until("lines")
        await priya.post(f"cases/{case}/claim")
        await until("context")
        await world.says("are you there?")
        lines = await until("lines")
        while not any(line["text"] == "are you there?" for line in lines["lines"]):
            lines = await until("lines")
        await world.site.live.stop()
        await until("bye")
        await reading
    await live
