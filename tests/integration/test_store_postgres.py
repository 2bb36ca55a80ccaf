"""What is PostgreSQL's own: lost connections, wake-ups across processes, deadlocks, many workers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg
import pytest

from bot.errors import Conflict, StoreUnavailable
from bot.model import Address, Inbound, Outbound
from bot.ports import Claim, OutRow, Sql, Store, Work
from bot.store import open_store
from bot.store.faults import StatementWrong
from bot.store.postgres_turn import accept
from desk import presence
from tests.postgres import fresh_database

pytestmark = pytest.mark.postgres

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)


def message(key: str, user: str = "ana", channel: str = "telegram") -> Inbound:
    return Inbound(key=key, kind="message", at=AT, address=Address("larkspur", channel, channel, user), text="hello")


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


async def cut(url: str) -> None:
    """End every other connection to the database."""
    con = await asyncpg.connect(url)
    await con.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await con.close()


async def test_one_processs_accept_wakes_the_other(stores: tuple[Store, Store]) -> None:
    one, other = stores
    conversation = await one.conversation_of(message("m").address or Address("", "", "", ""))
    await one.change(
        [Sql("INSERT INTO socket (conversation, epoch, opened_at) VALUES (:c, 1, 1)", {"c": conversation})]
    )
    turns, outbox, log = (other.watch(topic) for topic in ("turns", "outbox", f"log:{conversation}"))
    await one.accept(message("m1"))
    assert await turns.wait(5)
    assert await log.wait(5)
    (claim,) = await other.claim(1, lease=30)
    await one.accept(message("m2"))
    assert await log.wait(5)
    assert not await turns.wait(0.1), "only from idle to ready"
    assert await other.commit(claim, Work(b"s", (OutRow(0, Outbound("hi")),)), lease=30) is not None
    assert await outbox.wait(5)
    assert await log.wait(5)


async def test_a_lost_connection_is_unavailable_once_and_then_mended(url: str, stores: tuple[Store, Store]) -> None:
    one, other = stores
    await asyncio.gather(*[one.accept(message(f"m{i}", f"u{i}")) for i in range(8)])
    turns = one.watch("turns")
    await cut(url)
    for i in range(40):
        try:
            accepted = await one.accept(message(f"n{i}", "tom"))
            break
        except StoreUnavailable:
            await asyncio.sleep(0.02)
    assert accepted.fresh
    assert await turns.wait(5), "whatever was missed is looked for once the listener is back"
    await asyncio.sleep(0.5)
    while await turns.wait(0.1):
        continue
    await other.accept(message("o1", "mo"))
    assert await turns.wait(5), "the listener hears again"


async def test_a_connection_lost_in_mid_transaction_writes_nothing(url: str, stores: tuple[Store, Store]) -> None:
    one, _ = stores
    conversation = await one.conversation_of(Address("larkspur", "telegram", "telegram", "ana"))
    spoil = Sql("UPDATE conversation SET locale = 'half' WHERE id = :c", {"c": conversation}, rows=1)
    change = asyncio.ensure_future(one.change([spoil, Sql("SELECT pg_sleep(5)")]))
    await asyncio.sleep(0.3)
    await cut(url)
    with pytest.raises(StoreUnavailable):
        await change
    assert await one.query("SELECT locale FROM conversation") == [{"locale": None}]


async def test_deadlocked_changes_are_tried_again(stores: tuple[Store, Store]) -> None:
    one, other = stores
    ids = [await one.conversation_of(Address("larkspur", "telegram", "telegram", user)) for user in ("a", "b")]
    add = "UPDATE conversation SET tries = tries + 1 WHERE id = :c"
    wait = Sql("SELECT pg_sleep(0.2)")
    there = [Sql(add, {"c": ids[0]}), wait, Sql(add, {"c": ids[1]})]
    back = [Sql(add, {"c": ids[1]}), wait, Sql(add, {"c": ids[0]})]
    await asyncio.gather(one.change(there), other.change(back))
    assert await one.query("SELECT tries FROM conversation") == [{"tries": 2}, {"tries": 2}]


async def test_wrong_statements_are_not_taken_for_an_outage(stores: tuple[Store, Store]) -> None:
    one, _ = stores
    for wrong in ("UPDATE no_such_table SET a = 1", "UPDATE conversation SET nothing = 1", "SELEC 1"):
        with pytest.raises(StatementWrong):
            await one.change([Sql(wrong)])
    with pytest.raises(StatementWrong):
        await one.query("SELECT :a")
    with pytest.raises(Conflict):
        await one.change([Sql("INSERT INTO rate (bucket, tokens, held) VALUES ('b', NULL, 1)")])


async def test_a_message_that_arrives_while_its_conversation_is_committed_is_not_stranded(
    stores: tuple[Store, Store],
) -> None:
    # Accept and commit wait for the same row: whoever is second must still see what the first one wrote.
    one, other = stores
    total, users = 15, 4
    handled: Counter[str] = Counter()

    async def customer(user: str) -> None:
        for i in range(total):
            await one.accept(message(f"{user}-{i}", user))

    async def worker(store: Store) -> None:
        async def lane(claim: Claim) -> None:
            now: Claim | None = claim
            while now is not None:
                assert now.inbound.key == f"{now.address.user}-{now.seq - 1}"
                handled[now.inbound.key] += 1
                now = await store.commit(now, Work(b"s", (OutRow(0, Outbound("re")),)), lease=30)

        while len(handled) < total * users:
            await asyncio.gather(*[lane(claim) for claim in await store.claim(8, lease=30)])
            await asyncio.sleep(0.001)

    async with asyncio.timeout(60):
        await asyncio.gather(*[customer(f"u{i}") for i in range(users)], worker(one), worker(other), worker(other))
    assert set(handled.values()) == {1}
    rows = await one.query("SELECT seq, done, due, leased FROM conversation")
    assert rows == [{"seq": total, "done": total, "due": None, "leased": 0}] * users


@pytest.mark.promise("never-lost")
async def test_a_commit_that_waited_for_an_accept_returns_what_was_accepted(
    url: str, stores: tuple[Store, Store]
) -> None:
    # The commit began before the accept's transaction stood, so its own view of the inbounds lacks the new one.
    one, _ = stores
    await one.accept(message("m1"))
    (claim,) = await one.claim(1, lease=30)
    con = await asyncpg.connect(url)
    async with con.transaction():
        assert (await accept(con, message("m2"), None)).seq == 2
        commit = asyncio.ensure_future(one.commit(claim, Work(b"s"), lease=30))
        await asyncio.sleep(0.3)
        assert not commit.done()
    await con.close()
    after = await commit
    assert after is not None
    assert (after.seq, after.inbound.key) == (2, "m2")


async def test_a_row_said_while_another_is_marked_sent_is_not_stranded(stores: tuple[Store, Store]) -> None:
    one, other = stores
    total = 30
    turns = one.watch("turns")

    async def bot() -> None:
        for i in range(total):
            await one.accept(message(f"m{i}"))
            while not (claims := await one.claim(1, lease=30)):
                assert await turns.wait(5), "a row that was held for a moment is looked for again"
            (claim,) = claims
            await one.commit(claim, Work(b"s", (OutRow(0, Outbound(str(i))),)), lease=30)

    texts: list[str] = []

    async def delivery(store: Store) -> None:
        while len(texts) < total:
            for held in await store.claim_outbox(4, lease=30):
                texts.append(held.said.text)
                await store.sent(held, platform_id="x", at=AT)
            await asyncio.sleep(0.001)

    async with asyncio.timeout(60):
        await asyncio.gather(bot(), delivery(one), delivery(other))
    assert texts == [str(i) for i in range(total)]
    assert await one.claim_outbox(4, lease=30) == []
    assert await one.query("SELECT out_due FROM conversation") == [{"out_due": None}]


async def test_a_statement_on_the_hot_path_uses_its_index(url: str) -> None:
    con = await asyncpg.connect(url)
    await con.execute("SET enable_seqscan = off")
    for column in ("due", "out_due"):
        plan = await con.fetch(
            f"EXPLAIN SELECT id FROM conversation WHERE {column} <= extract(epoch FROM statement_timestamp())::float8"
            f" ORDER BY {column} LIMIT 5 FOR UPDATE SKIP LOCKED"
        )
        text = "\n".join(row[0] for row in plan)
        assert f"Index Scan using conversation_{column}" in text
        assert "Index Cond" in text
    await con.close()


async def test_what_people_waited_lately_is_found_by_its_index(url: str) -> None:
    con = await asyncpg.connect(url)
    # An empty table has no statistics that would choose between the two ways through an index.
    await con.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    plan = "\n".join(row[0] for row in await con.fetch(f"EXPLAIN {presence._WAITED.replace(':since', '1794819600')}"))
    assert "Index Scan Backward using desk_item_claimed" in plan
    assert "Sort" not in plan
    await con.close()
