"""An effect at a backend that honours keys and has no other guard: another key would be another deposit."""

from __future__ import annotations

from bot import Convo, dialog, known

from ..services.ledger import Ledger


def whole(text: str) -> int:
    """A whole number of pence; `ValueError` for anything else."""
    return int(text)


@dialog("deposit", intents=["deposit"], requires=known)
async def deposit(c: Convo, ledger: Ledger) -> None:
    """Ask how much, then put it in once."""
    amount = await c.ask("amount", "deposit.ask", whole)
    done = await c.once(ledger.deposit, customer=c.customer, amount=amount)
    await c.say("deposit.done", done=done)
