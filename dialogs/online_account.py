"""No online account yet."""

from __future__ import annotations

from bot import Convo, dialog


@dialog("online_account", intents=["online_account"])
async def online_account(c: Convo) -> None:
    """How to get one, and a person for until then."""
    await c.say("online_account.how")
    await c.handoff("no_online_account")
