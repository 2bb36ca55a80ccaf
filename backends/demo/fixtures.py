"""Sets a backend up from a transcript's `given` lines, in memory, with nothing else in it.

customer C-1001                         a monthly customer (", pay as you go £7.40", ", no online account"; ", known"
    and ", linked" are the player's)
mandates M1 Home broadband £31.00 | M2 Mobile ending 412 £23.00
    each may end in: ", locked until 3 December", ", cancelled at the bank 2 November",
    ", £23.00 moving on 24 November"
bill 2026-10 due 30 November: Mobile ending 412 £23.00 | roaming in Spain 3 to 6 Oct £9.00
    (", paid 30 October" after the day; a line that names no service belongs to the first one)
charges 2026-10: 3 October a day's use in Spain £2.25 | …
bundle Everyday 10, 3.2 GB left, until 4 December
backend down | slow | lose_response | ok

While the transcript runs, `happen` takes "down", "slow", "lose_response", "ok", and what may befall a mandate:
"M1 locked until 3 December", "M1 cancelled at the bank 12 November", "M1 £23.00 moving on 24 November".
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import get_args

from backends.demo.backend import DemoBackend
from backends.demo.database import Database
from backends.demo.days import first_day, shifted
from backends.demo.errors import FixtureError
from backends.demo.failures import Mode
from backends.demo.labels import day, kind_of, masked, pence
from bot.ports import Clock

PAYEE = "Larkspur Mobile"
_MARKS = ("known", "linked", "no online account")
_AMOUNT = re.compile(r"^(?P<what>.+?) (?P<amount>[-−]?£[\d,.]+)$")


@dataclass(slots=True)
class _Setup:
    """What the lines said so far."""

    db: sqlite3.Connection
    today: date
    customer: str = ""
    mode: Mode = "ok"
    services: dict[str, str] = field(default_factory=dict)


def from_lines(lines: Iterable[str], clock: Clock) -> DemoBackend:
    """A backend in memory, holding what the lines say; raises `FixtureError` naming the line."""
    database = Database(":memory:")
    wanted = list(lines)
    try:
        mode = database.run_now(lambda db: _apply(db, wanted, clock.now().date()))
    except FixtureError:
        database.close()
        raise
    backend = DemoBackend(database, clock, payee=PAYEE)
    backend.failures.mode = mode
    return backend


def happen(backend: DemoBackend, words: str, clock: Clock) -> None:
    """Something happens at the backend in mid-conversation; raises `FixtureError`."""
    said = words.strip()
    mode = next((known for known in get_args(Mode) if known == said), None)
    if mode is not None:
        backend.failures.mode = mode
        return
    id, _, mark = said.partition(" ")
    try:
        backend.database.run_now(lambda db: _befall(db, clock.now().date(), id, mark))
    except (ValueError, sqlite3.IntegrityError) as error:
        raise FixtureError(f"{words!r}: {error}") from error


def understands(line: str) -> bool:
    """Whether a `given` line is this backend's (the rest of a transcript's are the player's own)."""
    return line.split(maxsplit=1)[0] in _WORDS if line.strip() else False


def _apply(db: sqlite3.Connection, lines: list[str], today: date) -> Mode:
    made = _Setup(db, today)
    for line in lines:
        word, _, rest = line.strip().partition(" ")
        if word not in _WORDS:
            raise FixtureError(f"{line!r}: begin with one of {', '.join(_WORDS)}.")
        try:
            _WORDS[word](made, rest.strip())
        except (ValueError, sqlite3.IntegrityError) as error:
            raise FixtureError(f"{line!r}: {error}") from error
    return made.mode


def _customer(made: _Setup, rest: str) -> None:
    ref, *marks = (part.strip() for part in rest.split(","))
    if not ref:
        raise ValueError("name the customer's reference, such as C-1001.")
    unknown = [mark for mark in marks if mark not in _MARKS and not mark.startswith("pay as you go")]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not known of a customer.")
    payg = next((mark for mark in marks if mark.startswith("pay as you go")), None)
    credit = pence(payg.removeprefix("pay as you go").strip() or "£0.00") if payg is not None else 0
    made.customer = ref
    made.db.execute(
        "INSERT INTO customer (ref, first_name, name, plan, online, ending, credit)"
        " VALUES (?, 'Ana', 'Ana Ruiz', ?, ?, ?, ?)",
        (ref, "monthly" if payg is None else "payg", "no online account" not in marks, ref[-2:], credit),
    )


def _bundle(made: _Setup, rest: str) -> None:
    name, left, until = (part.strip() for part in rest.split(","))
    made.db.execute(
        "UPDATE customer SET bundle = ?, bundle_left = ?, bundle_until = ? WHERE ref = ?",
        (name, left.removesuffix(" left"), day(until.removeprefix("until "), made.today).isoformat(), made.customer),
    )


def _mandates(made: _Setup, rest: str) -> None:
    for text in rest.split("|"):
        first, *marks = (part.strip() for part in text.split(","))
        id, _, described = first.partition(" ")
        what, amount = _amount(described)
        service = _service(made, what, amount)
        made.db.execute(
            "INSERT INTO mandate (id, customer, service, reference) VALUES (?, ?, ?, ?)",
            (id, made.customer, service, masked(id)),
        )
        for mark in marks:
            _mark(made, id, mark)


def _befall(db: sqlite3.Connection, today: date, id: str, mark: str) -> None:
    if db.execute("SELECT 1 FROM mandate WHERE id = ?", (id,)).fetchone() is None:
        raise ValueError(f"there is no mandate {id!r}.")
    _mark(_Setup(db, today), id, mark)


def _mark(made: _Setup, id: str, mark: str) -> None:
    db, today = made.db, made.today
    if mark.startswith("locked until "):
        until = day(mark.removeprefix("locked until "), today).isoformat()
        db.execute("UPDATE mandate SET locked_until = ? WHERE id = ?", (until, id))
    elif mark.startswith("cancelled at the bank "):
        on = day(mark.removeprefix("cancelled at the bank "), today).isoformat()
        db.execute("UPDATE mandate SET status = 'cancelled', ended_on = ?, ended_by = 'bank' WHERE id = ?", (on, id))
    elif " moving on " in mark:
        amount, _, on = mark.partition(" moving on ")
        db.execute(
            "INSERT INTO payment VALUES (?, ?, NULL, ?, ?, 'submitted')",
            (f"P-{id}", id, pence(amount), day(on, today).isoformat()),
        )
    else:
        raise ValueError(f"{mark!r} is not known of a mandate.")


def _bill(made: _Setup, rest: str) -> None:
    head, _, body = rest.partition(":")
    when, *marks = (part.strip() for part in head.split(","))
    month, _, due = when.partition(" due ")
    paid = next((day(mark.removeprefix("paid "), made.today) for mark in marks if mark.startswith("paid ")), None)
    id = f"B-{month}"
    made.db.execute(
        "INSERT INTO bill VALUES (?, ?, ?, ?, ?, ?)",
        (id, made.customer, month, first_day(shifted(month, 1)).isoformat(), day(due, made.today).isoformat(),
         paid.isoformat() if paid else None),
    )  # fmt: skip
    for n, text in enumerate(body.split("|")):
        what, amount = _amount(text.strip())
        try:
            service, kind = _service(made, what, amount), "plan"
        except ValueError:
            service, kind = (next(iter(made.services.values())), re.sub(r"\d.*", "", what).strip())
        made.db.execute("INSERT INTO line VALUES (?, ?, ?, ?, ?, ?)", (id, n, service, kind, what, amount))


def _charges(made: _Setup, rest: str) -> None:
    month, _, body = rest.partition(":")
    for n, text in enumerate(body.split("|")):
        what, amount = _amount(text.strip())
        number, name, *said = what.split()
        on = day(f"{number} {name} {month.strip()[:4]}", made.today).isoformat()
        made.db.execute(
            "INSERT INTO charge VALUES (?, ?, ?, ?, ?)", (f"B-{month.strip()}", n, on, " ".join(said), amount)
        )


def _backend(made: _Setup, rest: str) -> None:
    mode = next((known for known in get_args(Mode) if known == rest), None)
    if mode is None:
        raise ValueError(f"the backend can be {', '.join(get_args(Mode))}.")
    made.mode = mode


def _service(made: _Setup, label: str, monthly: int) -> str:
    kind = kind_of(label)
    if label not in made.services:
        id = f"S{len(made.services) + 1}"
        made.db.execute("INSERT INTO service VALUES (?, ?, ?, ?, ?)", (id, made.customer, kind, label, monthly))
        made.services[label] = id
    return made.services[label]


def _amount(text: str) -> tuple[str, int]:
    found = _AMOUNT.match(text)
    if found is None:
        raise ValueError(f"{text!r} needs an amount at its end, such as £23.00.")
    return found["what"], pence(found["amount"])


_WORDS: dict[str, Callable[[_Setup, str], None]] = {
    "customer": _customer,
    "bundle": _bundle,
    "mandates": _mandates,
    "bill": _bill,
    "charges": _charges,
    "backend": _backend,
}
