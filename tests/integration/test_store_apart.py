"""SQLite's writer as a process of its own: what its end, or its store's, may and may not do."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import Conflict, Fenced, StoreLocked, StoreUnavailable
from bot.model import Accepted, Address, Inbound, Outbound
from bot.ports import OutRow, Sql, Work
from bot.store import SqliteStore, migrate, open_sqlite, sqlite_apart, sqlite_wire
from bot.store.faults import StatementWrong
from bot.store.lock import FileLock
from bot.store.sqlite_apart import WriterApart

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)
ANA = Address("larkspur", "telegram", "telegram", "ana")


def message(key: str, user: str = "ana") -> Inbound:
    return Inbound(key=key, kind="message", at=AT, address=Address("larkspur", "telegram", "telegram", user), text="hi")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "parley.db"
    await migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(path, writer="process")
    yield store
    await store.close()


def process(store: SqliteStore) -> subprocess.Popen[bytes]:
    """The process that writes."""
    assert isinstance(store._writer, WriterApart)
    return store._writer._process


async def taken(store: SqliteStore, inbound: Inbound) -> Accepted:
    """Sent until it is taken, as a platform would."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await store.accept(inbound)
            except StoreUnavailable:
                await asyncio.sleep(0.05)


@pytest.mark.promise("never-lost")
async def test_a_killed_writer_fails_what_it_had_and_is_followed_by_another(store: SqliteStore) -> None:
    await store.accept(message("first"))
    first = process(store)
    os.kill(first.pid, signal.SIGSTOP)  # So that everything waits when it dies.
    waiting = [asyncio.ensure_future(store.accept(message(f"m{n}"))) for n in range(40)]
    await asyncio.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(one) for one in ended} == {StoreUnavailable}
    for number in range(40):
        await taken(store, message(f"m{number}"))
    assert process(store).pid != first.pid
    rows = await store.query("SELECT key, seq FROM inbound ORDER BY seq")
    assert sorted(row["key"] for row in rows) == sorted(["first", *(f"m{n}" for n in range(40))])
    assert [row["seq"] for row in rows] == list(range(1, 42))


@pytest.mark.promise("turn-once")
async def test_a_turn_whose_writer_died_is_fenced_or_stands_once(store: SqliteStore) -> None:
    for number in range(8):
        await store.accept(message(f"m{number}", user=f"u{number}"))
    claims = await store.claim(10, lease=0.2)
    work = Work(b"done", (OutRow(0, Outbound("hello")),))
    committing = [asyncio.ensure_future(store.commit(claim, work, lease=1)) for claim in claims]
    await asyncio.sleep(0.002)
    process(store).kill()
    ended = await asyncio.gather(*committing, return_exceptions=True)
    assert {type(one) for one in ended} <= {type(None), StoreUnavailable}
    async with asyncio.timeout(20):
        while (await store.query("SELECT count(*) AS n FROM conversation WHERE done < seq"))[0]["n"]:
            try:
                for claim in await store.claim(10, lease=5):
                    await store.commit(claim, work, lease=1)
            except StoreUnavailable:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0)
    assert await store.query("SELECT count(*) AS n FROM outbound") == [{"n": 8}]
    await taken(store, message("last"))  # Another writer is there by now.
    for claim in claims:
        with pytest.raises(Fenced):
            await store.commit(claim, work, lease=1)


async def test_a_writer_that_cannot_start_is_said_and_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sqlite_apart, "AGAIN", 0.3)
    store = open_sqlite(path, writer="process")
    await store.accept(message("m1"))
    away = path.with_name("away")
    path.rename(away)
    process(store).kill()
    refused = 0
    async with asyncio.timeout(10):
        while "cannot start" not in capfd.readouterr().err:
            try:
                await store.accept(message("lost"))
            except StoreUnavailable:
                refused += 1
            await asyncio.sleep(0.05)
    assert refused
    away.rename(path)
    assert (await taken(store, message("m2"))).fresh
    await store.close()


async def test_where_there_is_no_room_for_another_writer_it_is_tried_until_there_is(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.accept(message("m1"))
    monkeypatch.setattr(sqlite_apart, "AGAIN", 0.1)
    tried: list[int] = []

    def refuse(*_: object, **__: object) -> None:
        tried.append(1)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as full:
        full.setattr(subprocess, "Popen", refuse)
        process(store).kill()
        async with asyncio.timeout(10):
            while len(tried) < 3:  # noqa: ASYNC110 - what is waited for is in another process's hands
                await asyncio.sleep(0.02)
        with pytest.raises(StoreUnavailable):
            await store.accept(message("m2"))
    assert (await taken(store, message("m2"))).seq == 2


async def test_closing_finishes_what_is_queued_and_ends_the_process(path: Path) -> None:
    store = open_sqlite(path, writer="process")
    queued = [asyncio.ensure_future(store.accept(message(f"m{n}", user=f"u{n}"))) for n in range(100)]
    await asyncio.sleep(0)
    writer = process(store)
    await store.close()
    assert all(one.fresh for one in await asyncio.gather(*queued))
    assert writer.returncode == 0
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.accept(message("late"))
    await open_sqlite(path).close()


async def test_signals_that_go_to_the_whole_group_leave_it_to_its_store(store: SqliteStore) -> None:
    await store.accept(message("m1"))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process(store).send_signal(number)
    assert (await store.accept(message("m2"))).seq == 2
    assert process(store).poll() is None


async def test_what_cannot_be_written_is_its_own_orders_failure(store: SqliteStore) -> None:
    conversation = await store.conversation_of(ANA)
    change = "UPDATE conversation SET locale = :value WHERE id = :id"
    done = await asyncio.gather(
        store.accept(message("m1")),
        store.change([Sql(change, {"value": object(), "id": conversation})]),
        store.change([Sql(change, {"value": 2**70, "id": conversation})]),
        store.change([Sql(change, {"value": "\ud800", "id": conversation})]),
        store.change([Sql(change, {"id": conversation})]),
        store.change([Sql("UPDATE conversation SET person = 'x'", rows=9)]),
        store.accept(message("m2")),
        return_exceptions=True,
    )
    kinds = [type(one) for one in done[1:6]]
    assert kinds == [StatementWrong, StatementWrong, UnicodeEncodeError, StatementWrong, Conflict]
    assert [one.seq for one in (done[0], done[6]) if not isinstance(one, BaseException)] == [1, 2]
    assert await store.query("SELECT locale, person FROM conversation") == [{"locale": None, "person": None}]


async def test_a_caller_who_gives_up_leaves_the_answers_in_step(store: SqliteStore) -> None:
    given_up = [asyncio.ensure_future(store.accept(message(f"g{n}", user="gone"))) for n in range(5)]
    staying = [asyncio.ensure_future(store.accept(message(f"s{n}", user="here"))) for n in range(5)]
    await asyncio.sleep(0)
    for one in given_up:
        one.cancel()
    assert [one.seq for one in await asyncio.gather(*staying)] == [1, 2, 3, 4, 5]


async def test_more_than_the_socket_holds_arrives_whole(store: SqliteStore) -> None:
    conversation = await store.conversation_of(ANA)
    texts = [f"{n}" * 60_000 for n in range(10)]
    change = "INSERT INTO timer (conversation, op, at) VALUES (:id, :op, 1.0)"
    await asyncio.gather(*[store.change([Sql(change, {"id": conversation, "op": text})]) for text in texts])
    found = await store.query("SELECT op FROM timer ORDER BY op")
    assert [row["op"] for row in found] == texts


def test_frames_are_found_however_they_are_cut() -> None:
    frames = b"".join(sqlite_wire.frame(bytes(n)) for n in (0, 1, 5, 300))
    for step in (1, 2, 3, 7, len(frames)):
        heard, found = bytearray(), []
        for at in range(0, len(frames), step):
            heard += frames[at : at + step]
            found += [bytes(body) for body in sqlite_wire.bodies(heard)]
        assert found == [bytes(0), bytes(1), bytes(5), bytes(300)]
        assert not heard


HOLDER = """
import asyncio, sys
from bot.store import open_sqlite
async def main():
    store = open_sqlite(sys.argv[1], writer="process")
    await store.query("SELECT 1")
    print(store._writer._process.pid, flush=True)
    sys.stdin.read()
asyncio.run(main())
"""


@pytest.mark.slow
def test_after_a_kill_the_next_store_waits_for_the_last_group_of_the_old_writer(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        writer = int(holder.stdout.readline())
        with pytest.raises(StoreLocked, match=f"process {holder.pid}"):
            FileLock(path)
        os.kill(writer, signal.SIGSTOP)  # It is in the middle of something.
        holder.kill()
        holder.wait()
        later = subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {writer}"])
        lock = FileLock(path)
        assert later.wait() == 0  # Not before.
        lock.release()
