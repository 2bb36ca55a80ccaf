"""A person: because the customer asked for one, or because this assistant got no further."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("human", intents=["human"])
async def human(c: Convo, reason: str = "asked") -> None:
    """Hand over at once, with no questions first. `reason`: asked, misunderstood or backend_down."""
    await c.handoff(reason)
