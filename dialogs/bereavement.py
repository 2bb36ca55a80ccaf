"""Someone has died."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("bereavement", intents=["bereavement"])
async def bereavement(c: Convo) -> None:
    """No sign-in, no questions, nothing sold: a person who deals with this."""
    await c.say("bereavement.said")
    await c.handoff("bereavement")
