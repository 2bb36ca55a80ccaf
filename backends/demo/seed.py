"""Fills an empty file from the seed: thirteen months of bills up to the last full month, the same for the same day."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from backends.demo.days import (
    first_day,
    last_day,
    month_of,
    shifted,
    working_day,
    working_days_after,
    working_days_before,
)
from backends.demo.labels import kind_of, masked
from backends.demo.people import Billed, Line, Seed, Topped

MONTHS = 13
_COUNTRIES = ("France", "Spain", "Portugal", "Greece", "Turkey", "the USA")


@dataclass(frozen=True, slots=True)
class Extras:
    """A line of charges on top: (day, what, pence) each."""

    service: str
    kind: str
    label: str
    charges: tuple[tuple[date, str, int], ...]


def fill(db: sqlite3.Connection, seed: Seed, today: date) -> None:
    """Write all customers; a file that has been filled before stays as it is."""
    if db.execute("SELECT 1 FROM meta WHERE name = 'seeded_on'").fetchone():
        return
    db.execute("INSERT INTO meta VALUES ('seeded_on', ?)", (today.isoformat(),))
    for person in seed.billed:
        _billed(db, person, today)
    for topped in seed.payg:
        _payg(db, topped, today)


def _payg(db: sqlite3.Connection, person: Topped, today: date) -> None:
    until = None if person.bundle_days is None else (today + timedelta(days=person.bundle_days)).isoformat()
    db.execute(
        "INSERT INTO customer (ref, first_name, name, plan, online, ending, credit, bundle, bundle_left, bundle_until)"
        " VALUES (?, ?, ?, 'payg', ?, ?, ?, ?, ?, ?)",
        (person.ref, _first(person.name), person.name, person.online, person.ref[-2:], person.credit, person.bundle,
         person.bundle_left, until),
    )  # fmt: skip


def _billed(db: sqlite3.Connection, person: Billed, today: date) -> None:
    db.execute(
        "INSERT INTO customer (ref, first_name, name, plan, online, ending) VALUES (?, ?, ?, 'monthly', 1, ?)",
        (person.ref, _first(person.name), person.name, person.ref[-2:]),
    )
    number = person.ref.partition("-")[2]
    ids = {line.label: f"S-{number}-{n}" for n, line in enumerate(person.services, 1)}
    for line in person.services:
        db.execute(
            "INSERT INTO service VALUES (?, ?, ?, ?, ?)",
            (ids[line.label], person.ref, kind_of(line.label), line.label, line.monthly),
        )
        _mandate(db, person.ref, ids[line.label], line, today)
    latest = shifted(month_of(today), -1)
    chance = random.Random(f"bills of {person.ref}")
    for back in range(MONTHS - 1, -1, -1):
        extras = list(_given(person, latest)) if back == 0 else []
        if not person.steady:
            extras += _by_chance(person, shifted(latest, -back), chance)
        _bill(db, person, ids, shifted(latest, -back), paid=back > person.overdue, extras=extras)
    for line in person.services:
        _collection(db, f"B-{number}-{latest}", ids[line.label], line, today)


def _mandate(db: sqlite3.Connection, customer: str, service: str, line: Line, today: date) -> None:
    id = service.replace("S-", "M-")
    locked = None if line.locked_days is None else (today + timedelta(days=line.locked_days)).isoformat()
    ended = None
    if line.cancelled_at_bank_days_ago is not None:
        ended = (today - timedelta(days=line.cancelled_at_bank_days_ago)).isoformat()
    db.execute(
        "INSERT INTO mandate (id, customer, service, reference, status, locked_until, ended_on, ended_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            id,
            customer,
            service,
            masked(id),
            "cancelled" if ended else "active",
            locked,
            ended,
            "bank" if ended else None,
        ),
    )


def _bill(
    db: sqlite3.Connection, person: Billed, ids: dict[str, str], month: str, *, paid: bool, extras: list[Extras]
) -> None:
    id = f"B-{person.ref.partition('-')[2]}-{month}"
    after = shifted(month, 1)
    due = last_day(after)
    paid_on = working_day(due).isoformat() if paid else None
    db.execute(
        "INSERT INTO bill VALUES (?, ?, ?, ?, ?, ?)",
        (id, person.ref, month, first_day(after).isoformat(), due.isoformat(), paid_on),
    )
    lines = [(ids[line.label], "plan", line.label, line.monthly) for line in person.services]
    lines += [(ids[e.service], e.kind, e.label, sum(c[2] for c in e.charges)) for e in extras]
    db.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", [(id, n, *line) for n, line in enumerate(lines)])
    charges = [(day.isoformat(), what, amount) for e in extras for day, what, amount in e.charges]
    db.executemany("INSERT INTO charge VALUES (?, ?, ?, ?, ?)", [(id, n, *charge) for n, charge in enumerate(charges)])


def _collection(db: sqlite3.Connection, bill: str, service: str, line: Line, today: date) -> None:
    """The payment for the latest bill, where it is already with the bank: from two working days before the day."""
    if line.cancelled_at_bank_days_ago is not None:
        return
    due, amount = db.execute(
        "SELECT due, (SELECT SUM(amount) FROM line WHERE bill = bill.id AND service = ?) FROM bill WHERE id = ?",
        (service, bill),
    ).fetchone()
    day = working_day(date.fromisoformat(due))
    if line.payment_moving:
        day = min(day, working_days_after(today, 2))
    elif today < working_days_before(day, 2):
        return
    id = service.replace("S-", "M-")
    db.execute(
        "INSERT INTO payment VALUES (?, ?, ?, ?, ?, 'submitted')", (f"P-{id}", id, bill, amount, day.isoformat())
    )


def _given(person: Billed, month: str) -> Iterator[Extras]:
    start = first_day(month)
    for extra in person.extras:
        charges = tuple((start.replace(day=day), what, amount) for day, what, amount in extra.charges)
        yield Extras(extra.service, extra.kind, extra.label.replace("{mon}", f"{start:%b}"), charges)


def _by_chance(person: Billed, month: str, chance: random.Random) -> Iterator[Extras]:
    start, mobile = (first_day(month), next((s.label for s in person.services if kind_of(s.label) == "mobile"), None))
    if mobile is None:
        return
    if chance.random() < 0.35:
        calls = tuple(_call(start, chance) for _ in range(chance.randint(1, 6)))
        yield Extras(mobile, "calls", "calls outside your plan", calls)
    if chance.random() < 0.15:
        first, length, country = (chance.randint(1, 20), chance.randint(2, 7), chance.choice(_COUNTRIES))
        charges = tuple((start.replace(day=first + n), f"a day's use in {country}", 225) for n in range(length))
        yield Extras(mobile, "roaming", f"roaming in {country} {first} to {first + length - 1} {start:%b}", charges)


def _call(month: date, chance: random.Random) -> tuple[date, str, int]:
    minutes = chance.randint(2, 12)
    number = f"0870 496 0{chance.randint(100, 999)}"
    return month.replace(day=chance.randint(1, 28)), f"call to {number}, {minutes} min", 20 * minutes


def _first(name: str) -> str:
    parts = name.split()
    return f"{parts[0]} {parts[-1]}" if parts[0] in ("Mrs", "Mr", "Ms", "Dr") else parts[0]
