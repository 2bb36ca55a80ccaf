"""What agents do at the demo brand: a goodwill credit, a ticket, a call back. One key does one thing, once."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from hashlib import sha256

import msgspec

from backends.demo.database import Database
from backends.demo.failures import Failures
from bot.ports import Clock
from dialogs.services import NoSuchAccount

_PREFIX = {"goodwill": "GW", "ticket": "TK", "callback": "CB"}


class DemoAgentActs:
    """Keeps each act in the backend's own audit, under the key it was asked for with."""

    def __init__(self, database: Database, failures: Failures, clock: Clock) -> None:
        self._database, self._failures, self._clock = database, failures, clock

    async def do(self, *, act: str, customer: str | None, amount: int, text: str, at: str, key: str) -> str:
        """Do it once for this key; returns its reference. Raises `NoSuchAccount`. Amounts are pence."""
        await self._failures.before()
        now = self._clock.now()
        made = await self._database.run(lambda db: _do(db, act, customer, amount, text, at, key, now))
        if isinstance(made, NoSuchAccount):
            raise made
        await self._failures.after_effect()
        return made

    async def tariff(self, *, customer: str) -> str | None:
        """The customer's plan, for figures."""
        rows = await self._database.run(
            lambda db: db.execute("SELECT plan FROM customer WHERE ref = ?", (customer,)).fetchall()
        )
        return str(rows[0]["plan"]) if rows else None

    async def done(self, *, key: str) -> str | None:
        """The reference if it was done under this key."""
        await self._failures.before()
        return await self._database.run(lambda db: _done(db, key))


def _done(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT what, rowid AS n FROM used_key WHERE key = ?", (key,)).fetchone()
    return None if row is None else f"{_PREFIX[row['what'].partition('.')[2]]}-{1000 + row['n']}"


def _do(
    db: sqlite3.Connection, act: str, customer: str | None, amount: int, text: str, at: str, key: str, now: datetime
) -> str | NoSuchAccount:
    known = _done(db, key)
    if known is not None:
        return known
    if act == "goodwill":
        changed = db.execute("UPDATE customer SET credit = credit + ? WHERE ref = ?", (amount, customer)).rowcount
        if changed == 0:
            return NoSuchAccount(customer or "")
    given = {"customer": customer or "", "amount": str(amount), "text": text, "at": at}
    arguments = msgspec.json.encode({name: value for name, value in given.items() if value}).decode()
    db.execute("INSERT INTO used_key VALUES (?, ?, ?, ?)", (key, f"agents.{act}", arguments, now.isoformat()))
    reference = _done(db, key)
    assert reference is not None
    db.execute(
        "INSERT INTO audit (at, what, arguments, key_hash, outcome) VALUES (?, ?, ?, ?, ?)",
        (now.isoformat(), f"agents.{act}", arguments, sha256(key.encode()).hexdigest()[:16], f"done {reference}"),
    )
    return reference
