"""The outbox worker: order, retries, refusals at the last moment, and what a broken adapter may do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest

from bot.delivery import BACKOFF, Delivery, Sending
from bot.errors import SendPermanent, SendTemporary, SendUncertain
from bot.model import Address, Inbound, Outbound, Window
from bot.ports import Capabilities, OutboxClaim, OutRow, Sql, Store, Work
from bot.store import open_sqlite
from bot.testing.clock import SetClock

ANA = Address("brand", "tele", "tele", "ana")
BOB = Address("brand", "tele", "tele", "bob")


@dataclass(slots=True)
class Platform:
    """A channel that does what the test says, text by text."""

    name: str = "tele"
    capabilities: Capabilities = field(default_factory=Capabilities)
    open_for: Window = "open"
    sent: list[str] = field(default_factory=list)
    found: dict[str, str | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    failing: dict[str, list[BaseException]] = field(default_factory=dict)
    hang: set[str] = field(default_factory=set)
    broken_window: bool = False

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        if self.broken_window:
            raise KeyError("a bug")
        return self.open_for

    async def send(self, held: OutboxClaim) -> str:
        text = held.said.text
        if text in self.hang:
            await asyncio.sleep(3600)
        if self.failing.get(text):
            raise self.failing[text].pop(0)
        self.sent.append(text)
        return f"p-{text}"

    async def find(self, held: OutboxClaim) -> str | None:
        self.asked.append(held.said.text)
        return self.found.get(held.said.text)


@dataclass(slots=True)
class World:
    """A store with an outbox, one channel, one delivery."""

    clock: SetClock
    store: Store
    platform: Platform
    told: list[tuple[str, str]] = field(default_factory=list)
    count: int = 0

    def sent(self, channel: str, status: Literal["sent", "retry", "dead", "expired", "withheld"]) -> None:
        self.told.append((channel, status))

    def delivery(self, *, deadline: float = 5.0) -> Delivery:
        return Delivery(self.store, {"tele": self.platform}, self.clock, sending=Sending(30.0, deadline), observer=self)

    async def says(self, *said: Outbound | str, address: Address = ANA) -> str:
        """One turn that says so."""
        self.count += 1
        accepted = await self.store.accept(Inbound(f"k{self.count}", "message", self.clock.now(), address))
        (claim,) = await self.store.claim(10, lease=30)
        rows = [OutRow(n, Outbound(text) if isinstance(text, str) else text) for n, text in enumerate(said)]
        await self.store.commit(claim, Work(b"{}", tuple(rows)), lease=30)
        return accepted.conversation

    async def once(self, **given: Any) -> int:
        """Send what is ready now, one head per conversation; returns how many."""
        held = await self.store.claim_outbox(10, lease=30.0)
        for row in held:
            await self.delivery(**given)._guarded(row)
        return len(held)

    async def drain(self, **given: Any) -> None:
        """Send all that is ready, without waiting for retries."""
        for _ in range(30):
            if not await self.once(**given):
                return

    async def status(self) -> list[tuple[str, str]]:
        """(text, status) in order."""
        rows = await self.store.query(
            "SELECT json_extract(body, '$.text') AS text, status FROM outbound ORDER BY conversation, seq, n"
        )
        return [(row["text"], row["status"]) for row in rows]

    def later(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = SetClock()
    store = open_sqlite(":memory:", clock=clock, now=lambda: clock.now().timestamp())
    yield World(clock, store, Platform())
    await store.close()


async def test_rows_of_one_conversation_go_out_in_order(world: World) -> None:
    await world.says("one", "two")
    await world.says("three")
    await world.drain()
    assert world.platform.sent == ["one", "two", "three"]
    assert {status for _, status in await world.status()} == {"sent"}


async def test_a_retry_keeps_the_order_and_waits_as_long_as_the_platform_asks(world: World) -> None:
    world.platform.failing["one"] = [SendTemporary("busy"), SendTemporary("busy", retry_after=60.0)]
    await world.says("one", "two")
    await world.drain()
    assert world.platform.sent == []
    world.later(BACKOFF[0] + 0.1)
    await world.drain()
    assert world.platform.sent == []
    world.later(50)
    await world.drain()
    assert world.platform.sent == [], "the platform asked for 60 seconds"
    world.later(11)
    await world.drain()
    assert world.platform.sent == ["one", "two"]
    assert world.told.count(("tele", "retry")) == 2


async def test_one_conversation_s_retry_does_not_hold_up_another(world: World) -> None:
    world.platform.failing["one"] = [SendTemporary("busy")]
    await world.says("one")
    await world.says("other", address=BOB)
    await world.drain()
    assert world.platform.sent == ["other"]


async def test_what_is_refused_for_good_is_a_dead_letter_and_the_rest_of_its_turn_superseded(world: World) -> None:
    world.platform.failing["one"] = [SendPermanent("blocked")]
    await world.says("one", "two", "three")
    await world.says("next turn")
    await world.drain()
    assert world.platform.sent == ["next turn"]
    assert await world.status() == [
        ("one", "dead"), ("two", "superseded"), ("three", "superseded"), ("next turn", "sent")
    ]  # fmt: skip
    rows = await world.store.query("SELECT reason FROM outbound WHERE status IN ('dead', 'superseded') ORDER BY n")
    assert "blocked" in rows[0]["reason"]
    assert all(row["reason"] for row in rows)
    assert ("tele", "dead") in world.told


async def test_retries_end(world: World) -> None:
    world.platform.failing["one"] = [SendTemporary("busy") for _ in range(20)]
    await world.says("one")
    for _ in range(20):
        await world.drain()
        world.later(700)
    assert await world.status() == [("one", "dead")]
    assert world.told == [("tele", "retry")] * len(BACKOFF) + [("tele", "dead")]


async def test_what_is_too_late_is_not_sent(world: World) -> None:
    await world.says(Outbound("old", expires_at=world.clock.now() + timedelta(seconds=10)), "rest")
    world.later(10)
    await world.drain()
    assert world.platform.sent == []
    assert (await world.status())[0] == ("old", "expired")


@pytest.mark.promise("private")
@pytest.mark.parametrize("kind", ["group", "public"])
async def test_what_names_an_account_never_goes_to_a_chat_that_is_not_private(world: World, kind: str) -> None:
    await world.says(Outbound("your bill is £31.00", private=True))
    await world.store.change([Sql("UPDATE conversation SET kind = :kind", {"kind": kind}, rows=1)])
    await world.drain()
    assert world.platform.sent == []
    assert (await world.status())[0] == ("your bill is £31.00", "dead")


@pytest.mark.parametrize("window", ["closed", "template_only"])
async def test_outside_the_window_nothing_free_is_sent(world: World, window: Window) -> None:
    world.platform.open_for = window
    await world.says("one", "two")
    await world.drain()
    assert world.platform.sent == []
    assert [status for _, status in await world.status()] == ["dead", "superseded"]


async def test_after_an_uncertain_send_the_platform_is_asked_first(world: World) -> None:
    world.platform.capabilities = Capabilities(reconciles=True)
    world.platform.failing["one"] = [SendUncertain("no answer")]
    world.platform.found["one"] = "p-found"
    await world.says("one", "two")
    await world.drain()
    world.later(2)
    await world.drain()
    assert world.platform.asked == ["one"]
    assert world.platform.sent == ["two"], "it had gone through"
    rows = await world.store.query("SELECT platform_id FROM outbound ORDER BY n")
    assert rows[0]["platform_id"] == "p-found"


async def test_an_uncertain_send_that_did_not_go_through_is_sent_once_more(world: World) -> None:
    world.platform.capabilities = Capabilities(reconciles=True)
    world.platform.failing["one"] = [SendUncertain("no answer")]
    await world.says("one")
    await world.drain()
    world.later(2)
    await world.drain()
    assert (world.platform.asked, world.platform.sent) == (["one"], ["one"])


async def test_a_platform_that_cannot_tell_is_sent_again_and_the_row_is_marked(world: World) -> None:
    world.platform.failing["one"] = [SendUncertain("no answer")]
    await world.says("one")
    await world.drain()
    world.later(2)
    await world.drain()
    assert (world.platform.asked, world.platform.sent) == ([], ["one"])
    assert (await world.store.query("SELECT uncertain FROM outbound"))[0]["uncertain"] == 1


async def test_uncertainty_outlives_a_later_plain_failure(world: World) -> None:
    world.platform.capabilities = Capabilities(reconciles=True)
    world.platform.failing["one"] = [SendUncertain("no answer"), SendTemporary("busy")]
    await world.says("one")
    for _ in range(3):
        await world.drain()
        world.later(20)
    assert world.platform.asked == ["one", "one"]


async def test_a_send_that_never_answers_ends_at_its_deadline_as_uncertain(world: World) -> None:
    world.platform.hang.add("one")
    await world.says("one")
    await world.once(deadline=0.05)
    (row,) = await world.store.query("SELECT status, uncertain, tries FROM outbound")
    assert (row["status"], row["uncertain"], row["tries"]) == ("queued", 1, 1)


async def test_a_worker_that_died_in_mid_send_leaves_the_row_uncertain(world: World) -> None:
    world.platform.capabilities = Capabilities(reconciles=True)
    await world.says("one")
    await world.store.claim_outbox(10, lease=30.0)
    world.later(31)
    await world.drain()
    assert world.platform.asked == ["one"]


@pytest.mark.promise("silent")
async def test_the_bot_s_rows_are_not_sent_while_a_person_holds_it_and_an_agent_s_are(world: World) -> None:
    await world.says("bot's")
    await world.store.change([Sql("UPDATE conversation SET party = 'agent'", {}, rows=1)])
    await world.says(Outbound("agent's", purpose="agent", author="Priya"))
    await world.drain()
    assert "bot's" not in world.platform.sent
    assert "agent's" in world.platform.sent
    assert (await world.status())[0] == ("bot's", "withheld")


async def test_an_agent_s_row_passes_the_bot_s_retries(world: World) -> None:
    world.platform.failing["bot's"] = [SendTemporary("busy") for _ in range(3)]
    await world.says("bot's")
    await world.drain()
    await world.store.change([Sql("UPDATE conversation SET party = 'agent'", {}, rows=1)])
    await world.says(Outbound("agent's", purpose="agent", author="Priya"))
    await world.drain()
    assert world.platform.sent == ["agent's"]


@pytest.mark.parametrize("where", ["send", "window"])
async def test_a_bug_in_an_adapter_stops_no_other_conversation(world: World, where: str) -> None:
    if where == "send":
        world.platform.failing["one"] = [KeyError("a bug")]
    else:
        world.platform.broken_window = True
    await world.says("one")
    held = await world.store.claim_outbox(10, lease=30.0)
    await world.delivery()._guarded(held[0])
    (row,) = await world.store.query("SELECT status, tries, uncertain FROM outbound")
    assert (row["status"], row["tries"]) == ("queued", 1)
    assert row["uncertain"] == (1 if where == "send" else 0)
    world.platform.broken_window = False
    await world.says("other", address=BOB)
    world.later(3)
    await world.drain()
    assert sorted(world.platform.sent) == ["one", "other"]


async def test_a_channel_that_is_not_configured_is_a_dead_letter(world: World) -> None:
    await world.says("one", address=Address("brand", "old", "old", "ana"))
    await world.drain()
    assert await world.status() == [("one", "dead")]


async def test_the_worker_runs_sends_and_stops(world: World) -> None:
    delivery = world.delivery()
    running = asyncio.create_task(delivery.run())
    await world.says("one", "two")
    await world.says("three", address=BOB)
    async with asyncio.timeout(5):
        while len(world.platform.sent) < 3:  # noqa: ASYNC110 - the platform has no event to wait for
            await asyncio.sleep(0.01)
    await delivery.stop()
    await asyncio.wait_for(running, 5)
    assert [text for text in world.platform.sent if text != "three"] == ["one", "two"]


async def test_a_fenced_send_changes_nothing(world: World) -> None:
    await world.says("one")
    (held,) = await world.store.claim_outbox(10, lease=30.0)
    world.later(31)
    (again,) = await world.store.claim_outbox(10, lease=30.0)
    await world.delivery()._guarded(held)
    assert (await world.status()) == [("one", "sending")]
    await world.delivery()._guarded(again)
    assert (await world.status()) == [("one", "sent")]
