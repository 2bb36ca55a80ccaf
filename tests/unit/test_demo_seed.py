"""The demo brand's customers, as seeded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from backends.demo import DemoBackend, build
from backends.demo.days import bank_holidays, last_day, shifted, working_day, working_days_before

SEED = Path(__file__).parents[2] / "brands/larkspur/seed/people.yml"
BILLED = [f"C-{n}" for n in range(1001, 1031)]
PAYG = [f"C-{n}" for n in range(2001, 2009)]


class At:
    def __init__(self, year: int = 2026, month: int = 11, day: int = 10) -> None:
        self.time = datetime(year, month, day, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
async def backend() -> AsyncIterator[DemoBackend]:
    made = build(":memory:", At(), seed=SEED)
    yield made
    made.close()


async def test_thirty_customers_with_thirteen_months_of_bills(backend: DemoBackend) -> None:
    for ref in BILLED:
        months = await backend.billing.months(customer=ref)
        assert len(months) == 13 and months[-1] == "2026-10" and months[0] == "2025-10"
        account = await backend.accounts.account(customer=ref)
        assert account.plan == "monthly" and account.online


async def test_one_mandate_for_each_service_all_payable_to_the_brand(backend: DemoBackend) -> None:
    for ref in BILLED:
        active = await backend.direct_debits.active(customer=ref)
        ended = await backend.direct_debits.ended(customer=ref)
        assert {m.payee for m in active} <= {"Larkspur Mobile"}
        labels = [m.label for m in active] + [m.label for m in ended]
        assert labels and len(set(labels)) == len(labels)
        bill = await backend.billing.bill(customer=ref)
        assert bill is not None and bill.total >= sum(m.amount for m in active)


async def test_eight_pay_as_you_go_two_of_them_without_an_online_account(backend: DemoBackend) -> None:
    accounts = [await backend.accounts.account(customer=ref) for ref in PAYG]
    assert {a.plan for a in accounts} == {"payg"}
    assert sum(not a.online for a in accounts) == 2
    for ref in PAYG:
        assert await backend.direct_debits.active(customer=ref) == ()
        assert await backend.billing.bill(customer=ref) is None
        assert (await backend.payg.balance(customer=ref)).credit >= 0


async def test_five_personas_with_their_stories(backend: DemoBackend) -> None:
    assert [p.sub for p in backend.personas] == ["ana", "hale", "dev", "mo", "tom"]
    ana, hale, dev, mo, tom = (p.customer_ref for p in backend.personas)
    change = await backend.billing.change(customer=ana, month="2026-10")
    assert change is not None and change.total - change.previous_total == 1420
    (broadband,) = await backend.direct_debits.active(customer=hale)
    locked = await backend.database.run(
        lambda db: db.execute("SELECT locked_until FROM mandate WHERE id = ?", (broadband.id,)).fetchone()[0]
    )
    assert locked == "2026-11-21"
    assert [m.by for m in await backend.direct_debits.ended(customer=hale)] == ["bank"]
    (mobile,) = await backend.direct_debits.active(customer=dev)
    assert (await backend.direct_debits.collections(mandate=mobile.id)).moving_on == date(2026, 11, 12)
    overdue = await backend.billing.bill(customer=dev, month="2026-09")
    assert overdue is not None and (overdue.status, overdue.rest) == ("overdue", 1800)
    assert len(await backend.direct_debits.active(customer=mo)) == 4
    assert (await backend.payg.balance(customer=tom)).credit == 740


async def test_the_same_day_gives_the_same_customers(backend: DemoBackend) -> None:
    other = build(":memory:", At(), seed=SEED)

    async def everything(made: DemoBackend) -> list[tuple[object, ...]]:
        return await made.database.run(
            lambda db: [
                tuple(r)
                for t in ("bill", "line", "charge", "mandate", "payment")
                for r in db.execute(f"SELECT * FROM {t}")
            ]
        )

    assert await everything(other) == await everything(backend)
    other.close()


@pytest.mark.parametrize(
    "day", [date(2026, 1, 1), date(2026, 2, 28), date(2024, 2, 29), date(2026, 12, 31), date(2026, 3, 30)]
)
async def test_it_can_be_seeded_on_any_day(day: date) -> None:
    made = build(":memory:", At(day.year, day.month, day.day), seed=SEED)
    bill = await made.billing.bill(customer="C-1001")
    assert bill is not None and (bill.total, bill.status) == (6120, "due")
    for ref in BILLED:
        for mandate in await made.direct_debits.active(customer=ref):
            under = await made.direct_debits.collections(mandate=mandate.id)
            assert under.next_on is not None and under.next_on >= day and under.next_amount > 0
            assert (under.moving_on is None) == (under.moving_amount == 0)
            assert under.moving_on is None or day <= under.moving_on < under.next_on
    made.close()


def test_bank_holidays_of_england() -> None:
    """As published for 2026 and 2027 at https://www.gov.uk/bank-holidays."""
    assert sorted(bank_holidays(2026)) == [
        date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 4),
        date(2026, 5, 25), date(2026, 8, 31), date(2026, 12, 25), date(2026, 12, 28),
    ]  # fmt: skip
    assert sorted(bank_holidays(2027)) == [
        date(2027, 1, 1), date(2027, 3, 26), date(2027, 3, 29), date(2027, 5, 3),
        date(2027, 5, 31), date(2027, 8, 30), date(2027, 12, 27), date(2027, 12, 28),
    ]  # fmt: skip


def test_months_and_working_days() -> None:
    assert (shifted("2026-01", -1), shifted("2026-12", 1), shifted("2026-10", -13)) == ("2025-12", "2027-01", "2025-09")
    assert last_day("2028-02") == date(2028, 2, 29)
    assert working_day(date(2026, 12, 25)) == date(2026, 12, 29)
    assert working_days_before(date(2026, 11, 30), 2) == date(2026, 11, 26)
