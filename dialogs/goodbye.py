"""Goodbye."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("goodbye", intents=["goodbye"])
async def goodbye(c: Convo) -> None:
    """Say goodbye; nothing is closed by it."""
    await c.say("goodbye")
