"""Where the demo provider's memory stands: values by kind and key, in memory or in a file that workers share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

V = TypeVar("V")

_SCHEMA = "CREATE TABLE IF NOT EXISTS held (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"


class Shelf:
    """One database of it. For a demonstration: its calls block, each for well under a millisecond."""

    def __init__(self, file: Path | None = None) -> None:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file or ":memory:", isolation_level=None, timeout=5.0, check_same_thread=False)
        if file is not None:
            file.chmod(0o600)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(_SCHEMA)

    def board(self, kind: str, of: type[V]) -> Board[V]:
        """The values of one kind."""
        return Board(self._db, kind, of)


@dataclass(frozen=True, slots=True)
class Board(Generic[V]):
    """Values of one kind by key. What is got is a copy: `put` it back where it was changed."""

    db: sqlite3.Connection
    kind: str
    of: type[V]

    def get(self, key: str) -> V | None:
        """The value, if there is one."""
        row = self.db.execute("SELECT value FROM held WHERE kind = ? AND key = ?", (self.kind, key)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=self.of)

    def put(self, key: str, value: V) -> None:
        """Keep it, in place of an earlier one."""
        self.db.execute("INSERT OR REPLACE INTO held VALUES (?, ?, ?)", (self.kind, key, msgspec.json.encode(value)))

    def drop(self, key: str) -> None:
        """Keep it no longer."""
        self.db.execute("DELETE FROM held WHERE kind = ? AND key = ?", (self.kind, key))
