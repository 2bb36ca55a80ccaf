"""Signing in, when that is all the customer asked for."""

from __future__ import annotations

from bot import Convo, dialog, known


@dialog("link_account", intents=["link_account"], requires=known)
async def link_account(c: Convo) -> None:
    """The requirement does the work; this says what can be asked now."""
    await c.say("link_account.done")
