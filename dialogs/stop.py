"""Stopping whatever is under way."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("stop", intents=["stop"])
async def stop(c: Convo) -> bool:
    """True drops every open dialog; nothing already done is undone by it."""
    if not await c.confirm("sure", "stop.sure"):
        return False
    await c.say("stop.done")
    return True
