"""What was done for a customer, read from the engine's own record of effects."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from bot.ports import Store
from dialogs.services import Receipt

CHANNELS: Mapping[str, str] = {
    "webchat": "web chat",
    "telegram": "Telegram",
    "slack": "Slack",
    "messenger": "Messenger",
}
"""Where it was done, as a customer would say it."""

SHOWN = 20
"""The latest ones; a dialog's journal keeps what it was given, within 8 KB."""

_EFFECTS = """
SELECT e.function, e.status, e.outcome, e.reference, e.begun_at, e.settled_at, c.channel,
  (SELECT k.reference FROM cases k WHERE k.cause = 'effect_unknown' AND k.conversation = e.conversation
     AND k.about = '{"effect":"' || e.key || '"}') AS case_reference
FROM effect e JOIN person p ON p.id = e.person JOIN conversation c ON c.id = e.conversation
WHERE p.brand = :brand AND p.customer_ref = :customer AND e.status IN ('done', 'intent', 'unknown')
ORDER BY e.begun_at DESC LIMIT :shown"""


class Wording(Protocol):
    """The text catalogue: each effect has a text `receipt-<Contract>-<method>` with an attribute `.next`."""

    def has(self, text: str, attribute: str | None = None) -> bool:
        """Whether there is such a text."""
        ...

    def format(self, text: str, attribute: str | None, values: Mapping[str, Any], locale: str | None) -> str:
        """The text, filled in."""
        ...


class EffectReceipts:
    """Implements `dialogs.services.Receipts` over the `effect` table. An effect without a text of its own is left out:
    it is nothing a customer would ask about."""

    def __init__(
        self,
        store: Store,
        brand: str,
        texts: Wording,
        *,
        locale: str | None = None,
        channels: Mapping[str, str] = CHANNELS,
    ) -> None:
        self._store, self._brand, self._texts = store, brand, texts
        self._locale, self._channels = locale, channels

    async def of(self, *, customer: str) -> tuple[Receipt, ...]:
        """The latest twenty, latest first. One that is not settled yet says so and carries its case's reference."""
        rows = await self._store.query(_EFFECTS, brand=self._brand, customer=customer, shown=SHOWN)
        return tuple(receipt for row in rows if (receipt := self._receipt(row)) is not None)

    def _receipt(self, row: Mapping[str, Any]) -> Receipt | None:
        done = row["status"] == "done"
        text = f"receipt.{row['function']}" if done else "receipt.unsettled"
        if not self._texts.has(text):
            return None
        outcome = msgspec.json.decode(row["outcome"]) if done and row["outcome"] else {}
        values = {f"result_{name}": value for name, value in outcome.items()} if isinstance(outcome, dict) else {}
        following = self._texts.format(text, "next", values, self._locale) if self._texts.has(text, "next") else ""
        return Receipt(
            reference=str((row["reference"] if done else row["case_reference"]) or ""),
            what=self._texts.format(text, None, values, self._locale),
            at=datetime.fromtimestamp(row["settled_at"] or row["begun_at"], UTC),
            channel=self._channels.get(row["channel"], row["channel"]),
            next=following,
        )
