"""The demo backend: reads, the one effect, keys, guards, failure switches, the audit."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from backends.demo import DemoBackend, build, close_all, direct_debits, from_lines, shared
from backends.demo.errors import FixtureError, KeyReused, ResponseLost, SeedError, ToldToBeDown
from bot import Key
from bot.errors import SettingsError
from dialogs.services import (
    BackendUnavailable,
    Charge,
    MandateEnded,
    MandateLocked,
    NoSuchAccount,
    NoSuchFile,
    NoSuchMandate,
)

SEED = Path(__file__).parents[2] / "brands/larkspur/seed/people.yml"


@dataclass
class At:
    """A clock that stands still until it is told."""

    time: datetime = datetime(2026, 11, 10, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
async def larkspur() -> AsyncIterator[DemoBackend]:
    backend = build(":memory:", At(), seed=SEED)
    yield backend
    backend.close()


@pytest.fixture
async def two() -> AsyncIterator[DemoBackend]:
    backend = from_lines(
        [
            "customer C-1001",
            "mandates M1 Home broadband £31.00 | M2 Mobile ending 412 £23.00, £23.00 moving on 12 November",
            "bill 2026-09 due 2026-10-31, paid 30 October: Home broadband £31.00 | Mobile ending 412 £23.00",
            (
                "bill 2026-10 due 30 November: Home broadband £31.00 | Mobile ending 412 £23.00"
                " | roaming in Spain 3 to 6 Oct £9.00"
            ),
            "charges 2026-10: 3 October a day's use in Spain £4.50 | 4 October a day's use in Spain £4.50",
        ],
        At(),
    )
    yield backend
    backend.close()


async def test_a_key_used_again_gives_the_first_receipt_and_one_audit_row(two: DemoBackend) -> None:
    first = await two.direct_debits.cancel(mandate="M2", key=Key("k1"))
    again = await two.direct_debits.cancel(mandate="M2", key=Key("k1"))
    assert again == first
    assert first.reference == "DD-7781"
    assert [row.outcome for row in await two.audit()] == ["done: DD-7781"]


async def test_the_mandate_is_guarded_whatever_the_key(two: DemoBackend) -> None:
    first = await two.direct_debits.cancel(mandate="M2", key=Key("k1"))
    assert await two.direct_debits.cancel(mandate="M2", key=Key("k2")) == first
    assert await two.direct_debits.cancel(mandate="M2") == first
    assert len(await two.audit()) == 1


async def test_a_key_used_for_another_call_is_refused(two: DemoBackend) -> None:
    await two.direct_debits.cancel(mandate="M2", key=Key("k1"))
    with pytest.raises(KeyReused):
        await two.direct_debits.cancel(mandate="M1", key=Key("k1"))
    assert [m.id for m in await two.direct_debits.active(customer="C-1001")] == ["M1"]


async def test_two_mandates_get_two_references(two: DemoBackend) -> None:
    receipts = [await two.direct_debits.cancel(mandate=m, key=Key(m)) for m in ("M1", "M2")]
    assert [r.reference for r in receipts] == ["DD-7781", "DD-7782"]


async def test_the_read_back_tells_done_from_not_done(two: DemoBackend) -> None:
    assert await two.direct_debits.cancellation(mandate="M2", key=Key("k1")) is None
    receipt = await two.direct_debits.cancel(mandate="M2", key=Key("k1"))
    assert await two.direct_debits.cancellation(mandate="M2", key=Key("k1")) == receipt


async def test_a_payment_with_the_bank_is_on_the_receipt_and_the_next_one_is_named(two: DemoBackend) -> None:
    under = await two.direct_debits.collections(mandate="M2")
    assert (under.moving_amount, under.moving_on) == (2300, date(2026, 11, 12))
    receipt = await two.direct_debits.cancel(mandate="M2", key=Key("k"))
    assert (receipt.moving_amount, receipt.moving_on) == (2300, date(2026, 11, 12))
    other = await two.direct_debits.collections(mandate="M1")
    assert (other.moving_amount, other.next_amount, other.next_on) == (0, 4000, date(2026, 11, 30))
    assert other.owed == 4000


async def test_after_a_cancellation_the_bill_is_no_longer_collected_in_full(two: DemoBackend) -> None:
    before = await two.billing.bill(customer="C-1001")
    assert before is not None and (before.total, before.debited, before.rest) == (6300, 6300, 0)
    await two.direct_debits.cancel(mandate="M2", key=Key("k"))
    after = await two.billing.bill(customer="C-1001")
    assert after is not None and (after.debited, after.rest) == (4000, 2300)


async def test_locked_and_ended_mandates_are_refused_and_audited() -> None:
    backend = from_lines(
        [
            "customer C-1",
            (
                "mandates M1 Home broadband £31.00, locked until 3 December | "
                "M2 Mobile ending 412 £23.00, cancelled at the bank 2 November"
            ),
        ],
        clock := At(),
    )
    with pytest.raises(MandateLocked) as locked:
        await backend.direct_debits.cancel(mandate="M1", key=Key("a"))
    assert locked.value.until == date(2026, 12, 3)
    assert "with the bank" in str(locked.value)
    with pytest.raises(MandateEnded) as ended:
        await backend.direct_debits.cancel(mandate="M2", key=Key("b"))
    assert ended.value == MandateEnded(on=date(2026, 11, 2))
    with pytest.raises(NoSuchMandate):
        await backend.direct_debits.cancel(mandate="M3", key=Key("c"))
    assert [row.outcome for row in await backend.audit()] == ["refused: locked", "refused: ended before"]
    clock.time = datetime(2026, 12, 3, 9, tzinfo=UTC)
    assert (await backend.direct_debits.cancel(mandate="M1", key=Key("a"))).label == "Home broadband"
    backend.close()


async def test_a_lost_response_has_been_committed(two: DemoBackend) -> None:
    two.failures.mode = "lose_response"
    with pytest.raises(ResponseLost):
        await two.direct_debits.cancel(mandate="M2", key=Key("k"))
    receipt = await two.direct_debits.cancellation(mandate="M2", key=Key("k"))
    assert receipt is not None and receipt.reference == "DD-7781"


async def test_a_response_may_also_never_come(two: DemoBackend) -> None:
    two.failures.mode, two.failures.hangs = "lose_response", True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await two.direct_debits.cancel(mandate="M2", key=Key("k"))
    assert await two.direct_debits.cancellation(mandate="M2") is not None


async def test_down_refuses_everything_before_it_happens(two: DemoBackend) -> None:
    two.failures.mode = "down"
    for call in (
        two.direct_debits.cancel(mandate="M2", key=Key("k")),
        two.direct_debits.active(customer="C-1001"),
        two.billing.bill(customer="C-1001"),
        two.accounts.account(customer="C-1001"),
    ):
        with pytest.raises(ToldToBeDown):
            await call
    two.failures.mode = "ok"
    assert await two.audit() == ()
    assert len(await two.direct_debits.active(customer="C-1001")) == 2


async def test_slow_answers_late(two: DemoBackend) -> None:
    two.failures.mode, two.failures.slow_seconds = "slow", 0.05
    began = asyncio.get_running_loop().time()
    await two.billing.months(customer="C-1001")
    assert asyncio.get_running_loop().time() - began >= 0.05


def test_an_unknown_mode_is_refused() -> None:
    backend = from_lines([], At())
    with pytest.raises(ValueError, match="lose_response"):
        backend.failures.mode = "broken"  # type: ignore[assignment]
    backend.close()


async def test_the_audit_can_only_grow(two: DemoBackend) -> None:
    await two.direct_debits.cancel(mandate="M2", key=Key("secret key"))
    for statement in ("UPDATE audit SET outcome = 'x'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="only grow"):
            await two.database.run(lambda db, sql=statement: db.execute(sql))
    (row,) = await two.audit()
    assert row.arguments == '{"mandate":"M2"}' and "secret" not in row.key_hash


async def test_a_change_is_a_sum_of_its_causes(larkspur: DemoBackend) -> None:
    change = await larkspur.billing.change(customer="C-1001", month="2026-10")
    assert change is not None
    assert [(c.amount, c.label) for c in change.causes] == [
        (900, "roaming in Spain 3 to 6 Oct"),
        (520, "calls outside your plan"),
    ]
    for number in range(1001, 1031):
        for month in await larkspur.billing.months(customer=f"C-{number}"):
            change = await larkspur.billing.change(customer=f"C-{number}", month=month)
            if change is not None:
                amounts = [abs(c.amount) for c in change.causes]
                assert sum(c.amount for c in change.causes) == change.total - change.previous_total
                assert amounts == sorted(amounts, reverse=True) and 0 not in amounts


async def test_charges_are_the_lines_on_top_of_the_plan(larkspur: DemoBackend) -> None:
    charges = await larkspur.billing.charges(customer="C-1001", month="2026-10")
    assert (charges.total, charges.count) == (1420, 8)
    assert charges.items[0] == Charge("B-1001-2026-10.0", date(2026, 10, 3), "a day's use in Spain", 225)
    assert (await larkspur.billing.charges(customer="C-1001", month="2026-09")).items == ()


async def test_the_pdf_is_one_and_belongs_to_its_customer(larkspur: DemoBackend) -> None:
    file = await larkspur.billing.pdf(customer="C-1001", month="2026-10")
    assert file is not None and file.type == "application/pdf"
    data = await larkspur.open_file(file.ref, "C-1001")
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF") and len(data) == file.size
    for ref, customer in ((file.ref, "C-1002"), ("bill:nothing", "C-1001"), ("B-1001-2026-10", "C-1001")):
        with pytest.raises(NoSuchFile):
            await larkspur.open_file(ref, customer)
    assert await larkspur.billing.pdf(customer="C-1001", month="2020-01") is None


async def test_what_is_not_there_is_said_so(larkspur: DemoBackend) -> None:
    assert await larkspur.billing.bill(customer="C-1001", month="2020-01") is None
    assert await larkspur.billing.bill(customer="C-2001") is None
    assert await larkspur.billing.change(customer="C-1001", month="2025-10") is None
    with pytest.raises(NoSuchAccount):
        await larkspur.accounts.account(customer="C-9")


async def test_factories_share_one_backend_a_file_and_it_outlives_them(tmp_path: Path) -> None:
    settings = {"path": str(tmp_path / "data" / "demo.sqlite"), "seed": str(SEED)}
    assert shared(settings, At()) is shared(settings, At())
    receipt = await direct_debits(settings, At()).cancel(mandate="M-1001-1", key=Key("k"))
    close_all()
    assert (
        await direct_debits(settings, At(datetime(2027, 1, 5, tzinfo=UTC))).cancellation(mandate="M-1001-1") == receipt
    )
    months = await shared(settings, At()).billing.months(customer="C-1001")
    assert months[-1] == "2026-10", "a file that was filled stays as it is"
    close_all()


def test_settings_and_seed_errors_are_plain(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="path"):
        shared({}, At())
    seed = tmp_path / "people.yml"
    seed.write_text("payee: X\nbilled: []\npayg: [{ref: 1}]\n", "utf-8")
    with pytest.raises(SeedError, match=r"people\.yml.*payg"):
        build(":memory:", At(), seed=seed)


async def test_a_file_that_fails_is_temporary(two: DemoBackend) -> None:
    def broken(db: sqlite3.Connection) -> None:
        db.execute("SELECT * FROM no_such_table")

    with pytest.raises(BackendUnavailable):
        await two.database.run(broken)
    assert len(await two.direct_debits.active(customer="C-1001")) == 2


@pytest.mark.parametrize(
    "line",
    [
        "weather fine",
        "customer",
        "mandates M1 Home broadband",
        "mandates M1 Gas £3.00",
        "mandates M1 Mobile £3.00, on fire",
        "bill 2026-10 due Friday: Mobile £3.00",
        "backend asleep",
    ],
)
def test_a_fixture_line_that_is_not_understood_is_named(line: str) -> None:
    lines = [line] if line == "customer" else ["customer C-1", line]
    with pytest.raises(FixtureError, match=re.escape(line)):
        from_lines(lines, At())
