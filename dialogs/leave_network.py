"""Leaving, and taking the number along."""

from __future__ import annotations

from bot import Convo, Offer, dialog


@dialog("leave_network", intents=["leave_network"])
async def leave_network(c: Convo) -> None:
    """The texts that bring the codes: only the phone whose number it is can ask (Ofcom, General Condition C7)."""
    await c.say("leave_network.how", offers=[Offer("dialog.human", "human")])
