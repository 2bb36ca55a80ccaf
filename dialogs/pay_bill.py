"""Paying a bill."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("pay_bill", intents=["pay_bill"])
async def pay_bill(c: Convo) -> None:
    """Say where a bill can be paid; card details are never taken in a chat."""
    await c.say("pay.said")
    await c.handoff("pay_bill")
