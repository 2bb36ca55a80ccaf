"""Dialogs that only the tests have: several effects by `c.again`, and a read that an effect changes."""

from __future__ import annotations

from bot import Again, Convo, dialog, known
from dialogs.services import DirectDebits


@dialog("cancel_all", intents=["cancel_all"], requires=known)
async def cancel_all(c: Convo, debits: DirectDebits, done: list[str] | None = None) -> Again | None:
    """Cancel every mandate, one run each."""
    mandates = await c.do(debits.active, customer=c.customer)
    if not mandates:
        await c.say("all.done", references=done or [])
        return None
    mandate = mandates[0]
    if not await c.confirm("sure", "all.confirm", write=True, mandate=mandate):
        return None
    await c.step_up("cancel_direct_debit", mandate=mandate.id)
    receipt = await c.once(debits.cancel, mandate=mandate.id)
    await c.say("all.one", receipt=receipt)
    return c.again(done=[*(done or []), receipt.reference])


@dialog("count_debits", intents=["count_debits"], requires=known)
async def count_debits(c: Convo, debits: DirectDebits) -> None:
    """Read, cancel the first, read the same again, and wait: what was read before must stay what it was."""
    before = await c.do(debits.active, customer=c.customer)
    await c.confirm("sure", "all.confirm", write=True, mandate=before[0])
    await c.step_up("cancel_direct_debit", mandate=before[0].id)
    await c.once(debits.cancel, mandate=before[0].id)
    after = await c.do(debits.active, customer=c.customer).named("after")
    await c.say("count.said", before=len(before), after=len(after), mandate=before[0])
    await c.confirm("right", "count.right")
    await c.say("count.said", before=len(before), after=len(after), mandate=before[0]).named("once more")
