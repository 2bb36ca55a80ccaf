"""Web chat as a channel: its pages read the log themselves, so nothing has to be sent."""

from __future__ import annotations

from datetime import datetime

from bot.model import Window
from bot.ports import Capabilities, OutboxClaim


class WebchatChannel:
    """Always open: the page shows whatever is said whenever the customer looks."""

    name = "webchat"
    capabilities = Capabilities(
        log=True, buttons=12, button_label=80, text=16_000, cards=True, files=True, typing=True, reconciles=True
    )

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Open: there is no platform that closes it."""
        return "open"

    async def send(self, held: OutboxClaim) -> str:
        """The row has stood in the log since its commit; its place in the turn is its id."""
        return f"{held.seq}.{held.n}"

    async def find(self, held: OutboxClaim) -> str | None:
        """As `send`: what was committed is there to be read."""
        return f"{held.seq}.{held.n}"
