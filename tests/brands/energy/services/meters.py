"""What the reading dialog asks of Hearth's meter system, and that system: one small database file."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot import UNKEYED, DomainError, Key, effect

HOMES = (("H-2001", "HE-77", "04800"), ("H-2002", "HE-91", "31250"))
"""Account, meter and the last reading before anybody sends one."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter and its last reading."""

    id: str
    last: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A recorded reading."""

    reference: str
    value: str


@dataclass(eq=True, unsafe_hash=True)
class BelowLast(DomainError):
    """A meter never runs backwards."""

    last: str

    def __post_init__(self) -> None:
        super().__init__()


class Meters(Protocol):
    """Hearth's meters."""

    async def at_home(self, *, customer: str) -> Meter | None:
        """The customer's meter."""
        ...

    @effect(read_back="submitted", keys=True)
    async def submit(self, *, meter: str, value: str, key: Key = UNKEYED) -> Taken:
        """Record a reading. The same key again returns the first result. Raises `BelowLast`."""
        ...

    async def submitted(self, *, meter: str, value: str, key: Key = UNKEYED) -> Taken | None:
        """The reading recorded under this key; None if there is none."""
        ...


class MeterFile:
    """Implements the contract over a file of its own."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("CREATE TABLE IF NOT EXISTS meter (id TEXT PRIMARY KEY, account TEXT, last TEXT)")
        columns = "key TEXT PRIMARY KEY, reference TEXT, meter TEXT, value TEXT"
        self._db.execute(f"CREATE TABLE IF NOT EXISTS reading ({columns})")
        rows = [(meter, account, last) for account, meter, last in HOMES]
        self._db.executemany("INSERT OR IGNORE INTO meter VALUES (?, ?, ?)", rows)

    async def at_home(self, *, customer: str) -> Meter | None:
        """The customer's meter."""
        row = self._db.execute("SELECT id, last FROM meter WHERE account = ?", (customer,)).fetchone()
        return None if row is None else Meter(*row)

    async def submit(self, *, meter: str, value: str, key: Key = UNKEYED) -> Taken:
        """Record a reading, once a key."""
        known = await self.submitted(meter=meter, value=value, key=key)
        if known is not None:
            return known
        (last,) = self._db.execute("SELECT last FROM meter WHERE id = ?", (meter,)).fetchone()
        if value < last:
            raise BelowLast(last)
        (count,) = self._db.execute("SELECT COUNT(*) FROM reading").fetchone()
        taken = Taken(f"MR-{count + 1:04}", value)
        with self._db:
            self._db.execute("BEGIN")
            self._db.execute("INSERT INTO reading VALUES (?, ?, ?, ?)", (key, taken.reference, meter, value))
            self._db.execute("UPDATE meter SET last = ? WHERE id = ?", (value, meter))
        return taken

    async def submitted(self, *, meter: str, value: str, key: Key = UNKEYED) -> Taken | None:
        """What was recorded under the key."""
        row = self._db.execute("SELECT reference, value FROM reading WHERE key = ?", (key,)).fetchone()
        return None if row is None else Taken(*row)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


_OPEN: list[MeterFile] = []


def build(settings: Mapping[str, Any], clock: Any) -> MeterFile:
    """Named under `services`; `path` is its file."""
    _OPEN.append(MeterFile(settings["path"]))
    return _OPEN[-1]


def close_all() -> None:
    """Close every file that was opened."""
    while _OPEN:
        _OPEN.pop().close()
