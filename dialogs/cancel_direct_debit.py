"""Cancel a Direct Debit: which, what it means, a plain yes, an approval, and only then the word "done"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot import Convo, Offer, dialog, known
from dialogs.services import Accounts, DirectDebits, EndedMandate, Mandate, MandateEnded, MandateLocked

ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Option:
    """One button: a mandate, or a Direct Debit that is not ours."""

    id: str
    label: str
    amount: int


@dialog("cancel_direct_debit", intents=["cancel_direct_debit"], requires=known)
async def cancel_direct_debit(
    c: Convo, accounts: Accounts, debits: DirectDebits, service: str | None = None, payee: str | None = None
) -> None:
    """Cancel one mandate of the customer's choosing, once they have confirmed it and stepped up."""
    account = await c.do(accounts.account, customer=c.customer)
    if not account.online:
        await c.call("online_account")
        return
    if account.plan == "payg":
        await c.say("debit.payg")
        return
    if payee is not None:
        await c.say("debit.elsewhere_named", payee=payee)
        return
    mandates = await c.do(debits.active, customer=c.customer)
    ended = await c.do(debits.ended, customer=c.customer)
    gone = _already_ended(service, mandates, ended)
    if gone is not None:
        await c.say("debit.already_ended", mandate=gone)
        return
    if not mandates:
        await c.say("debit.none")
        return
    mandate = await _which(c, mandates, service)
    if mandate is None:
        await c.say("debit.elsewhere")
        return
    under = await c.do(debits.collections, mandate=mandate.id)
    await c.say("debit.before", mandate=mandate, under=under)
    if not await c.confirm("sure", "debit.confirm", write=True, mandate=mandate):
        await c.say("debit.kept", mandate=mandate)
        return
    await c.step_up("cancel_direct_debit", mandate=mandate.id)
    try:
        receipt = await c.once(debits.cancel, mandate=mandate.id)
    except MandateLocked as locked:
        await c.say("debit.locked", mandate=mandate, until=locked.until)
        await c.handoff("debit_locked", about=mandate)
        return
    except MandateEnded as over:
        await c.say("debit.over", mandate=mandate, on=over.on)
        return
    await c.say("debit.done", receipt=receipt, offers=[Offer("debit.offer_receipts", "receipts")])


async def _which(c: Convo, mandates: Sequence[Mandate], service: str | None) -> Mandate | None:
    if len(mandates) == 1 and service is None:
        return mandates[0]
    options = [Option(mandate.id, mandate.label, mandate.amount) for mandate in mandates]
    picked = await c.choose(
        "which", "debit.which", [*options, Option(ELSEWHERE, "", 0)], label="debit.option", guess=service
    )
    return next((mandate for mandate in mandates if mandate.id == picked.id), None)


def _already_ended(
    service: str | None, active: Sequence[Mandate], ended: Sequence[EndedMandate]
) -> EndedMandate | None:
    """The ended mandate that was meant: the one for the named service, or the last one where none is left."""
    if service is not None and not any(_meant(service, m) for m in active):
        return next((mandate for mandate in ended if _meant(service, mandate)), None)
    return ended[0] if ended and not active else None


def _meant(service: str, mandate: Mandate | EndedMandate) -> bool:
    said = service.casefold()
    return said == mandate.service or said in mandate.label.casefold()
