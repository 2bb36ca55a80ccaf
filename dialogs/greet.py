"""Hello."""

from __future__ import annotations

from bot import Convo, Offer, dialog


@dialog("greet", intents=["greet"])
async def greet(c: Convo) -> None:
    """Say hello, say that this is an automated assistant, and offer the usual things."""
    await c.say("greet", offers=[Offer(f"dialog.{id}", id) for id in ("bill", "cancel_direct_debit", "human")])
