"""Direct Debit mandates: reads, and the one effect."""

from __future__ import annotations

import hashlib
import sqlite3
from datetime import date, datetime

import msgspec

from backends.demo.database import Database
from backends.demo.days import last_day, month_of, shifted, working_day
from backends.demo.errors import KeyReused
from backends.demo.failures import Failures
from bot.ports import Clock
from bot.script.effects import UNKEYED, Key
from dialogs.services import (
    CancelReceipt,
    Collections,
    EndedMandate,
    Mandate,
    MandateEnded,
    MandateLocked,
    NoSuchMandate,
)

FIRST_REFERENCE = 7781
_WHAT = "debits.cancel"


class DemoDirectDebits:
    """Implements `DirectDebits`. Honours idempotency keys, and guards each mandate whatever the key."""

    def __init__(self, database: Database, failures: Failures, clock: Clock, payee: str) -> None:
        self._database = database
        self._failures = failures
        self._clock = clock
        self._payee = payee

    async def active(self, *, customer: str) -> tuple[Mandate, ...]:
        """The mandates in force."""
        await self._failures.before()
        rows = await self._database.run(lambda db: _mandates(db, customer, "= 'active'", "mandate.id"))
        return tuple(Mandate(r["id"], r["kind"], r["label"], r["monthly"], r["reference"], self._payee) for r in rows)

    async def ended(self, *, customer: str) -> tuple[EndedMandate, ...]:
        """The mandates that have ended, latest first."""
        await self._failures.before()
        rows = await self._database.run(lambda db: _mandates(db, customer, "<> 'active'", "ended_on DESC"))
        return tuple(
            EndedMandate(
                r["id"], r["kind"], r["label"], date.fromisoformat(r["ended_on"]), r["ended_by"], r["receipt"] or ""
            )
            for r in rows
        )

    async def collections(self, *, mandate: str) -> Collections:
        """What the mandate has under way; raises `NoSuchMandate`."""
        await self._failures.before()
        today = self._clock.now().date()
        return await self._database.run(lambda db: _collections(db, _mandate(db, mandate), today))

    async def cancel(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt:
        """Cancel a mandate, once; raises `MandateLocked`, `MandateEnded`, `NoSuchMandate`."""
        await self._failures.before()
        now = self._clock.now()
        made = await self._database.run(lambda db: _cancel(db, mandate, key, now))
        if not isinstance(made, CancelReceipt):
            raise made
        await self._failures.after_effect()
        return made

    async def cancellation(self, *, mandate: str, key: Key = UNKEYED) -> CancelReceipt | None:
        """The receipt if we cancelled the mandate, under this key or any."""
        await self._failures.before()
        return await self._database.run(lambda db: _receipt(db, mandate))


def _mandates(db: sqlite3.Connection, customer: str, status: str, order: str) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT mandate.*, service.kind, service.label, service.monthly FROM mandate JOIN service"
        f" ON service.id = mandate.service WHERE mandate.customer = ? AND status {status} ORDER BY {order}",
        (customer,),
    ).fetchall()


def _mandate(db: sqlite3.Connection, id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT mandate.*, service.label, service.monthly FROM mandate"
        " JOIN service ON service.id = mandate.service WHERE mandate.id = ?",
        (id,),
    ).fetchone()
    if row is None:
        raise NoSuchMandate(mandate=id)
    return row


def _moving(db: sqlite3.Connection, mandate: str, today: date) -> tuple[int, date | None]:
    """The payments already with the bank: their sum and the first day."""
    row = db.execute(
        "SELECT COALESCE(SUM(amount), 0), MIN(day) FROM payment"
        " WHERE mandate = ? AND status = 'submitted' AND day >= ?",
        (mandate, today.isoformat()),
    ).fetchone()
    return row[0], date.fromisoformat(row[1]) if row[1] else None


def _collections(db: sqlite3.Connection, mandate: sqlite3.Row, today: date) -> Collections:
    moving, moving_on = _moving(db, mandate["id"], today)
    owed = db.execute(
        "SELECT COALESCE(SUM(amount), 0) FROM line JOIN bill ON bill.id = line.bill"
        " WHERE line.service = ? AND paid_on IS NULL",
        (mandate["service"],),
    ).fetchone()[0]
    waiting = db.execute(
        "SELECT bill.due, SUM(line.amount) AS amount FROM line JOIN bill ON bill.id = line.bill"
        " WHERE line.service = :service AND paid_on IS NULL AND due >= :today AND NOT EXISTS"
        " (SELECT 1 FROM payment WHERE payment.bill = bill.id AND payment.mandate = :mandate)"
        " GROUP BY bill.id ORDER BY bill.due LIMIT 1",
        {"service": mandate["service"], "today": today.isoformat(), "mandate": mandate["id"]},
    ).fetchone()
    if waiting is not None:
        return Collections(moving, moving_on, waiting["amount"], working_day(date.fromisoformat(waiting["due"])), owed)
    month = month_of(today) if moving_on is None else shifted(month_of(moving_on), 1)
    regular = working_day(last_day(month))
    return Collections(moving, moving_on, mandate["monthly"], regular, owed)


def _receipt(db: sqlite3.Connection, id: str) -> CancelReceipt | None:
    row = _mandate(db, id)
    if row["ended_by"] != "us":
        return None
    at = datetime.fromisoformat(row["ended_at"])
    return CancelReceipt(row["receipt"], row["id"], row["label"], at, *_moving(db, id, at.date()))


def _cancel(db: sqlite3.Connection, id: str, key: Key, now: datetime) -> CancelReceipt | MandateLocked | MandateEnded:
    arguments = msgspec.json.encode({"mandate": id}).decode()
    used = db.execute("SELECT what, arguments FROM used_key WHERE key = ?", (key,)).fetchone() if key else None
    if used is not None and (used["what"], used["arguments"]) != (_WHAT, arguments):
        raise KeyReused()
    row = _mandate(db, id)
    first = _receipt(db, id)
    if first is not None:
        return first
    if row["status"] != "active":
        _audit(db, now, arguments, key, "refused: ended before")
        return MandateEnded(on=date.fromisoformat(row["ended_on"]))
    if row["locked_until"] and date.fromisoformat(row["locked_until"]) > now.date():
        _audit(db, now, arguments, key, "refused: locked")
        return MandateLocked(until=date.fromisoformat(row["locked_until"]))
    count = db.execute("SELECT COUNT(*) FROM mandate WHERE receipt LIKE 'DD-%'").fetchone()[0]
    reference = f"DD-{FIRST_REFERENCE + count}"
    db.execute(
        "UPDATE mandate SET status = 'cancelled', ended_by = 'us', ended_on = ?, receipt = ?, ended_at = ?"
        " WHERE id = ?",
        (now.date().isoformat(), reference, now.isoformat(), id),
    )
    if key:
        db.execute("INSERT INTO used_key VALUES (?, ?, ?, ?)", (key, _WHAT, arguments, now.isoformat()))
    _audit(db, now, arguments, key, f"done: {reference}")
    return CancelReceipt(reference, id, row["label"], now, *_moving(db, id, now.date()))


def _audit(db: sqlite3.Connection, now: datetime, arguments: str, key: Key, outcome: str) -> None:
    key_hash = hashlib.sha256(key.encode()).hexdigest()[:16] if key else ""
    db.execute(
        "INSERT INTO audit (at, what, arguments, key_hash, outcome) VALUES (?, ?, ?, ?, ?)",
        (now.isoformat(), _WHAT, arguments, key_hash, outcome),
    )
