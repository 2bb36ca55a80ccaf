"""An effect at a backend that knows no keys: every call is another posting."""

from __future__ import annotations

from bot import Convo, dialog, known

from ..services.ledger import Ledger
from .deposit import whole


@dialog("post", intents=["post"], requires=known)
async def post(c: Convo, ledger: Ledger) -> None:
    """Ask how much, then post it once."""
    amount = await c.ask("amount", "post.ask", whole)
    done = await c.once(ledger.post, customer=c.customer, amount=amount)
    await c.say("post.done", done=done)
