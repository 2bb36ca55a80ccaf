"""Copies of an embedded database, made while it is written to, and put back in its place."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.errors import Permanent, StoreUnavailable
from bot.store import sqlite_open
from bot.store.faults import from_sqlite
from bot.store.revision import HEAD, VERSION


class NotABackup(Permanent):
    """This file is not a whole copy of Parley's database."""


class BackupExists(Permanent):
    """There is a file of this name already; backups are never written over."""


def copy(database: Path, target: Path) -> None:
    """Copy a database as it stands at one moment, its log included. Raises `BackupExists`, `SchemaBehind`,
    `StoreUnavailable`.

    Nobody is held up: SQLite reads one snapshot. The copy is checked, readable by its owner alone, and there whole or
    not at all.
    """
    if target.exists():
        raise BackupExists(f"({target})")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(sqlite_open.reader(database)) as source:
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(sqlite3.connect(draft)) as into:
                source.backup(into)
                into.execute("PRAGMA journal_mode = DELETE")
        verify(draft)
        _settled(draft)
        # A link never replaces what somebody else has put there meanwhile.
        os.link(draft, target)
    except sqlite3.Error as error:
        raise from_sqlite(error) from error
    except FileExistsError:
        raise BackupExists(f"({target})") from None
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        draft.unlink(missing_ok=True)


def verify(file: Path) -> str:
    """The release of a copy's schema, once SQLite has found it whole. Raises `NotABackup`."""
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as con:
            whole = con.execute("PRAGMA integrity_check").fetchone()[0]
            release = str(con.execute(VERSION).fetchone()[0])
    except (sqlite3.Error, TypeError) as error:
        raise NotABackup(f"({file}: {error})") from error
    if whole != "ok":
        raise NotABackup(f"({file}: {whole})")
    if release > HEAD:
        raise NotABackup(f"({file} is of a later release, {release}; this one has {HEAD}.)")
    return release


@contextmanager
def draft_of(file: Path, database: Path) -> Iterator[Path]:
    """A copy of a backup beside the database, to be prepared and then put in its place with `put`."""
    verify(file)
    draft = database.with_name(f"{database.name}.restoring")
    _remove(draft)
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(draft)) as into:
            source.backup(into)
        yield draft
    except OSError as error:
        raise StoreUnavailable(f"{database.parent} cannot be written ({error.strerror}).") from error
    finally:
        _remove(draft)


def put(draft: Path, database: Path) -> None:
    """Put a prepared draft in the database's place; the caller holds the database's lock. The old one is gone."""
    truncate(draft)
    verify(draft)
    _settled(draft)
    # First the old log, which would be read into the new file; a process killed here finds the old database, settled.
    if database.exists():
        truncate(database)
    for ending in ("-wal", "-shm"):
        database.with_name(database.name + ending).unlink(missing_ok=True)
    os.replace(draft, database)
    _settled(database.parent)


def truncate(database: Path) -> None:
    """Empty the log beside a database, so that nothing which was deleted can be read in it any more.

    Waits up to 5 s for readers. Raises `StoreUnavailable` where that was not enough.
    """
    try:
        with closing(sqlite3.connect(database, timeout=5.0)) as con:
            busy = con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.DatabaseError:
        return  # It cannot be read at all, so it cannot be put in order either; it is about to be replaced.
    if busy:
        raise StoreUnavailable("The log beside the database is being read; its old pages are there until it is idle.")


def _settled(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(draft: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal", ".lock"):
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
