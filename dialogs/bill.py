"""The bill: what it is, why it changed, what was charged on top, when it is due, and the PDF."""

from __future__ import annotations

from bot import Convo, Offer, dialog, known
from dialogs.services import Accounts, Bill, Billing, Charge, Payg
from dialogs.words import pounds, short_day

_OFFERS = (
    ("bill_change", "bill.offer_change"),
    ("bill_calls", "bill.offer_charges"),
    ("bill_due", "bill.offer_due"),
    ("bill_pdf", "bill.offer_pdf"),
)
_SHOWN_CHARGES = 5


@dialog("bill", intents=["bill", "bill_change", "bill_calls", "bill_due", "bill_pdf"], requires=known)
async def bill(
    c: Convo, accounts: Accounts, billing: Billing, payg: Payg, month: str | None = None, intent: str | None = None
) -> None:
    """Answer what was asked about the latest or the named bill, and offer the rest."""
    account = await c.do(accounts.account, customer=c.customer)
    if not account.online:
        await c.call("online_account")
        return
    if account.plan == "payg":
        balance = await c.do(payg.balance, customer=c.customer)
        await c.say("bill.payg", balance=balance)
        return
    found = await c.do(billing.bill, customer=c.customer, month=month)
    if found is None:
        await _none(c, billing, month)
        return
    offers = _offers(found, intent)
    if intent == "bill_change":
        await _change(c, billing, found, offers)
    elif intent == "bill_calls":
        await _charges(c, billing, found, offers)
    elif intent == "bill_due":
        await c.say("bill.due", bill=found, offers=offers)
    elif intent == "bill_pdf":
        await _pdf(c, billing, found, offers)
    else:
        await c.say("bill.now", bill=found, offers=offers)


def _offers(found: Bill, answered: str | None) -> list[Offer]:
    rest = [Offer(text, "bill", {"month": found.month, "intent": ask}) for ask, text in _OFFERS if ask != answered]
    return [*rest, Offer("bill.offer_dispute", "dispute_charge", {"month": found.month})]


async def _none(c: Convo, billing: Billing, month: str | None) -> None:
    months = await c.do(billing.months, customer=c.customer)
    if month is None or not months:
        await c.say("bill.none")
        return
    await c.say("bill.no_such_month", month=month, first=months[0], last=months[-1])


async def _change(c: Convo, billing: Billing, found: Bill, offers: list[Offer]) -> None:
    change = await c.do(billing.change, customer=c.customer, month=found.month)
    if change is None:
        await c.say("bill.first", bill=found, offers=offers)
        return
    more = change.total - change.previous_total
    if not change.causes:
        await c.say("bill.same", change=change, offers=offers)
        return
    causes = (*change.causes, None, None)
    await c.say(
        "bill.change",
        change=change,
        direction="up" if more > 0 else "down" if more < 0 else "level",
        difference=abs(more),
        causes=len(change.causes),
        first=causes[0],
        second=causes[1],
        third=causes[2],
        rest=sum(cause.amount for cause in change.causes[3:]),
        offers=offers,
    )


async def _charges(c: Convo, billing: Billing, found: Bill, offers: list[Offer]) -> None:
    charges = await c.do(billing.charges, customer=c.customer, month=found.month)
    if not charges.items:
        await c.say("bill.no_charges", month=found.month, offers=offers)
        return
    shown = charges.items[:_SHOWN_CHARGES]
    lines, left = ("\n".join(_line(charge) for charge in shown), charges.count - len(shown))
    if left:
        await c.say("bill.charges_more", month=found.month, total=charges.total, lines=lines, left=left, offers=offers)
    else:
        await c.say("bill.charges", month=found.month, total=charges.total, lines=lines, offers=offers)


def _line(charge: Charge) -> str:
    return f"{short_day(charge.on)}, {charge.what}: {pounds(charge.amount)}"


async def _pdf(c: Convo, billing: Billing, found: Bill, offers: list[Offer]) -> None:
    file = await c.do(billing.pdf, customer=c.customer, month=found.month)
    if file is None:
        await c.say("bill.no_pdf", month=found.month, offers=offers)
        return
    await c.say("bill.pdf", month=found.month, offers=offers)
    await c.show(file)
