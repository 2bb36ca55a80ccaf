"""Somebody may be in danger."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("danger", intents=["danger"])
async def danger(c: Convo) -> None:
    """Say first where help is now; then a person."""
    await c.say("danger.said")
    await c.handoff("danger")
