"""Money trouble."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("cannot_pay", intents=["cannot_pay"])
async def cannot_pay(c: Convo) -> None:
    """No sign-in, no pressure: what helps, and a person who can agree it."""
    await c.say("money.said")
    await c.handoff("cannot_pay")
