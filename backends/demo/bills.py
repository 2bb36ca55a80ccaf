"""Bills, why they change, what was charged, and the PDF."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import date

from backends.demo.database import Database
from backends.demo.failures import Failures
from backends.demo.pdf import BillSheet, render
from bot.model import File
from bot.ports import Clock
from dialogs.services import Bill, BillChange, Cause, Charge, Charges, NoSuchFile

_MOST_CHARGES = 10
_PREFIX = "bill:"


class DemoBilling:
    """Implements `Billing` and `Files`."""

    def __init__(self, database: Database, failures: Failures, clock: Clock, payee: str) -> None:
        self._database = database
        self._failures = failures
        self._clock = clock
        self._payee = payee

    async def bill(self, *, customer: str, month: str | None = None) -> Bill | None:
        """The named month's bill, or the latest."""
        await self._failures.before()
        today = self._clock.now().date()
        return await self._database.run(lambda db: _bill(db, customer, month, today))

    async def months(self, *, customer: str) -> tuple[str, ...]:
        """The months there are bills for."""
        await self._failures.before()
        rows = await self._database.run(
            lambda db: db.execute("SELECT month FROM bill WHERE customer = ? ORDER BY month", (customer,)).fetchall()
        )
        return tuple(row["month"] for row in rows)

    async def change(self, *, customer: str, month: str) -> BillChange | None:
        """Why this month's bill differs from the one before."""
        await self._failures.before()
        return await self._database.run(lambda db: _change(db, customer, month))

    async def charges(self, *, customer: str, month: str) -> Charges:
        """What was charged on top of the plan, dearest first."""
        await self._failures.before()
        return await self._database.run(lambda db: _charges(db, customer, month))

    async def pdf(self, *, customer: str, month: str) -> File | None:
        """The bill as a PDF."""
        await self._failures.before()
        row = await self._database.run(lambda db: _row(db, customer, month))
        if row is None:
            return None
        ref = f"{_PREFIX}{row['id']}"
        size = len(await self.open_file(ref, customer))
        return File(ref, f"{self._payee.replace(' ', '-')}-bill-{month}.pdf", "application/pdf", size)

    async def open_file(self, ref: str, customer: str) -> bytes:
        """The PDF's bytes; raises `NoSuchFile`, also for another customer's."""
        await self._failures.before()
        today = self._clock.now().date()
        sheet = await self._database.run(lambda db: _sheet(db, ref, customer, self._payee, today))
        return await asyncio.to_thread(render, sheet)


def _row(db: sqlite3.Connection, customer: str, month: str | None) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM bill WHERE customer = :customer AND (:month IS NULL OR month = :month)"
        " ORDER BY month DESC LIMIT 1",
        {"customer": customer, "month": month},
    ).fetchone()
    return found


def _total(db: sqlite3.Connection, bill: str) -> int:
    return int(db.execute("SELECT COALESCE(SUM(amount), 0) FROM line WHERE bill = ?", (bill,)).fetchone()[0])


def _bill(db: sqlite3.Connection, customer: str, month: str | None, today: date) -> Bill | None:
    row = _row(db, customer, month)
    if row is None:
        return None
    total, due, paid = (_total(db, row["id"]), date.fromisoformat(row["due"]), row["paid_on"])
    debited = 0 if paid or due < today else _debited(db, row["id"])
    return Bill(
        id=row["id"],
        month=row["month"],
        total=total,
        issued=date.fromisoformat(row["issued"]),
        due=due,
        status="paid" if paid else "overdue" if due < today else "due",
        debited=debited,
        rest=0 if paid else total - debited,
        paid_on=date.fromisoformat(paid) if paid else None,
    )


def _debited(db: sqlite3.Connection, bill: str) -> int:
    """What a Direct Debit collects: the services with a mandate in force, or with a payment already at the bank."""
    found = db.execute(
        "SELECT COALESCE(SUM(amount), 0) FROM line WHERE bill = ? AND EXISTS (SELECT 1 FROM mandate"
        " WHERE mandate.service = line.service AND (mandate.status = 'active' OR EXISTS"
        " (SELECT 1 FROM payment WHERE payment.mandate = mandate.id AND payment.bill = line.bill)))",
        (bill,),
    ).fetchone()
    return int(found[0])


def _change(db: sqlite3.Connection, customer: str, month: str) -> BillChange | None:
    now = _row(db, customer, month)
    before: sqlite3.Row | None = db.execute(
        "SELECT * FROM bill WHERE customer = ? AND month < ? ORDER BY month DESC LIMIT 1", (customer, month)
    ).fetchone()
    if now is None or before is None:
        return None
    differences: dict[tuple[str, str], int] = {}
    labels: dict[tuple[str, str], str] = {}
    for bill, sign in ((before, -1), (now, 1)):
        for line in db.execute("SELECT * FROM line WHERE bill = ? ORDER BY n", (bill["id"],)):
            key = (line["service"], line["kind"])
            differences[key] = differences.get(key, 0) + sign * line["amount"]
            labels[key] = line["label"]
    causes = [Cause(amount, labels[key]) for key, amount in differences.items() if amount]
    causes.sort(key=lambda cause: -abs(cause.amount))
    return BillChange(month, _total(db, now["id"]), before["month"], _total(db, before["id"]), tuple(causes))


def _charges(db: sqlite3.Connection, customer: str, month: str) -> Charges:
    rows = db.execute(
        "SELECT charge.* FROM charge JOIN bill ON bill.id = charge.bill WHERE customer = ? AND month = ?"
        " ORDER BY amount DESC, day, n",
        (customer, month),
    ).fetchall()
    items = [Charge(f"{r['bill']}.{r['n']}", date.fromisoformat(r["day"]), r["what"], r["amount"]) for r in rows]
    return Charges(month, sum(item.amount for item in items), len(items), tuple(items[:_MOST_CHARGES]))


def _sheet(db: sqlite3.Connection, ref: str, customer: str, payee: str, today: date) -> BillSheet:
    row = db.execute(
        "SELECT bill.month, customer.name, customer.ref FROM bill JOIN customer ON customer.ref = bill.customer"
        " WHERE bill.id = ? AND bill.customer = ?",
        (ref.removeprefix(_PREFIX), customer),
    ).fetchone()
    bill = _bill(db, customer, row["month"], today) if row is not None and ref.startswith(_PREFIX) else None
    if bill is None:
        raise NoSuchFile(ref=ref)
    lines = db.execute("SELECT label, amount FROM line WHERE bill = ? ORDER BY n", (bill.id,)).fetchall()
    charges = db.execute("SELECT day, what, amount FROM charge WHERE bill = ? ORDER BY day, n", (bill.id,)).fetchall()
    return BillSheet(
        payee,
        row["name"],
        row["ref"],
        bill,
        tuple((line["label"], line["amount"]) for line in lines),
        tuple((date.fromisoformat(c["day"]), c["what"], c["amount"]) for c in charges),
    )
