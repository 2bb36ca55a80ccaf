"""Retention: what is old goes, what is not old or still needed stays, on both stores, a few rows at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from bot.model import Address, Inbound, Outbound
from bot.ports import OutRow, Sql, Store, Work
from bot.retention import ELSEWHERE, RULES, SEEN, Retention
from bot.settings import RetentionSettings
from bot.store import open_store
from bot.store.schema import metadata
from bot.testing.clock import SetClock
from tests.postgres import fresh_database

DAYS = RetentionSettings().model_dump(exclude={"batch", "every"})
ANA = Address("larkspur", "telegram", "telegram", "ana")
BOB = Address("larkspur", "telegram", "telegram", "bob")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(request: pytest.FixtureRequest, clock: SetClock) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database()) if request.param == "postgres" else "sqlite://:memory:"
        made = await open_store(url, clock=clock)
        stack.push_async_callback(made.close)
        yield made


def walk(store: Store, clock: SetClock, batch: int = 10, **days: int) -> Retention:
    return Retention(store, clock, {**DAYS, **days}, batch=batch, every=0.001)


async def message(store: Store, clock: SetClock, key: str, address: Address = ANA) -> str:
    inbound = Inbound(key=key, kind="message", at=clock.now(), address=address, text="hello")
    return (await store.accept(inbound)).conversation


async def turn(store: Store, *texts: str) -> None:
    [claim] = await store.claim(1, lease=30)
    rows = tuple(OutRow(n, Outbound(text=text)) for n, text in enumerate(texts))
    following: Any = await store.commit(claim, Work(state=b"{}", rows=rows), lease=30)
    while following is not None:
        following = await store.commit(following, Work(state=b"{}", rows=()), lease=30)


async def count(store: Store, table: str) -> int:
    return int((await store.query(f"SELECT count(*) AS n FROM {table}"))[0]["n"])


def test_every_table_is_walked_or_said_not_to_be() -> None:
    walked = {rule.table for rule in RULES}
    assert walked.isdisjoint(ELSEWHERE)
    assert walked | ELSEWHERE == set(metadata.tables), "a new table needs a rule in bot/retention.py, or a reason"
    for rule in RULES:
        table = metadata.tables[rule.table]
        unique = {frozenset(one.name for one in table.primary_key.columns)}
        assert frozenset(rule.key) in unique, f"{rule.table} is walked by its primary key"


async def test_each_kind_goes_when_its_own_days_are_over(store: Store, clock: SetClock) -> None:
    conversation = await message(store, clock, "m1")
    await turn(store, "hi")
    [held] = await store.claim_outbox(1, lease=30)
    await store.sent(held, platform_id="1", at=clock.now())
    assert await store.claim_outbox(1, lease=30) == []
    retention = walk(store, clock)
    clock.move(timedelta(days=29))
    assert await retention.whole() == {}
    clock.move(timedelta(days=2))
    assert await retention.whole() == {"inbound": 1, "outbound": 1}
    clock.move(timedelta(days=5))
    assert await retention.whole() == {"seen": 1}
    clock.move(timedelta(days=350))
    assert await count(store, "entry") == 3
    clock.move(timedelta(days=10))
    assert await retention.whole() == {"entry": 3, "conversation": 1}
    # Whoever writes again begins anew.
    assert await message(store, clock, "m2") != conversation


@pytest.mark.promise("never-lost")
async def test_what_is_not_handled_or_not_sent_yet_is_never_too_old(store: Store, clock: SetClock) -> None:
    await message(store, clock, "m1", BOB)
    await turn(store, "not sent yet")
    await message(store, clock, "m2")
    clock.move(timedelta(days=4000))
    await walk(store, clock).whole()
    [claim] = await store.claim(1, lease=30)
    assert (claim.address, claim.inbound.text) == (ANA, "hello")
    assert [row.said.text for row in await store.claim_outbox(5, lease=30)] == ["not sent yet"]
    assert await count(store, "conversation") == 2


async def test_a_key_is_remembered_for_35_days_whatever_the_settings_say(store: Store, clock: SetClock) -> None:
    await message(store, clock, "m1")
    await turn(store)
    retention = walk(store, clock, **dict.fromkeys(DAYS, 1), seen=1)
    clock.move(timedelta(days=SEEN - 1))
    await retention.whole()
    assert (
        await store.accept(Inbound(key="m1", kind="message", at=clock.now(), address=ANA, text="again"))
    ).fresh is False
    clock.move(timedelta(days=2))
    assert (await retention.whole())["seen"] == 1


async def test_a_chat_with_a_connection_or_a_case_stays(store: Store, clock: SetClock) -> None:
    for address in (ANA, BOB):
        await message(store, clock, address.user, address)
        await turn(store)
    at = clock.now().timestamp()
    linked = {
        "id": "l", "brand": "larkspur", "connection": "telegram", "channel": "telegram", "user_id": "bob",
        "person": "p", "issuer": "i", "sub": "s", "customer_ref": "C", "auth_time": at, "linked_at": at,
        "last_used_at": at, "expires_at": at,
    }  # fmt: skip
    names = ", ".join(linked)
    await store.change(
        [Sql(f"INSERT INTO identity_link ({names}) VALUES ({', '.join(f':{name}' for name in linked)})", linked)]
    )
    clock.move(timedelta(days=4000))
    await walk(store, clock).whole()
    assert [row["user_id"] for row in await store.query("SELECT user_id FROM conversation")] == ["bob"]


async def test_nought_days_keep_for_ever(store: Store, clock: SetClock) -> None:
    await message(store, clock, "m1")
    await turn(store)
    clock.move(timedelta(days=30_000))
    assert await walk(store, clock, **dict.fromkeys(DAYS, 0)).whole() == {"seen": 1}


async def test_no_batch_is_larger_than_it_may_be_and_old_ones_between_new_ones_are_found(
    store: Store, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(35):
        await message(store, clock, f"old{at}", Address("larkspur", "telegram", "telegram", f"u{at}"))
    clock.move(timedelta(days=400))
    for at in range(35):
        await message(store, clock, f"new{at}", Address("larkspur", "telegram", "telegram", f"v{at}"))
    deleted: list[int] = []
    real = Retention.step

    async def counted(self: Retention, rule: Any) -> int:
        deleted.append(await real(self, rule))
        return deleted[-1]

    monkeypatch.setattr(Retention, "step", counted)
    gone = await walk(store, clock, batch=10).whole()
    assert gone == {"seen": 35, "entry": 35}
    assert max(deleted) <= 10
    assert await count(store, "entry") == 35


async def test_several_walk_at_once_and_nobody_waits_for_them(store: Store, clock: SetClock) -> None:
    for at in range(300):
        await message(store, clock, f"old{at}", Address("larkspur", "telegram", "telegram", f"u{at}"))
    clock.move(timedelta(days=400))
    walkers = [walk(store, clock, batch=50) for _ in range(3)]
    tasks = [asyncio.create_task(one.run()) for one in walkers]
    took: list[float] = []
    for at in range(100):
        began = time.perf_counter()
        await message(store, clock, f"new{at}")
        took.append(time.perf_counter() - began)
    for table in ("entry", "seen"):
        while await count(store, table) > 100:  # noqa: ASYNC110 - it is a database that changes, not an event
            await asyncio.sleep(0.01)
    for one in walkers:
        await one.stop()
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert await count(store, "seen") == 100
    # The bound is wide, for machines with other things to do; a table that was locked for its walk would pass it.
    assert sorted(took)[94] < 0.5
