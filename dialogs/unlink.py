"""Unlinking this chat from the customer's account."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("unlink", intents=["unlink"])
async def unlink(c: Convo) -> str | None:
    """Return "unlink" once confirmed: the host then forgets the link and says so."""
    if await c.confirm("sure", "unlink.sure"):
        return "unlink"
    await c.say("unlink.kept")
    return None
