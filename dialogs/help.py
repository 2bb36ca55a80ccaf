"""What this assistant can do."""

from __future__ import annotations

from bot import Convo, Offer, dialog

_SHOWN = ("bill", "balance", "cancel_direct_debit", "receipts", "human")


@dialog("help", intents=["help"])
async def help(c: Convo) -> None:
    """Say what can be asked, and what goes to a person."""
    await c.say("help", offers=[Offer(f"dialog.{id}", id) for id in _SHOWN])
