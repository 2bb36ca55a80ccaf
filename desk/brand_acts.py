"""What agents do for a customer is done by the brand's systems, or by the desk itself."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Protocol

from bot.ports import Store


class BrandActs(Protocol):
    """The brand's systems, as agents act on them. Both raise `Temporary` when they do not answer."""

    async def do(self, *, act: str, customer: str | None, amount: int, text: str, at: str, key: str) -> str:
        """Do it once for this key; returns its reference. Raises a `DomainError` where the brand says no."""
        ...

    async def done(self, *, key: str) -> str | None:
        """The reference if it was done under this key."""
        ...

    async def tariff(self, *, customer: str) -> str | None:
        """What kind of contract the customer has, for the figures alone."""
        ...


class OwnActs:
    """Tickets and calls that the desk keeps itself, where the brand has no system for them; no credit."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def do(self, *, act: str, customer: str | None, amount: int, text: str, at: str, key: str) -> str:
        """The row in the desk's own table is the ticket."""
        return own_reference(act, key)

    async def done(self, *, key: str) -> str | None:
        """It was, with its row."""
        rows = await self._store.query("SELECT act FROM desk_act WHERE id = :id", id=key)
        return own_reference(rows[0]["act"], key) if rows else None

    async def tariff(self, *, customer: str) -> str | None:
        """Not known."""
        return None


def own_reference(act: str, key: str) -> str:
    """A reference made from the key."""
    made = base64.b32encode(sha256(key.encode()).digest()[:5]).decode()[:7]
    return f"{'TK' if act == 'ticket' else 'CB'}-{made}"
