"""Brings a database's schema up to this release, on either store.

SQLAlchemy and alembic are imported when a migration runs: they cost more than the whole rest of the store.
"""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import StoreUnavailable
from bot.store.faults import from_postgres, from_sqlite
from bot.store.lock import FileLock
from bot.store.urls import POSTGRES, sqlite_path

if TYPE_CHECKING:
    from sqlalchemy import Connection

MIGRATING = 0x7061726C6579
"""PostgreSQL's advisory lock for migrations: workers that start together migrate once."""


async def migrate(url: str) -> None:
    """Run the migrations that the database lacks. Raises `StoreLocked`, `StoreUnavailable`.

    On SQLite it takes the writer's lock, so it runs before the store is opened; in memory there is nothing to do.
    """
    if url.startswith(POSTGRES):
        await _postgres(url)
        return
    path = sqlite_path(url)
    if path != ":memory:":
        await asyncio.to_thread(_sqlite, Path(path))


def upgrade(connection: Connection) -> None:
    """Run the migrations on an open connection, inside its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _sqlite(path: Path) -> None:
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    lock = FileLock(path)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    event.listen(engine, "connect", _transactional)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            upgrade(connection)
    except DBAPIError as error:
        raise from_sqlite(error.orig) if isinstance(error.orig, sqlite3.Error) else StoreUnavailable from error
    finally:
        engine.dispose()
        lock.release()


def _transactional(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # sqlite3 would commit before DDL by itself; a migration stands or falls as a whole.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _postgres(url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine("postgresql+asyncpg" + url[url.index("://") :], poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": MIGRATING})
            await connection.run_sync(upgrade)
    except (DBAPIError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise from_postgres(cause.__cause__ or cause) from error
    finally:
        await engine.dispose()
