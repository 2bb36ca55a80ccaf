"""From a platform's event to the store: durable before the platform is answered, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from prometheus_client import Counter

from adapters.files import KeptFiles
from bot.model import Accepted, Control, Inbound
from bot.observe.metrics import ACCEPTED
from bot.ports import Redactor, Store

ControlRule = Callable[[str, str | None], Control | None]
"""Reads a rule-level "human" or "stop" from a text: the recogniser's `control`."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Writes what one channel's customers send into the store."""

    store: Store
    control: ControlRule
    channel: str
    redactor: Redactor | None = None
    """Takes a sign-in's code out of a message before it is written."""
    files: KeptFiles | None = None
    """Keeps files for a person; without it only what a message says of them is kept."""

    async def take(self, inbound: Inbound) -> Accepted:
        """Accept it; a known key changes nothing. Raises `StoreUnavailable`: have the platform send it again."""
        coded = await self.redactor.take(inbound) if self.redactor is not None else None
        if coded is not None:
            return self._counted(inbound, coded)
        if inbound.kind == "file" and self.files is not None:
            return self._counted(inbound, await self.files.accept(inbound))
        # An edit is heard in its turn, where it confirms nothing; it marks no turn that is under way.
        plain = inbound.kind == "message" and not inbound.data.get("edited")
        mark = self.control(inbound.text, inbound.locale) if plain else None
        return self._counted(inbound, await self.store.accept(inbound, mark))

    def _counted(self, inbound: Inbound, accepted: Accepted) -> Accepted:
        taken(self.channel, inbound.kind, accepted.fresh).inc()
        return accepted


@cache
def taken(channel: str, kind: str, fresh: bool) -> Counter:
    """The count of what came in so: the look-up by labels takes longer than the counting."""
    return ACCEPTED.labels(channel, kind, "fresh" if fresh else "duplicate")
