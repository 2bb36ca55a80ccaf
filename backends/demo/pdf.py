"""A bill as a PDF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from dialogs.services import Bill

if TYPE_CHECKING:
    from fpdf import FPDF


@dataclass(frozen=True, slots=True)
class BillSheet:
    """What it says. `lines` are (what for, pence); `charges` itemise those on top of the plan: (day, what, pence)."""

    payee: str
    name: str
    customer: str
    bill: Bill
    lines: tuple[tuple[str, int], ...]
    charges: tuple[tuple[date, str, int], ...] = ()


def render(sheet: BillSheet) -> bytes:
    """The PDF's bytes, the same for the same bill."""
    # Imported when it is first wanted: it takes half a second, and most processes never make a PDF.
    from fpdf import FPDF

    bill = sheet.bill
    pdf = FPDF(format="A4")
    pdf.set_creation_date(datetime.combine(bill.issued, time(), UTC))
    pdf.set_title(_plain(f"{sheet.payee} bill {bill.id}"))
    pdf.set_lang("en-GB")
    pdf.set_margin(20)
    pdf.add_page()
    _line(pdf, sheet.payee, size=20, bold=True)
    _line(pdf, f"Bill for {_month(bill.month)}", size=14)
    pdf.ln(4)
    for text in (sheet.name, f"Customer {sheet.customer}", f"Bill {bill.id}", f"Issued {_day(bill.issued)}"):
        _line(pdf, text)
    pdf.ln(4)
    for label, amount in sheet.lines:
        _row(pdf, label[:1].upper() + label[1:], amount)
    pdf.ln(2)
    _row(pdf, "Total", bill.total, bold=True)
    pdf.ln(4)
    if bill.paid_on is not None:
        _line(pdf, f"Paid on {_day(bill.paid_on)}.")
    else:
        _line(pdf, f"To pay: {_money(bill.debited + bill.rest)}, due {_day(bill.due)}.")
        if bill.debited:
            what = "We collect it" if not bill.rest else f"We collect {_money(bill.debited)} of it"
            _line(pdf, f"{what} by Direct Debit.")
    if sheet.charges:
        pdf.ln(6)
        _line(pdf, "Charged on top of your plan", size=14)
        pdf.ln(2)
        for day, what, amount in sheet.charges:
            _row(pdf, f"{_day(day)}: {what}", amount)
    return bytes(pdf.output())


def _line(pdf: FPDF, text: str, *, size: int = 11, bold: bool = False) -> None:
    pdf.set_font("helvetica", "B" if bold else "", size)
    pdf.multi_cell(0, size * 0.6, _plain(text), new_x="LMARGIN", new_y="NEXT")


def _row(pdf: FPDF, label: str, pence: int, *, bold: bool = False) -> None:
    pdf.set_font("helvetica", "B" if bold else "", 11)
    pdf.cell(135, 8, _plain(label), border="B")
    pdf.cell(0, 8, _plain(_money(pence)), border="B", align="R", new_x="LMARGIN", new_y="NEXT")


def _plain(text: str) -> str:
    """The built-in PDF fonts hold Latin-1 only."""
    return text.encode("latin-1", "replace").decode("latin-1")


def _money(pence: int) -> str:
    return f"{'-' if pence < 0 else ''}£{abs(pence) // 100:,}.{abs(pence) % 100:02d}"


def _day(day: date) -> str:
    return f"{day:%d %B %Y}".lstrip("0")


def _month(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"
