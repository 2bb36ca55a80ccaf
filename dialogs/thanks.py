"""Being thanked."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("thanks", intents=["thanks"])
async def thanks(c: Convo) -> None:
    """Take the thanks."""
    await c.say("thanks")
