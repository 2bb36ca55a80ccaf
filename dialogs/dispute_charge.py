"""Questioning a charge."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("dispute_charge", intents=["dispute_charge"])
async def dispute_charge(c: Convo, month: str | None = None, amount: int | None = None) -> None:
    """Pass the charge in question to a person who can put it right."""
    if month is None:
        await c.say("dispute.said")
    else:
        await c.say("dispute.month", month=month)
    await c.handoff("dispute_charge", about={"month": month, "amount": amount})
