"""What the two dialogs act on: a ledger in a file of its own, which loses answers, hangs and fails as it is told to.

`direct_debits` is the demo backend's, with the same faults; each customer always has a mandate that can be cancelled.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from backends.demo import direct_debits as demo_debits
from backends.demo import shared
from bot import UNKEYED, Key, Temporary, effect
from dialogs.services import CancelReceipt, Collections, EndedMandate, Mandate


class Lost(Temporary):
    """The ledger's answer was lost."""


@dataclass(frozen=True, slots=True)
class Entered:
    """One entry: its reference and amount in pence."""

    reference: str
    amount: int


class Ledger(Protocol):
    """Deposits by key, postings without."""

    @effect(read_back="deposited", keys=True, deadline=2.0)
    async def deposit(self, *, customer: str, amount: int, key: Key = UNKEYED) -> Entered:
        """Put in `amount`; the same key again returns the first entry."""
        ...

    async def deposited(self, *, customer: str, amount: int, key: Key = UNKEYED) -> Entered | None:
        """The entry made under this key."""
        ...

    @effect(read_back="posted", keys=False, deadline=2.0)
    async def post(self, *, customer: str, amount: int) -> Entered:
        """Post `amount`, each time it is called."""
        ...

    async def posted(self, *, customer: str, amount: int) -> Entered | None:
        """The posting of this amount; each amount is asked for once."""
        ...


class Moods:
    """What goes wrong, by chance: `before` a call reaches the backend, and `after` it has taken effect."""

    def __init__(self, seed: str, harm: float) -> None:
        self._dice = random.Random(f"{seed}/{os.getpid()}/{time.monotonic_ns()}")
        self._harm = harm

    async def before(self) -> None:
        """A short way to go, sometimes in vain."""
        await asyncio.sleep(self._dice.uniform(0.0, 0.03))
        if self._dice.random() < 0.2 * self._harm:
            raise Lost

    async def after(self) -> None:
        """The effect stands; the answer may not arrive, or never come."""
        chance = self._dice.random()
        if chance < 0.1 * self._harm:
            await asyncio.Event().wait()
        if chance < self._harm:
            raise Lost


_SCHEMA = """CREATE TABLE IF NOT EXISTS entered (n INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,
  customer TEXT NOT NULL, amount INTEGER NOT NULL, key TEXT NOT NULL, at REAL NOT NULL)"""
_READ = "SELECT n, amount FROM entered WHERE kind = ? AND customer = ? AND amount = ? AND key = ? ORDER BY n LIMIT 1"
_WRITE = "INSERT INTO entered (kind, customer, amount, key, at) VALUES (?, ?, ?, ?, ?)"


class LedgerFile:
    """Implements `Ledger`. Every entry that was ever made stays in the file, the unwanted ones too."""

    def __init__(self, path: str, moods: Moods) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._db = self._thread.submit(self._open, path).result()
        self._moods = moods

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, timeout=20.0)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(_SCHEMA)
        return db

    async def deposit(self, *, customer: str, amount: int, key: Key = UNKEYED) -> Entered:
        """See `Ledger`."""
        return await self._enter("deposit", customer, amount, key)

    async def deposited(self, *, customer: str, amount: int, key: Key = UNKEYED) -> Entered | None:
        """See `Ledger`."""
        return await self._read("deposit", customer, amount, key)

    async def post(self, *, customer: str, amount: int) -> Entered:
        """See `Ledger`."""
        return await self._enter("post", customer, amount, "")

    async def posted(self, *, customer: str, amount: int) -> Entered | None:
        """See `Ledger`."""
        return await self._read("post", customer, amount, "")

    async def _enter(self, kind: str, customer: str, amount: int, key: str) -> Entered:
        await self._moods.before()
        made = await self._run(self._insert, kind, customer, amount, key)
        await self._moods.after()
        return _entered(kind, made)

    async def _read(self, kind: str, customer: str, amount: int, key: str) -> Entered | None:
        found = await self._run(self._find, kind, customer, amount, key)
        return _entered(kind, found) if found else None

    async def _run(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _find(self, kind: str, customer: str, amount: int, key: str) -> Any:
        return self._db.execute(_READ, (kind, customer, amount, key)).fetchone()

    def _insert(self, kind: str, customer: str, amount: int, key: str) -> Any:
        self._db.execute("BEGIN IMMEDIATE")
        found = self._find(kind, customer, amount, key) if key else None
        if found is None:
            made = self._db.execute(_WRITE, (kind, customer, amount, key, time.time()))
            found = made.lastrowid, amount
        self._db.execute("COMMIT")
        return found

    def close(self) -> None:
        """Close the file."""
        self._thread.submit(self._db.close).result()
        self._thread.shutdown()


def _entered(kind: str, row: Any) -> Entered:
    return Entered(f"{kind[0].upper()}-{row[0]:06}", int(row[1]))


_RENEW = (
    "INSERT INTO mandate (id, customer, service, reference) SELECT ?, customer, service, reference FROM mandate m"
    " WHERE customer = ? AND NOT EXISTS (SELECT 1 FROM mandate a WHERE a.customer = m.customer AND a.status = 'active')"
    " ORDER BY m.rowid LIMIT 1"
)


class Debits:
    """Implements `dialogs.services.DirectDebits`: the demo's, failing by chance."""

    def __init__(self, backend: Any, debits: Any, moods: Moods) -> None:
        self._backend, self._debits, self._moods = backend, debits, moods

    async def active(self, *, customer: str) -> tuple[Mandate, ...]:
        """The mandates in force: a new one where the last was cancelled."""
        renewed = f"M{uuid4().hex[:8]}", customer
        await self._backend.database.run(lambda db: db.execute(_RENEW, renewed))
        found: tuple[Mandate, ...] = await self._debits.active(customer=customer)
        return found

    async def ended(self, *, customer: str) -> tuple[EndedMandate, ...]:
        """None, so that a renewed mandate is not taken for the one before it."""
        return ()

    async def collections(self, *, mandate: str) -> Collections:
        """See `dialogs.services.DirectDebits`."""
        found: Collections = await self._debits.collections(mandate=mandate)
        return found

    async def cancel(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt:
        """See `dialogs.services.DirectDebits`."""
        await self._moods.before()
        receipt: CancelReceipt = await self._debits.cancel(mandate=mandate, key=key)
        await self._moods.after()
        return receipt

    async def cancellation(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt | None:
        """See `dialogs.services.DirectDebits`."""
        found: CancelReceipt | None = await self._debits.cancellation(mandate=mandate, key=key)
        return found


_OPEN: list[LedgerFile] = []


def ledger(settings: Mapping[str, Any], clock: Any) -> LedgerFile:
    """Named under `services`. `path` is its file, `seed` its faults' beginning, `harm` their share (0 to 1)."""
    _OPEN.append(LedgerFile(str(settings["path"]), Moods(str(settings["seed"]), float(settings["harm"]))))
    return _OPEN[-1]


def debits(settings: Mapping[str, Any], clock: Any) -> Debits:
    """Named under `services`; `demo` are the demo backend's own settings."""
    moods = Moods(str(settings["seed"]), float(settings["harm"]))
    return Debits(shared(settings["demo"], clock), demo_debits(settings["demo"], clock), moods)


def close_all() -> None:
    """Close every file that was opened."""
    while _OPEN:
        _OPEN.pop().close()
