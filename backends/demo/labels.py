"""Services by their label, and amounts and days as people write them."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime

KINDS = {"mobile": "mobile", "home broadband": "broadband", "handset plan": "handset", "phone insurance": "insurance"}


def kind_of(label: str) -> str:
    """The kind of service that a label names ("Mobile ending 412" → mobile); raises `ValueError`."""
    for start, kind in KINDS.items():
        if label.casefold().startswith(start):
            return kind
    raise ValueError(f"{label!r} names no service; labels begin with {', '.join(KINDS)}.")


def pence(text: str) -> int:
    """£23.00 → 2300; raises `ValueError`."""
    found = re.fullmatch(r"(-?)£(\d+)(?:\.(\d\d))?", text.strip().replace("−", "-").replace(",", ""))
    if found is None:
        raise ValueError(f"{text!r} is not an amount such as £23.00.")
    amount = int(found[2]) * 100 + int(found[3] or 0)
    return -amount if found[1] else amount


def day(text: str, today: date) -> date:
    """2026-12-03, 3 December 2026, or 3 December (of this year); raises `ValueError`."""
    said = text.strip()
    try:
        return date.fromisoformat(said)
    except ValueError:
        dated = said if re.search(r"\d{4}$", said) else f"{said} {today.year}"
        return datetime.strptime(dated, "%d %B %Y").replace(tzinfo=UTC).date()


def masked(id: str) -> str:
    """A mandate's reference as it may be shown: its last four digits."""
    return f"••••{int(hashlib.sha256(id.encode()).hexdigest(), 16) % 10_000:04d}"
