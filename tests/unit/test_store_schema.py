"""Migrations and tables are one schema, on both databases."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import SchemaBehind, StoreUnavailable
from bot.store import migrate, migration, open_store
from bot.store.revision import HEAD
from bot.store.schema import PERSON_FREE, metadata
from bot.store.sqlite_open import schema_script
from tests.postgres import fresh_database

PERSON = {"person", "address_of"}
"""Tables whose row is a person: `person` by its id, `address_of` by its key."""


def differences(connection: Connection) -> list[Any]:
    """What alembic would still change."""
    # SQLite's empty defaults read differently back; there the whole text is compared below.
    defaults = connection.dialect.name == "postgresql"
    context = MigrationContext.configure(connection, opts={"compare_server_default": defaults})
    return list(compare_metadata(context, metadata))


async def async_engine(url: str) -> Any:
    return create_async_engine("postgresql+asyncpg" + url[url.index("://") :], poolclass=NullPool)


def test_this_release_knows_its_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migration.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == HEAD
    assert all(re.fullmatch(r"\d{4}", script.revision) for script in scripts.walk_revisions())


async def test_sqlite_has_what_the_tables_say(tmp_path: Path) -> None:
    await migrate(f"sqlite:///{tmp_path}/parley.db")
    engine = create_engine(f"sqlite:///{tmp_path}/parley.db", poolclass=NullPool)
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


async def test_a_database_in_memory_has_what_the_migrations_make(tmp_path: Path) -> None:
    await migrate(f"sqlite:///{tmp_path}/parley.db")
    migrated = sqlite3.connect(tmp_path / "parley.db")
    memory = sqlite3.connect(":memory:")
    memory.executescript(schema_script())
    found = [
        {
            (kind, name): re.sub(r"\s+", " ", text or "").strip()
            for kind, name, text in con.execute("SELECT type, name, sql FROM sqlite_master")
            if "alembic" not in name
        }
        for con in (migrated, memory)
    ]
    assert len(found[0]) > 40
    assert found[0] == found[1]
    migrated.close()
    memory.close()


@pytest.mark.postgres
async def test_postgres_has_what_the_tables_say() -> None:
    async with fresh_database() as url:
        engine = await async_engine(url)
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        await engine.dispose()


@pytest.mark.postgres
async def test_postgres_indexes_are_what_the_tables_say() -> None:
    # alembic does not compare an index's condition.
    found = []
    async with fresh_database() as migrated, fresh_database(migrated=False) as created:
        engine = await async_engine(created)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        await engine.dispose()
        for url in (migrated, created):
            con = await asyncpg.connect(url)
            rows = await con.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'")
            found.append({name: text for name, text in rows if "alembic" not in name})
            await con.close()
    assert len(found[0]) > 30
    assert found[0] == found[1]


async def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/parley.db"
    await migrate(url)
    store = await open_store(url)
    await store.change([])
    await store.close()
    await migrate(url)
    await (await open_store(url)).close()


@pytest.mark.postgres
async def test_workers_that_start_together_migrate_once() -> None:
    async with fresh_database(migrated=False) as url:
        with pytest.raises(SchemaBehind):
            await open_store(url)
        await asyncio.gather(*[migrate(url) for _ in range(3)])
        store = await open_store(url)
        assert await store.query("SELECT version_num FROM alembic_version") == [{"version_num": HEAD}]
        await store.close()


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = migration.upgrade

    def broken(connection: Connection) -> None:
        real(connection)
        connection.exec_driver_sql("SELECT * FROM no_such_table")

    monkeypatch.setattr(migration, "upgrade", broken)
    with pytest.raises(Exception, match="no_such_table"):
        await migrate(f"sqlite:///{tmp_path}/parley.db")
    with sqlite3.connect(tmp_path / "parley.db") as con:
        assert con.execute("SELECT name FROM sqlite_master").fetchall() == []
    con.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    for reach in (open_store, migrate):
        with pytest.raises(StoreUnavailable):
            await reach("postgresql://nobody@127.0.0.1:9/parley")


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_each_table_names_its_person_or_is_listed_as_free_of_one(table: str) -> None:
    named = "person" in metadata.tables[table].columns or table in PERSON
    assert named != (table in PERSON_FREE)
