"""A person is asked for, in twelve wordings, at every step of every dialog that the transcripts reach."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bot.model import Address, Inbound
from bot.testing import Case, read
from bot.testing.player import Player
from bot.testing.transcripts import Line
from tests.contract.rigs.base import Rig, World, rigs
from tests.worlds.demo import DemoWorld, recogniser

FILES = sorted((Path(__file__).parents[1] / "transcripts").glob("*.md"))
RIGS = rigs()
WORDINGS = (
    "human",
    "HUMAN!!!",
    "talk to a person",
    "i want to speak to someone",
    "agent please",
    "can i talk to a real person",
    "representative",
    "customer service please",
    "put me through to somebody",
    "let me speak to a human being",
    "get me an operator",
    "i don't want to talk to a bot",
)
WITHIN = 20.0
"""Seconds from accept to waiting for a person, at most."""


@dataclass(frozen=True, slots=True)
class Step:
    """A conversation up to one of its lines, and what is said there."""

    case: Case
    upto: int
    wording: str
    attended: bool
    channel: str

    @property
    def given(self) -> list[str]:
        own = [line for line in self.case.given if not line.startswith("desk ")]
        return [*own, f"desk {'open' if self.attended else 'closed'}"]


def steps() -> Iterator[Step]:
    """Every step once, with wordings, hours and channels in turn (of lengths without a common factor)."""
    wordings, hours = itertools.cycle(WORDINGS), itertools.cycle((True, True, True, False, True))
    channels = itertools.cycle(sorted(RIGS) * 2 + sorted(RIGS)[:1])
    for case in [case for path in FILES for case in read(path)]:
        for upto, line in enumerate(case.lines, 1):
            if line.mark in ">%~@":
                yield Step(case, upto, next(wordings), next(hours), next(channels))


ALL = list(steps())


def frames(state: bytes) -> dict[str, dict[str, Any]]:
    """Every open dialog's answers and outcomes, by its run."""
    kept = msgspec.json.decode(state) if len(state) > 2 else {}
    found: dict[str, dict[str, Any]] = {}
    for stack in kept.get("k", ()):
        for dialog, frame in stack:
            if isinstance(frame, dict) and "j" in frame and dialog != "human":
                settled = {name: e for name, e in frame["j"].items() if not isinstance(e, dict) or e["s"] in "de"}
                found[f"{dialog} {frame['run']}"] = settled
    return found


def offered(state: bytes) -> set[str]:
    """The dialogs that a button of the last message begins again."""
    return {offer["d"] for offer in (msgspec.json.decode(state) if len(state) > 2 else {}).get("o", ())}


async def arrive(player: Player, step: Step) -> bool:
    """Play up to the step; False where this world has gone another way than the one the transcript was written in."""
    case = replace(step.case, given=step.given)
    await player.prepare(case)
    for line in case.lines[: step.upto]:
        if line.mark in ">%~@":
            try:
                await player.act(line, case)
            except AssertionError:
                return False
    return True


async def check(player: Player, step: Step) -> None:
    """Say it, and see that one turn later a person is waited for or promised, and nothing was lost."""
    store: Any = player.world.store
    before = (await store.query("SELECT state, party FROM conversation"))[0]
    said = await player.act(Line(">", step.wording, 0), step.case)
    after = (await store.query("SELECT state, party, seq, done FROM conversation"))[0]
    where = f"{step.case.path.stem}: {step.case.name}, after line {step.upto}, {step.wording!r} on {step.channel}"
    assert after["done"] == after["seq"], where
    for run, settled in frames(before["state"]).items():
        still = frames(after["state"]).get(run)
        if still is None and run.split()[0] in offered(after["state"]):
            # Its question had grown old: it is closed as ever, and can be begun again with the answers given.
            continue
        assert still is not None and settled.items() <= still.items(), f"{where}: {run} was lost"
    if before["party"] == "agent":
        return
    waiting = await store.query("SELECT state, live FROM desk_item WHERE state <> 'ended'")
    assert waiting, f"{where}: nobody waits; it said {said}"
    text = " ".join(said)
    if step.attended:
        assert waiting[0]["live"] == 1, where
        assert "colleague" in text or "kept that for them" in text, f"{where}: {said}"
    else:
        assert "8am on Tuesday 17 November" in text or "already has this" in text, f"{where}: {said}"


async def at(step: Step) -> bool:
    world = DemoWorld(step.given)
    try:
        player = OnChannel(world, "plain", channel=step.channel)
        if not await arrive(player, step):
            return False
        await check(player, step)
        return True
    finally:
        await world.close()


class OnChannel(Player):
    """A customer whose address is on this channel."""

    def __init__(self, world: Any, mode: Any, *, channel: str) -> None:
        super().__init__(world, mode)
        self.channel = channel

    @property
    def address(self) -> Address:
        return Address("larkspur", self.channel, self.channel, "1001")


class InApp(OnChannel):
    """A customer who uses the platform's own app: what they write comes in by our edge."""

    def __init__(self, world: Any, mode: Any, *, channel: str, rig: Rig) -> None:
        super().__init__(world, mode, channel=channel)
        self.rig, self.keys = rig, itertools.count(700_001)

    @property
    def address(self) -> Address:
        return Address("larkspur", self.rig.channel.name, self.channel, "1001")

    async def _accept(self, inbound: Inbound) -> None:
        if inbound.kind != "message":
            await Player._accept(self, inbound)
            return
        assert await self.rig.says(inbound.text, user="1001", key=str(next(self.keys))) == 200
        await self._settle()


def test_the_steps_have_every_wording_channel_and_hour() -> None:
    assert len(ALL) > 200
    assert {step.wording for step in ALL} == set(WORDINGS)
    assert {(step.channel, step.attended) for step in ALL} == {(c, a) for c in RIGS for a in (True, False)}
    assert all(recogniser().control(wording) == "human" for wording in WORDINGS)


@pytest.mark.slow
@pytest.mark.promise("human")
async def test_at_a_step_of_each_conversation() -> None:
    some = [step for step in ALL if step.upto == max(s.upto for s in ALL if s.case is step.case)]
    reached = [await at(step) for step in some]
    assert sum(reached) >= 0.8 * len(some)


@pytest.mark.long
@pytest.mark.promise("human")
@pytest.mark.parametrize("shift", range(3))
async def test_at_every_step_in_other_words_each_time(shift: int) -> None:
    turned = [
        replace(step, wording=WORDINGS[(WORDINGS.index(step.wording) + 4 * shift + at_) % len(WORDINGS)])
        for at_, step in enumerate(ALL)
    ]
    reached = [await at(step) for step in turned]
    assert sum(reached) >= 0.9 * len(turned)


@pytest.mark.long
@pytest.mark.promise("human")
@pytest.mark.parametrize("channel", sorted(RIGS))
async def test_by_each_channels_own_edge(channel: str) -> None:
    reached = 0
    mine = [step for step in ALL if step.channel == channel]
    for step in mine:
        world: Any = DemoWorld(step.given)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(world.close)
            opened = World(world.store, world.clock, recogniser().control)
            rig = await stack.enter_async_context(RIGS[channel].opened(opened))
            player = InApp(world, "plain", channel=channel, rig=rig)
            if await arrive(player, step):
                await check(player, step)
                reached += 1
    assert reached >= 0.9 * len(mine)


HUNG = (
    (["what is my balance"], "customer C-1001, known"),
    (["why is my bill higher"], "customer C-1001, known"),
    (["cancel a direct debit"], "customer C-1001, known"),
    (["how much is my bill"], "customer C-1001, known"),
)


@pytest.mark.slow
@pytest.mark.promise("human")
async def test_with_the_backend_hung_a_person_is_waited_for_within_twenty_seconds() -> None:
    async def one(said: list[str], customer: str, wording: str, *, effect: bool) -> float:
        world = DemoWorld([customer, "mandates M2 Mobile ending 412 £23.00", "desk open"])
        try:
            player = OnChannel(world, "plain", channel="webchat")
            case = Case("hung", Path("hung.md"), [customer])
            await player.prepare(case)
            for text in said[:-1]:
                await player.act(Line("%" if text.startswith("approves") else ">", text, 0), case)
            world.demo.failures.slow_seconds = 3600.0
            world.demo.failures.mode = "slow"
            last = said[-1]
            hanging = asyncio.create_task(player.act(Line("%" if last.startswith("approves") else ">", last, 0), case))
            await asyncio.sleep(1.0)
            assert not hanging.done()
            begun = time.perf_counter()
            address = player.address
            await world.store.accept(Inbound("human!", "message", world.clock.now(), address, text=wording), "human")
            while not await world.store.query("SELECT 1 FROM desk_item WHERE state = 'waiting' AND live = 1"):
                assert time.perf_counter() - begun < WITHIN, f"{said} {wording}"
                await asyncio.sleep(0.05)
                if hanging.done():
                    await player._settle(quietly=True)
            took = time.perf_counter() - begun
            hanging.cancel()
            await asyncio.gather(hanging, return_exceptions=True)
            if effect:
                kept = await world.store.query("SELECT status FROM effect")
                assert [row["status"] for row in kept] in (["intent"], ["unknown"])
            return took
        finally:
            await world.close()

    reads = [
        one(said, customer, wording, effect=False) for (said, customer), wording in zip(HUNG, WORDINGS, strict=False)
    ]
    cancels = ["cancel my direct debit", "[Yes, cancel it]", "approves as C-1001"]
    effects = [one(cancels, "customer C-1001, known", wording, effect=True) for wording in WORDINGS[4:7]]
    took = await asyncio.gather(*reads, *effects)
    assert max(took) < WITHIN
