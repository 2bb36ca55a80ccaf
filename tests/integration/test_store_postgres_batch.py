"""Many accepted or committed at once on PostgreSQL: one statement for all, and none of them spoils another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from benchmarks._postgres import server
from bot.errors import Conflict, Fenced, StoreUnavailable
from bot.model import Accepted, Address, Inbound, Outbound
from bot.ports import Claim, OutRow, Store, Work
from bot.store import migrate, open_store, postgres_bulk
from bot.store.faults import StatementWrong
from tests.postgres import fresh_database

pytestmark = pytest.mark.postgres

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)
SAID = (OutRow(0, Outbound("hi")),)


def message(key: str, user: str, connection: str = "telegram") -> Inbound:
    return Inbound(key=key, kind="message", at=AT, address=Address("larkspur", connection, "telegram", user), text=key)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with fresh_database() as url:
        yield url


@pytest.fixture
async def stores(url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Two processes' stores on one database, as far as the database can tell."""
    one, other = await open_store(url), await open_store(url)
    yield one, other
    await one.close()
    await other.close()


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    return stores[0]


@pytest.fixture
async def con(url: str) -> AsyncIterator[Any]:
    """A connection of somebody else's."""
    made = await asyncpg.connect(url)
    yield made
    await made.close()


async def accept(store: Store, inbounds: Sequence[Inbound]) -> list[Accepted]:
    return await asyncio.gather(*[store.accept(inbound) for inbound in inbounds])


async def claimed(store: Store, users: int) -> dict[str, Claim]:
    """That many customers' first messages, claimed."""
    await accept(store, [message(f"m{i}", f"u{i}") for i in range(users)])
    return {claim.address.user: claim for claim in await store.claim(users, lease=30)}


async def transactions(con: Any, table: str) -> int:
    """By how many transactions a table's rows were written."""
    found: int = await con.fetchval(f"SELECT count(DISTINCT xmin::text) FROM {table}")
    return found


async def some_wait(con: Any, sessions: int = 1) -> None:
    """Return when so many other sessions wait for a row."""
    text = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(500):
        if await con.fetchval(text) >= sessions:
            return
        await asyncio.sleep(0.01)
    pytest.fail("Nobody waits.")


async def test_what_comes_together_is_written_together(store: Store, con: Any) -> None:
    claims = await claimed(store, 20)
    assert len(claims) == 20
    for table in ("seen", "inbound", "entry"):
        assert await transactions(con, table) == 1
    done = await asyncio.gather(*[store.commit(claim, Work(b"s", SAID), lease=30) for claim in claims.values()])
    assert done == [None] * 20
    for table in ("conversation", "outbound"):
        assert await transactions(con, table) == 1
    assert await store.query("SELECT DISTINCT done, due, leased, pos FROM conversation") == [
        {"done": 1, "due": None, "leased": 0, "pos": 2}
    ]


@pytest.mark.promise("turn-once")
async def test_a_fenced_turn_is_refused_among_good_ones(store: Store) -> None:
    claims = await claimed(store, 6)
    claims["u2"] = replace(claims["u2"], epoch=claims["u2"].epoch - 1)
    claims["u4"] = replace(claims["u4"], seq=2)
    commits = [store.commit(claim, Work(b"s", SAID), lease=30) for claim in claims.values()]
    done = dict(zip(claims, await asyncio.gather(*commits, return_exceptions=True), strict=True))
    assert {user for user, result in done.items() if isinstance(result, Fenced)} == {"u2", "u4"}
    assert [result for user, result in done.items() if user not in {"u2", "u4"}] == [None] * 4
    rows = await store.query("SELECT user_id FROM conversation WHERE done = 0 AND state = :s ORDER BY 1", s=b"{}")
    assert [row["user_id"] for row in rows] == ["u2", "u4"]
    assert await store.query("SELECT count(*) AS n FROM outbound") == [{"n": 4}]


@pytest.mark.promise("never-lost")
async def test_one_key_twice_is_taken_in_once(stores: tuple[Store, Store]) -> None:
    one, other = stores
    there = [message("same", "ana"), message("a", "tom"), message("same", "ana"), message("same", "eve")]
    done = await accept(one, there)
    assert [accepted.fresh for accepted in done] == [True, True, False, False]
    assert done[2] == replace(done[0], fresh=False)
    # The platform gave the key to another customer's message: that is known, and has no place of its own.
    assert (done[3].conversation, done[3].seq) == ("", 0)
    again = await accept(other, there[:2])
    assert again == [replace(accepted, fresh=False) for accepted in done[:2]]
    assert await one.query("SELECT key FROM inbound ORDER BY key") == [{"key": "a"}, {"key": "same"}]


async def test_messages_of_one_conversation_keep_their_order(store: Store) -> None:
    users = ("ana", "tom", "eve")
    done = await accept(store, [message(f"{user}-{i}", user) for i in range(5) for user in users])
    assert [accepted.seq for accepted in done] == [i for i in range(1, 6) for _ in users]
    for claim in await store.claim(9, lease=30):
        keys: list[str] = []
        following: Claim | None = claim
        while following is not None:
            keys.append(following.inbound.key)
            following = await store.commit(following, Work(b"s", SAID), lease=30)
        assert keys == [f"{claim.address.user}-{i}" for i in range(5)]


async def test_what_cannot_be_written_is_refused_alone(store: Store) -> None:
    endless = random.Random(3).randbytes(10_000).hex()
    wrong = [message("m\0", "u1"), message("m2", "\ud800"), message("m3", endless)]
    good = [message(f"g{i}", f"g{i}") for i in range(6)]
    mixed = [good[0], wrong[0], good[1], good[2], wrong[1], wrong[2], *good[3:]]
    done = await asyncio.gather(*[store.accept(inbound) for inbound in mixed], return_exceptions=True)
    refused = [result for result in done if not isinstance(result, Accepted)]
    assert [type(result) for result in refused] == [StatementWrong, StatementWrong, StoreUnavailable]
    rows = await store.query("SELECT user_id, seq FROM conversation ORDER BY user_id")
    assert [(row["user_id"], row["seq"]) for row in rows] == [(f"g{i}", 1) for i in range(6)]


async def test_a_turn_that_cannot_be_written_is_refused_alone(store: Store) -> None:
    claims = await claimed(store, 6)
    await store.checkpoint(claims["u1"], Work(b"half", SAID))
    works = {user: Work(b"s", SAID) for user in claims} | {"u3": Work(b"s", SAID, person="P\0")}
    commits = [store.commit(claim, works[user], lease=30) for user, claim in claims.items()]
    done = dict(zip(claims, await asyncio.gather(*commits, return_exceptions=True), strict=True))
    assert isinstance(done.pop("u1"), Conflict), "its row is there already"
    assert isinstance(done.pop("u3"), StatementWrong)
    assert list(done.values()) == [None] * 4
    rows = await store.query("SELECT user_id, state FROM conversation WHERE done = 0 ORDER BY user_id")
    assert [tuple(row.values()) for row in rows] == [("u1", b"half"), ("u3", b"{}")]


@pytest.mark.promise("never-lost")
async def test_two_processes_take_in_for_the_same_customers_in_opposite_order(stores: tuple[Store, Store]) -> None:
    users, rounds = 24, 8

    async def feed(store: Store, name: str, step: int) -> None:
        for i in range(rounds):
            # New customers each time, whose conversations both make, and those of the round before.
            order = [f"u{j}-{n}" for j in (i, i + 1) for n in range(users)][::step]
            assert all(one.fresh for one in await accept(store, [message(f"{name}-{u}-{i}", u) for u in order]))

    await asyncio.gather(feed(stores[0], "a", 1), feed(stores[1], "b", -1))
    rows = await stores[0].query("SELECT seq, pos, count(*) AS n FROM conversation GROUP BY 1, 2 ORDER BY 1")
    assert [tuple(row.values()) for row in rows] == [(2, 2, 2 * users), (4, 4, (rounds - 1) * users)]
    rows = await stores[0].query("SELECT count(*) AS n, max(seq) AS last FROM inbound GROUP BY conversation")
    assert all(row["n"] == row["last"] for row in rows)


async def test_two_processes_that_make_the_same_conversations_do_not_deadlock(
    stores: tuple[Store, Store], con: Any
) -> None:
    rolled_back = con.transaction()
    await rolled_back.start()
    await con.execute(
        "INSERT INTO conversation (id, brand, connection, channel, kind, user_id, thread, state, created_at)"
        " VALUES ('x', 'larkspur', 'telegram', 'telegram', 'private', 'm', '', '', 1)"
    )
    # Each would have made its first and then wait for the one in the middle, were they not in order.
    there, back = (
        asyncio.ensure_future(accept(store, [message(f"{name}{u}", u) for u in order]))
        for store, name, order in zip(stores, "ab", ("amz", "zma"), strict=True)
    )
    await some_wait(con, 2)
    await rolled_back.rollback()
    done = [*await there, *await back]
    assert sorted(accepted.seq for accepted in done) == [1, 1, 1, 2, 2, 2]
    assert await transactions(con, "inbound") == 2, "neither had to be done again one by one"


async def test_a_conversation_that_is_held_keeps_nobody_else_waiting(store: Store, con: Any) -> None:
    claims = await claimed(store, 4)
    async with con.transaction():
        await con.execute("UPDATE conversation SET brand = brand WHERE user_id IN ('u0', 'u1')")
        held: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(store.accept(message("n0", "u0"))),
            asyncio.ensure_future(store.commit(claims["u1"], Work(b"s"), lease=30)),
        ]
        async with asyncio.timeout(5):
            await asyncio.gather(
                accept(store, [message("n2", "u2"), message("n9", "u9")]),
                *[store.commit(claims[user], Work(b"s"), lease=30) for user in ("u2", "u3")],
            )
            await accept(store, [message("n8", "u8")])
        assert not any(waiting.done() for waiting in held)
    accepted, following = await asyncio.gather(*held)
    assert accepted.seq == 2
    assert following is None


async def test_who_gives_up_takes_nobody_along(store: Store, con: Any) -> None:
    async with con.transaction():
        await con.execute("INSERT INTO seen (connection, key_hash, at) VALUES ('telegram', sha256('m0'), 1)")
        waiting = [asyncio.ensure_future(store.accept(message(f"m{i}", f"u{i}"))) for i in range(5)]
        await some_wait(con)
        later = [asyncio.ensure_future(store.accept(message(f"n{i}", f"u{i}"))) for i in range(5)]
        await asyncio.sleep(0)
        for given_up in (waiting[1], later[2]):
            given_up.cancel()
        await asyncio.sleep(0.05)
    done = await asyncio.gather(*waiting, *later, return_exceptions=True)
    assert [type(result) for result in done].count(asyncio.CancelledError) == 2
    rows = await store.query("SELECT user_id, seq FROM conversation ORDER BY user_id")
    # m0 was known; n2 was taken back before it was begun, m1 was not.
    assert [tuple(row.values()) for row in rows] == [("u0", 1), ("u1", 2), ("u2", 1), ("u3", 2), ("u4", 2)]


@pytest.mark.promise("never-lost")
async def test_a_connection_lost_in_mid_batch_acknowledges_nothing(store: Store, con: Any) -> None:
    inbounds = [message(f"m{i}", f"u{i}") for i in range(5)]
    async with con.transaction():
        await con.execute("INSERT INTO seen (connection, key_hash, at) VALUES ('telegram', sha256('m3'), 1)")
        waiting = [asyncio.ensure_future(store.accept(inbound)) for inbound in inbounds]
        await some_wait(con)
        await con.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        done = await asyncio.gather(*waiting, return_exceptions=True)
        await con.execute("DELETE FROM seen")
    assert [type(result) for result in done] == [StoreUnavailable] * 5
    assert len({id(result) for result in done}) == 5
    assert await store.query("SELECT count(*) AS n FROM seen") == [{"n": 0}]
    assert all(accepted.fresh for accepted in await accept(store, inbounds))


@pytest.mark.slow
@pytest.mark.promise("never-lost", "turn-once")
async def test_a_database_that_crashes_under_batches_loses_nothing_that_was_acknowledged() -> None:
    users, total, dice = 16, 40, random.Random(5)
    acknowledged: set[str] = set()
    handled: dict[str, list[int]] = {f"u{i}": [] for i in range(users)}
    refused = 0
    async with server() as postgres:
        await migrate(postgres.url)
        store = await open_store(postgres.url)

        async def customer(user: str) -> None:
            nonlocal refused
            for i in range(total):
                await asyncio.sleep(dice.uniform(0, 0.06))
                while f"{user}:{i}" not in acknowledged:
                    try:
                        await store.accept(message(f"{user}:{i}", user))
                        acknowledged.add(f"{user}:{i}")
                    except StoreUnavailable:
                        refused += 1
                        await asyncio.sleep(0.02)

        async def answer(claim: Claim) -> None:
            following: Claim | None = claim
            while following is not None:
                claim = following
                work = Work(claim.state + claim.inbound.key.encode() + b" ", SAID)
                try:
                    following = await store.commit(claim, work, lease=0.5)
                except (Fenced, StoreUnavailable):
                    return

        async def worker() -> None:
            while True:
                try:
                    claims = await store.claim(users, lease=0.5)
                    await asyncio.gather(*[answer(claim) for claim in claims])
                except StoreUnavailable:
                    claims = []
                await asyncio.sleep(0 if claims else 0.02)

        async def crashing() -> None:
            for _ in range(3):
                await asyncio.sleep(0.3)
                await asyncio.to_thread(postgres.restart, "immediate")

        working = asyncio.create_task(worker())
        try:
            async with asyncio.timeout(60):
                await asyncio.gather(crashing(), *[customer(user) for user in handled])
                left = True
                while left:
                    await asyncio.sleep(0.05)
                    left = bool(await store.query("SELECT 1 FROM conversation WHERE done < seq LIMIT 1"))
            rows = await store.query("SELECT user_id, state, seq, done FROM conversation")
            said = await store.query("SELECT count(*) AS n FROM outbound")
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            await store.close()
    assert refused, "the crashes came too late to prove anything"
    for row in rows:
        keys = row["state"].removeprefix(b"{}").decode().split()
        assert keys == [f"{row['user_id']}:{i}" for i in range(total)]
        assert (row["seq"], row["done"]) == (total, total)
    assert len(rows) == users
    assert said == [{"n": users * total}]


async def test_a_batch_finds_its_rows_by_an_index(con: Any) -> None:
    await con.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
    for name in ("ACCEPT", "COMMIT"):
        text: str = getattr(postgres_bulk, name)
        prepared = await con.prepare(text)
        kinds = ", ".join(f"{kind.name.removesuffix('[]')}[]" for kind in prepared.get_parameters())
        await con.execute(f"PREPARE {name} ({kinds}) AS {text}")
        nothing = ", ".join(["NULL"] * len(prepared.get_parameters()))
        plan = "\n".join(row[0] for row in await con.fetch(f"EXPLAIN EXECUTE {name} ({nothing})"))
        assert "Seq Scan" not in plan
        assert "LockRows" in plan
        assert "conversation_pkey" in plan
