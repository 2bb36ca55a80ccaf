"""Ways in and out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.model import Address, Window
from bot.ports.work import OutboxClaim


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can show and do. `log` channels read the one log themselves, so rows need no send."""

    log: bool = False
    buttons: int = 0
    button_label: int = 20
    text: int = 4096
    cards: bool = False
    files: bool = False
    typing: bool = False
    reconciles: bool = False


class Channel(Protocol):
    """One way in and out. Intake is the adapter's own web handler, which calls `store.accept`."""

    name: str
    capabilities: Capabilities

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Whether a free reply may be sent now."""
        ...

    async def send(self, held: OutboxClaim) -> str:
        """Send one outbound; returns the platform's message id. Raises `SendTemporary`, `SendUncertain`,
        `SendPermanent`."""
        ...

    async def find(self, held: OutboxClaim) -> str | None:
        """After an uncertain send: the platform's id if it did go through, None if it is sure that it did not."""
        ...


@runtime_checkable
class ShowsTyping(Protocol):
    """A channel where the customer can see that a person writes."""

    async def types(self, address: Address) -> None:
        """Show it for the seconds that the platform shows it. Raises the channel's send errors."""
        ...
