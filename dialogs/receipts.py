"""What was done for the customer: everything done through this assistant, with its reference."""

from __future__ import annotations

from bot import Convo, dialog, known
from dialogs.services import Receipts
from dialogs.words import digits

_SHOWN = 5


@dialog("receipts", intents=["receipts"], requires=known)
async def receipts(c: Convo, receipts: Receipts, reference: str | None = None) -> None:
    """List what was done, latest first, or the one thing that the reference names."""
    done = await c.do(receipts.of, customer=c.customer)
    if reference is not None:
        named = [receipt for receipt in done if digits(receipt.reference) == digits(reference)]
        if not named:
            await c.say("receipts.unknown", reference=reference)
        done = tuple(named) or done
    if not done:
        await c.say("receipts.none")
        return
    await c.say("receipts.intro", count=len(done))
    for place, receipt in enumerate(done[:_SHOWN]):
        if not receipt.reference:
            await c.say("receipts.unsettled", receipt=receipt).named(f"receipt:{place}")
        elif receipt.next:
            await c.say("receipts.one_next", receipt=receipt).named(f"receipt:{place}")
        else:
            await c.say("receipts.one", receipt=receipt).named(f"receipt:{place}")
    if len(done) > _SHOWN:
        await c.say("receipts.more", left=len(done) - _SHOWN)
