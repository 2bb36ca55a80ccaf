"""Accounts and pay-as-you-go credit."""

from __future__ import annotations

import sqlite3
from datetime import date

from backends.demo.database import Database
from backends.demo.failures import Failures
from dialogs.services import Account, Balance, NoSuchAccount


class DemoAccounts:
    """Implements `Accounts`."""

    def __init__(self, database: Database, failures: Failures) -> None:
        self._database = database
        self._failures = failures

    async def account(self, *, customer: str) -> Account:
        """The account; raises `NoSuchAccount`."""
        await self._failures.before()
        row = await self._database.run(lambda db: _customer(db, customer))
        return Account(row["first_name"], row["plan"], bool(row["online"]), row["ending"])


class DemoPayg:
    """Implements `Payg`."""

    def __init__(self, database: Database, failures: Failures) -> None:
        self._database = database
        self._failures = failures

    async def balance(self, *, customer: str) -> Balance:
        """The credit there is; raises `NoSuchAccount`."""
        await self._failures.before()
        row = await self._database.run(lambda db: _customer(db, customer))
        until = date.fromisoformat(row["bundle_until"]) if row["bundle_until"] else None
        return Balance(row["credit"], row["bundle"], row["bundle_left"], until)


def _customer(db: sqlite3.Connection, ref: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM customer WHERE ref = ?", (ref,)).fetchone()
    if row is None:
        raise NoSuchAccount(customer=ref)
    return row
