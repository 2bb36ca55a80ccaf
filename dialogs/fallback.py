"""Not understood: the closest things there are, or a plain "say it again"."""

from __future__ import annotations

from bot import Convo, Offer, dialog


@dialog("fallback")
async def fallback(c: Convo, options: list[str] | None = None) -> None:
    """`options` are the ids of the dialogs that may have been meant, likeliest first."""
    if not options:
        await c.say("fallback.none", offers=[Offer("dialog.help", "help"), Offer("dialog.human", "human")])
        return
    meant = [Offer(f"dialog.{id}", id) for id in options]
    await c.say("fallback.which", offers=[*meant, Offer("dialog.human", "human")])
