"""Anything in any order, with accidents: what must hold whatever happens."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import Convo, DomainError, Offer, StepUpRefused, dialog, known
from tests.worlds.engine import Bank, Chat


@dialog("act", intents=["act"])
async def act(c: Convo, bank: Bank) -> None:
    """Picks, confirms, pays and pokes."""
    item = await c.choose("which", "q.which", await c.do(bank.items), label="item.label")
    if not await c.confirm("sure", "q.sure", write=True, thing=item.id):
        await c.say("said.kept")
        return
    await c.say("said.a")
    try:
        receipt = await c.once(bank.pay, thing=item.id)
        await c.say("said.paid", reference=receipt.reference).named("paid")
        again = await c.once(bank.poke, thing=item.id)
    except DomainError:
        await c.say("said.b")
        return
    await c.say("said.paid", reference=again.reference, offers=[Offer("offer.pay", "act")]).named("poked")


@dialog("shut", intents=["shut"], requires=known)
async def shut(c: Convo, bank: Bank) -> None:
    """Closes what is approved."""
    if not await c.confirm("sure", "q.sure", write=True, thing="M1"):
        return
    try:
        await c.step_up("close", thing="M1")
        receipt = await c.once(bank.close, thing="M1")
    except (StepUpRefused, DomainError):
        await c.say("said.b")
        return
    await c.say("said.paid", reference=receipt.reference)


@dialog("small", intents=["small"])
async def small(c: Convo, bank: Bank) -> None:
    """Asks, and calls."""
    name = await c.ask("name", "q.name", str)
    found = await c.do(bank.maybe, thing=name)
    await c.say("said.value", value=str(found is None))
    await c.handoff("complaint", about=name)


SAID = st.sampled_from(
    ["open act", "open shut", "open small", "Yes, pay it", "Leave it", "mobile", "home", "1", "M1", "yes", "no", "ok",
     "human", "stop", "blub", "", "open nothing"]
)  # fmt: skip
STEP = st.one_of(
    st.tuples(st.just("say"), SAID),
    st.tuples(st.just("say"), st.sampled_from(["open act", "mobile", "Yes, pay it"])),
    st.tuples(st.just("twice"), SAID),
    st.tuples(st.just("press"), st.integers(0, 5)),
    st.tuples(st.just("login"), st.sampled_from(["signs_in", "approves", "declines", "other", "unlink"])),
    st.tuples(st.just("signal"), st.sampled_from(["approved", "linked", "returned", "forged"])),
    st.tuples(st.just("agent"), st.sampled_from(["join", "say", "return"])),
    st.tuples(st.just("time"), st.sampled_from([1, 5, 60, 700, 1000, 100_000])),
    st.tuples(
        st.just("fail"),
        st.tuples(
            st.sampled_from(["items", "maybe", "pay", "paid", "poke", "poked", "close", "closed"]),
            st.sampled_from(["down", "lost", "die", "refuse", "bug"]),
        ),
    ),
    st.tuples(
        st.just("crash"),
        st.sampled_from(["before checkpoint", "after checkpoint", "before commit", "after commit"]),
    ),
)


async def step(chat: Chat, kind: str, what: Any) -> None:
    """One thing that happens."""
    if kind == "say":
        await chat.say(what)
    elif kind == "twice":
        await chat.accept("message", what)
        chat.count -= 1
        await chat.accept("message", what)
        await chat.settle()
    elif kind == "press":
        buttons = [choice for row in await chat.rows() for choice in row.choices]
        nonce = buttons[-1 - what].nonce if what < len(buttons) else "forged"
        await chat.accept("press", "pressed", nonce=nonce)
        await chat.settle()
    elif kind == "login":
        try:
            if what == "unlink":
                chat.login.unlink(address=chat.address, now=chat.clock.now(), reason="test")
            elif what == "declines":
                await chat.login.declines()
            elif what == "signs_in":
                await chat.login.signs_in("C-1")
            else:
                await chat.login.approves("C-1" if what == "approves" else "C-2")
        except LookupError:
            return
        await chat.settle()
    elif kind == "signal":
        frames = [frame for stack in (await chat.state()).get("k", []) for _, frame in stack] if chat.count else []
        ops = [frame["op"] for frame in frames if "op" in frame]
        await chat.signal(ops[-1] if ops else "gone", {"status": what, "grant": "forged"})
    elif kind == "agent":
        await chat.agent(what, "Hello." if what == "say" else "")
    elif kind == "time":
        await chat.after(seconds=what)
    elif kind == "fail":
        chat.bank.fail(what[0], what[1])
    else:
        chat.crashes[what] = 1


async def holds(chat: Chat) -> None:
    """What must hold at any time."""
    conversation = (await chat.store.query("SELECT id, seq, done, state, party FROM conversation") or [None])[0]
    if conversation is None:
        return
    assert conversation["done"] == conversation["seq"], "an inbound was not done"
    state = msgspec.json.decode(conversation["state"])
    assert len(state.get("k", [])) <= 3 + 2, "three, and the host's own"
    again = chat.turns().bridge
    stacks, rest = again.decode(conversation["state"])
    kept = again.encode(stacks, **{key: value for key, value in rest.items() if key not in ("v", "k")})
    assert msgspec.json.decode(kept) == state, "what was stored is not what is read"

    assert all(count == 1 for mark, count in chat.bank.executed.items() if not mark.startswith("poke")), "twice"
    effects = await chat.store.query("SELECT key, function, op, status, run, outcome FROM effect")
    assert len({(row["run"], row["op"]) for row in effects}) == len(effects), "one step of one run had two keys"
    assert {error for error, _ in chat.failures} <= {"RuntimeError", "Locked", "Deadly"}, chat.failures
    pokes = Counter(row["function"] for row in effects)["Bank.poke"]
    assert chat.bank.called("poke") <= pokes, "an effect without a key was called again"
    for row in effects:
        done = chat.bank.done.get(f"{row['function'].removeprefix('Bank.')} {row['key']}")
        if row["status"] == "done" and row["function"] != "Bank.poke":
            assert done is not None
    references = {receipt.reference for receipt in chat.bank.done.values()}
    paid = [row.text.removeprefix("Paid: ")[:-1] for row in await chat.rows() if row.text.startswith("Paid: ")]
    assert set(paid) <= references, "done was said of what was not done"
    firsts = [reference for reference in paid if not reference.startswith("poke")]
    assert len(firsts) == len(set(firsts)), "done was said twice"
    seqs = await chat.store.query("SELECT seq, n FROM outbound ORDER BY seq, n")
    assert len({(row["seq"], row["n"]) for row in seqs}) == len(seqs)
    grants = await chat.store.query("SELECT used_by FROM step_up_grant")
    assert chat.bank.called("close") == 0 or any(row["used_by"] for row in grants)


async def play(steps: list[tuple[str, Any]]) -> Chat:
    """All steps, and the rules after each; then time enough for everything to settle."""
    chat = Chat(act, shut, small)
    try:
        await chat.know()
        for kind, what in steps:
            await step(chat, kind, what)
            await holds(chat)
        chat.bank.heal()
        chat.crashes.clear()
        if chat.count:
            await chat.agent("return")
        await chat.after(days=1)
        await holds(chat)
        if chat.count:
            waiting = [frame for stack in (await chat.state()).get("k", []) for _, frame in stack]
            for frame in waiting:
                for name, entry in frame["j"].items():
                    unsettled = isinstance(entry, dict) and entry["s"] == "i"
                    assert not unsettled or frame is not waiting[-1], f"{name} was never settled"
    finally:
        await chat.close()
    return chat


@pytest.mark.slow
@pytest.mark.promise("never-lost", "turn-once", "effects-once", "assured")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(STEP, max_size=14))
def test_whatever_happens(steps: list[tuple[str, Any]]) -> None:
    asyncio.run(play(steps))


ROAD: list[tuple[str, Any]] = [("say", "open act"), ("say", "mobile"), ("say", "Yes, pay it"), ("time", 60)]


@pytest.mark.slow
@pytest.mark.promise("effects-once")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=4), st.lists(STEP, max_size=3), st.lists(STEP, max_size=3))
def test_on_the_way_to_an_effect(before: Any, between: Any, after: Any) -> None:
    asyncio.run(play([*before, *ROAD[:2], *between, *ROAD[2:], *after]))


def test_the_way_leads_there_when_nothing_happens() -> None:
    chat = asyncio.run(play(ROAD))
    assert chat.bank.called("pay") == 1
    assert chat.bank.called("poke") == 1
