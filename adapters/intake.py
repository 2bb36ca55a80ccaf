"""From a platform's event to the store: durable before the platform is answered, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.model import Accepted, Control, Inbound
from bot.observe.metrics import ACCEPTED
from bot.ports import Store

ControlRule = Callable[[str, str | None], Control | None]
"""Reads a rule-level "human" or "stop" from a text: the recogniser's `control`."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Writes what one channel's customers send into the store."""

    store: Store
    control: ControlRule
    channel: str

    async def take(self, inbound: Inbound) -> Accepted:
        """Accept it; a known key changes nothing. Raises `StoreUnavailable`: have the platform send it again."""
        # An edit never confirms, starts or stops anything.
        plain = inbound.kind == "message" and not inbound.data.get("edited")
        mark = self.control(inbound.text, inbound.locale) if plain else None
        accepted = await self.store.accept(inbound, mark)
        ACCEPTED.labels(self.channel, inbound.kind, "fresh" if accepted.fresh else "duplicate").inc()
        return accepted
