"""Pay as you go: the credit there is."""

from __future__ import annotations

from bot import Convo, dialog, known
from dialogs.services import Accounts, Payg


@dialog("balance", intents=["balance"], requires=known)
async def balance(c: Convo, accounts: Accounts, payg: Payg) -> None:
    """Say the credit and the bundle; a monthly customer gets their bill instead."""
    account = await c.do(accounts.account, customer=c.customer)
    if not account.online:
        await c.call("online_account")
        return
    if account.plan == "monthly":
        await c.say("balance.monthly")
        await c.call("bill")
        return
    credit = await c.do(payg.balance, customer=c.customer)
    if credit.bundle:
        await c.say("balance.bundle", balance=credit)
    else:
        await c.say("balance.credit", balance=credit)
