"""What is SQLite's own: one writer, group commit, failures that hit a whole group, and getting over them."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Conflict, SchemaBehind, SettingsError, StoreLocked, StoreUnavailable
from bot.model import Address, Inbound, Outbound
from bot.ports import OutRow, Sql, Work
from bot.store import SqliteStore, migrate, open_sqlite, open_store
from bot.store.faults import ReadOnly, StatementWrong
from bot.store.lock import FileLock
from bot.store.revision import HEAD
from bot.store.sqlite_writer import Writer

AT = datetime(2026, 11, 3, 8, 59, 30, tzinfo=UTC)
ANA = Address("larkspur", "telegram", "telegram", "ana")


def message(key: str) -> Inbound:
    return Inbound(key=key, kind="message", at=AT, address=ANA, text="hello")


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "parley.db"
    await migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = open_sqlite(path)
    yield store
    await store.close()


def on_writer(store: SqliteStore, text: str) -> list[Any]:
    """A statement on the writing connection, while the writer has nothing to do."""
    assert isinstance(store._writer, Writer)
    return store._writer._connection.execute(text).fetchall()


# One writer


async def test_a_second_writer_is_refused_until_the_first_has_gone(path: Path) -> None:
    first = open_sqlite(path)
    with pytest.raises(StoreLocked, match=r"parley\.db"):
        open_sqlite(path)
    with pytest.raises(StoreLocked):
        await migrate(f"sqlite:///{path}")
    await first.close()
    await open_sqlite(path).close()


def test_a_second_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "parley.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    script = (
        "import asyncio, sys\nfrom bot.store import open_sqlite\n"
        "async def main():\n open_sqlite(sys.argv[1]); print('held', flush=True); sys.stdin.read()\nasyncio.run(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=f"process {holder.pid}"):
            FileLock(path)
        holder.kill()
    FileLock(path).release()


async def test_a_reader_needs_no_lock_and_cannot_write(store: SqliteStore, path: Path) -> None:
    reader = await open_store(f"sqlite:///{path}", readonly=True)
    accepted = await store.accept(message("m1"))
    assert [entry.ref for entry in await reader.entries(accepted.conversation)] == ["m1"]
    with pytest.raises(ReadOnly):
        await reader.accept(message("m2"))
    with pytest.raises(StoreUnavailable, match="read-only"):
        await reader.query("DELETE FROM entry RETURNING pos")
    await reader.close()


async def test_queries_of_the_writing_process_cannot_write_either(store: SqliteStore) -> None:
    await store.accept(message("m1"))
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.query("DELETE FROM entry RETURNING pos")
    assert await store.query("SELECT count(*) AS n FROM entry") == [{"n": 1}]


async def test_leases_of_a_process_that_died_are_taken_up_at_once(path: Path) -> None:
    first = open_sqlite(path)
    for key in ("m1", "m2"):
        await first.accept(message(key))
    (claim,) = await first.claim(10, lease=3600)
    await first.commit(claim, Work(b"s", (OutRow(0, Outbound("hi")),)), lease=3600)
    assert len(await first.claim_outbox(10, lease=3600)) == 1
    await first.close()
    second = open_sqlite(path)
    (claim,) = await second.claim(10, lease=30)
    assert (claim.seq, claim.tries) == (2, 1)
    (held,) = await second.claim_outbox(10, lease=30)
    assert held.uncertain
    await second.close()


# Groups


async def test_what_waits_together_shares_a_commit(store: SqliteStore) -> None:
    statements: list[str] = []
    await store._do(lambda con, _: con.set_trace_callback(statements.append))
    await asyncio.gather(*[store.accept(message(f"m{i}")) for i in range(100)])
    await store._do(lambda con, _: con.set_trace_callback(None))
    assert 1 <= statements.count("COMMIT") <= 10


async def test_one_bad_change_does_not_hurt_those_it_shares_a_commit_with(store: SqliteStore) -> None:
    conversation = await store.conversation_of(ANA)
    spoilt = Sql("UPDATE conversation SET locale = 'spoilt' WHERE id = :id", {"id": conversation}, rows=1)
    refused = Sql("DELETE FROM timer", rows=1)
    wrong = Sql("UPDATE no_such_table SET a = 1")
    lacking = Sql("DELETE FROM timer WHERE op = :op")
    done = await asyncio.gather(
        store.accept(message("m1")),
        store.change([spoilt, refused]),
        store.change([spoilt, wrong]),
        store.change([spoilt, lacking]),
        store.accept(message("m2")),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in done] == [
        "Accepted",
        "Conflict",
        "StatementWrong",
        "StatementWrong",
        "Accepted",
    ]
    assert await store.query("SELECT seq, locale FROM conversation") == [{"seq": 2, "locale": None}]


@pytest.mark.promise("never-lost")
async def test_a_full_disk_fails_the_whole_group_and_then_passes(store: SqliteStore) -> None:
    await store.accept(message("m0"))
    ((pages,),) = on_writer(store, "PRAGMA page_count")
    on_writer(store, f"PRAGMA max_page_count = {pages}")
    big = [Inbound(f"m{i}", "message", AT, address=ANA, text="x" * 50_000) for i in range(1, 4)]
    done = await asyncio.gather(*[store.accept(inbound) for inbound in big], return_exceptions=True)
    assert [type(result) for result in done] == [StoreUnavailable] * 3
    assert "disk is full" in str(done[0])
    assert await store.query("SELECT seq FROM conversation") == [{"seq": 1}]
    on_writer(store, "PRAGMA max_page_count = 1000000")
    assert [(await store.accept(inbound)).seq for inbound in big] == [2, 3, 4]


async def test_a_read_only_database_is_said_to_be_one_and_recovers(store: SqliteStore) -> None:
    on_writer(store, "PRAGMA query_only = 1")
    with pytest.raises(StoreUnavailable, match="read-only"):
        await store.accept(message("m1"))
    on_writer(store, "PRAGMA query_only = 0")
    assert (await store.accept(message("m1"))).fresh


@pytest.mark.promise("never-lost")
async def test_a_commit_that_fails_fails_every_future_of_its_group(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = store._writer
    assert writer is not None
    real = writer._connection

    class Failing:
        """The connection, with a disk that gives up at COMMIT."""

        in_transaction = property(lambda self: real.in_transaction)

        def execute(self, text: str, *values: Any) -> Any:
            if text == "COMMIT":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
            return real.execute(text, *values)

    monkeypatch.setattr(writer, "_connection", Failing())
    done = await asyncio.gather(*[store.accept(message(f"m{i}")) for i in range(5)], return_exceptions=True)
    assert [type(result) for result in done] == [StoreUnavailable] * 5
    monkeypatch.undo()
    assert (await store.accept(message("m0"))).seq == 1


async def test_closing_finishes_what_is_queued_and_refuses_the_rest(path: Path) -> None:
    store = open_sqlite(path)
    queued = [asyncio.ensure_future(store.accept(message(f"m{i}"))) for i in range(20)]
    await asyncio.sleep(0)
    await store.close()
    done = await asyncio.gather(*queued)
    assert sorted(accepted.seq for accepted in done) == list(range(1, 21))
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.accept(message("late"))
    await store.close()


async def test_a_caller_who_gives_up_does_not_stop_the_others(store: SqliteStore) -> None:
    gone = asyncio.ensure_future(store.accept(message("m1")))
    stays = asyncio.ensure_future(store.accept(message("m2")))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays).fresh
    assert (await store.accept(message("m3"))).fresh


# Opening


async def test_a_database_without_a_schema_is_behind(tmp_path: Path) -> None:
    with pytest.raises(SchemaBehind, match="no schema"):
        open_sqlite(tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    with pytest.raises(SchemaBehind):
        open_sqlite(tmp_path / "empty.db")


@pytest.mark.parametrize(("version", "opens"), [("0001", False), ("9999", True)])
async def test_a_newer_schema_is_fine_and_an_older_is_not(path: Path, version: str, opens: bool) -> None:
    with sqlite3.connect(path) as con:
        con.execute("UPDATE alembic_version SET version_num = ?", (version,))
    con.close()
    if opens:
        await open_sqlite(path).close()
        return
    with pytest.raises(SchemaBehind, match="migrate"):
        open_sqlite(path)
    await migrate_lock_is_free(path)


async def migrate_lock_is_free(path: Path) -> None:
    """A refused opening must not keep the lock."""
    with sqlite3.connect(path) as con:
        con.execute("UPDATE alembic_version SET version_num = ?", (HEAD,))
    con.close()
    await open_sqlite(path).close()


async def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await migrate(f"sqlite:///{tmp_path}/file/parley.db")


async def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "parley.db").write_text("this is a letter, not a database; " * 50)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_sqlite(tmp_path / "parley.db")
    with pytest.raises(StoreUnavailable, match="not a database"):
        await migrate(f"sqlite:///{tmp_path}/parley.db")


@pytest.mark.parametrize(("fsync", "level"), [("full", 2), ("normal", 1)])
async def test_durability_is_a_setting(path: Path, fsync: Any, level: int) -> None:
    store = open_sqlite(path, fsync=fsync)
    assert on_writer(store, "PRAGMA synchronous") == [(level,)]
    assert on_writer(store, "PRAGMA journal_mode") == [("wal",)]
    await store.close()


@pytest.mark.parametrize("url", ["mysql://x", "sqlite:///", "sqlite://relative.db", "parley.db"])
async def test_an_address_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        await open_store(url)


async def test_liveness_may_be_driven_by_hand() -> None:
    now = [1000.0]
    store = open_sqlite(":memory:", now=lambda: now[0])
    await store.accept(message("m1"))
    (claim,) = await store.claim(10, lease=30)
    await store.release(claim, delay=60)
    now[0] += 59
    assert await store.claim(10, lease=30) == []
    now[0] += 1
    assert len(await store.claim(10, lease=30)) == 1
    assert await store.database_now() == 1060.0
    await store.close()


async def test_databases_in_memory_are_apart() -> None:
    one, other = open_sqlite(":memory:"), open_sqlite(":memory:")
    await one.accept(message("m1"))
    assert await other.query("SELECT * FROM conversation") == []
    with pytest.raises(Conflict):
        await other.accept(Inbound("s", "signal", AT, conversation="nowhere"))
    with pytest.raises(StatementWrong):
        await other.query("SELECT * FROM nothing_like_it")
    await one.close()
    await other.close()
