"""The demo backend's own SQLite file, reached through one thread, one transaction a call."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from backends.demo.schema import SCHEMA
from dialogs.services import BackendUnavailable

R = TypeVar("R")


class Database:
    """One connection in one thread. Nothing here is shared with the engine's own store."""

    def __init__(self, path: Path | str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="demo-backend")
        self._connection = self._thread.submit(_open, path).result()

    async def run(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """Do `work` in one transaction, all or nothing. Raises `BackendUnavailable` when the file fails."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    def run_now(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """The same, waiting for it; for set-up, before there is a loop."""
        return self._thread.submit(self._transact, work).result()

    def close(self) -> None:
        """Finish what is queued and close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _transact(self, work: Callable[[sqlite3.Connection], R]) -> R:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                made = work(connection)
            except BaseException:  # Whatever stopped the work, a half of it must not be committed with the next.
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise BackendUnavailable(str(error)) from error
        return made


def _open(path: Path | str) -> sqlite3.Connection:
    if str(path) != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(SCHEMA)
    return connection
