"""What a database's own errors mean to us."""

from __future__ import annotations

import sqlite3

import asyncpg

from bot.errors import Conflict, ParleyError, Permanent, StoreUnavailable


class StatementWrong(Permanent):
    """A statement given to the store is wrong SQL, or lacks a value."""


class ReadOnly(Permanent):
    """This store was opened for reading."""


POSTGRES_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""All that asyncpg raises for a database's reasons; the internal one comes of a connection cut between two steps."""

_SQLITE_SAID = {
    sqlite3.SQLITE_FULL: "The disk is full.",
    sqlite3.SQLITE_READONLY: "The database is read-only.",
    sqlite3.SQLITE_CANTOPEN: "The database file cannot be opened.",
    sqlite3.SQLITE_IOERR: "The disk reports an error.",
    sqlite3.SQLITE_BUSY: "The database is busy.",
    sqlite3.SQLITE_LOCKED: "The database is busy.",
    sqlite3.SQLITE_CORRUPT: "The database file is damaged.",
    sqlite3.SQLITE_NOTADB: "The file is not a database.",
}


def from_sqlite(error: sqlite3.Error) -> ParleyError:
    """The engine's error for one of sqlite3's."""
    if isinstance(error, sqlite3.IntegrityError):
        return Conflict(f"({error})")
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.OperationalError | sqlite3.DatabaseError) and code not in (None, sqlite3.SQLITE_ERROR):
        # The low byte is the primary code; the rest says where.
        return StoreUnavailable(_SQLITE_SAID.get(int(code) & 0xFF, "") + f" ({error})")
    return StatementWrong(f"({error})")


def from_postgres(error: BaseException) -> ParleyError:
    """The engine's error for one of asyncpg's, or for a lost connection. Its text holds no value of any row."""
    # The text of asyncpg's error adds the server's DETAIL, which quotes the row; its first argument does not.
    said = str(error.args[0]) if error.args else type(error).__name__
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return Conflict(f"({said})")
    if isinstance(error, asyncpg.exceptions.DataError):
        return StatementWrong(f"({type(error).__name__}: a value does not fit.)")
    if isinstance(error, asyncpg.SyntaxOrAccessError):
        return StatementWrong(f"({said})")
    if isinstance(error, asyncpg.DiskFullError):
        return StoreUnavailable(f"The disk is full. ({said})")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return StoreUnavailable(f"The database is read-only. ({said})")
    return StoreUnavailable(f"({said})")
