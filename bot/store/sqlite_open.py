"""Opens SQLite connections: one that writes, and those that only read."""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path
from typing import Literal

from bot.errors import StoreUnavailable
from bot.store.faults import from_sqlite
from bot.store.revision import VERSION, require

Fsync = Literal["full", "normal"]
Place = Literal["process", "thread"]
"""Where a database is written from."""

_STATEMENTS = 512


def memory() -> sqlite3.Connection:
    """A database in memory with the whole schema, for tests and transcripts."""
    con = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS)
    _empty().backup(con)
    return con


@cache
def _empty() -> sqlite3.Connection:
    # Its pages are copied two hundred times as quickly as the script is run.
    con = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    con.executescript(schema_script())
    return con


@cache
def schema_script() -> str:
    """The tables of `bot.store.schema` as SQL; a test holds the migrations to the same text."""
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    from bot.store.schema import metadata

    dialect = sqlite.dialect()
    statements: list[str] = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        statements += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return ";\n".join(statements) + ";"


def writer(path: Path, fsync: Fsync) -> sqlite3.Connection:
    """The writing connection. Raises `SchemaBehind`, `StoreUnavailable`."""
    if not path.exists():
        require(None)
    try:
        con = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS)
        con.execute("PRAGMA journal_mode = WAL")
        con.execute(f"PRAGMA synchronous = {fsync.upper()}")
        con.execute("PRAGMA busy_timeout = 5000")
        con.execute("PRAGMA cache_size = -65536")
        # Every 16 MB. Less often writes less in all, but whoever comes at that moment waits: p99 122 instead of 31 ms.
        con.execute("PRAGMA wal_autocheckpoint = 4000")
        # What is deleted is overwritten: an erased person's words must not stand in the file's free pages.
        con.execute("PRAGMA secure_delete = ON")
        require(_version(con))
    except sqlite3.Error as error:
        raise _opening(error, path) from error
    return con


def reader(path: Path) -> sqlite3.Connection:
    """A reading connection; needs no lock, and sees every commit made before its statement. Raises as above."""
    if not path.exists():
        require(None)
    try:
        con = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None,
                              check_same_thread=False, cached_statements=_STATEMENTS)  # fmt: skip
        con.execute("PRAGMA busy_timeout = 5000")
        con.execute("PRAGMA query_only = 1")
        require(_version(con))
    except sqlite3.Error as error:
        raise _opening(error, path) from error
    return con


def _version(con: sqlite3.Connection) -> str | None:
    if con.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone() is None:
        return None
    row = con.execute(VERSION).fetchone()
    return None if row is None else str(row[0])


def take_up(con: sqlite3.Connection, path: Path) -> None:
    """Free every lease: the lock is ours and nobody works yet, so each is a dead worker's. Raises as above."""
    try:
        _no_worker_lives(con)
    except sqlite3.Error as error:
        raise _opening(error, path) from error


def _no_worker_lives(con: sqlite3.Connection) -> None:
    con.execute("BEGIN IMMEDIATE")
    # Said as their indexes say it, or a start would read every conversation there ever was.
    sending = "status IN ('queued', 'sending') AND status = 'sending'"
    con.execute("UPDATE conversation SET due = 0 WHERE leased = 1 AND due IS NOT NULL")
    con.execute(f"UPDATE conversation SET out_due = 0 WHERE id IN (SELECT conversation FROM outbound WHERE {sending})")
    con.execute(f"UPDATE outbound SET held = 0 WHERE {sending}")
    con.execute("COMMIT")


def _opening(error: sqlite3.Error, path: Path) -> Exception:
    said = from_sqlite(error)
    return StoreUnavailable(f"{path}: {error}.") if not isinstance(said, StoreUnavailable) else said
