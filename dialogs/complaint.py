"""A complaint."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("complaint", intents=["complaint"])
async def complaint(c: Convo) -> None:
    """Log it with a person; say what happens next."""
    await c.say("complaint.said")
    await c.handoff("complaint")
