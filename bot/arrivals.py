"""Inbounds that no customer and no agent wrote: the outcome of a parked operation, a timer, a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.bridge import Stack
from bot.model import Inbound, Outbound
from bot.script.frame import Frame, awaited, stop_waiting

if TYPE_CHECKING:
    from bot.conversation import Conversation

BEGUN = ("i", "u")
"""Journal states of an effect that was begun and whose outcome is not known."""


async def signal(conversation: Conversation, inbound: Inbound) -> None:
    scope, op = conversation.scope, str(inbound.data.get("op", ""))
    found = conversation.find(op)
    if "notice" in inbound.data:
        scope.trace["route"] = "notice"
        values = dict(inbound.data.get("values", {}))
        scope.put(Outbound(scope.text(str(inbound.data["notice"]), **values), purpose="proactive"))
        return
    if "again" in inbound.data:
        await _fresh_link(conversation, found)
        return
    entry = awaited(found[1]) if found else None
    if found is not None and entry is not None and entry["s"] in BEGUN:
        # News of an effect is only a reason to read it back: the outcome is what the read-back shows.
        await _read_back(conversation, *found)
        return
    if found is None or entry is None or entry["s"] != "w":
        scope.audit("signal.gone", op)
        scope.trace["route"] = "signal for an operation that is gone"
        return
    stack, frame = found
    conversation.settle(frame, dict(inbound.data.get("outcome", {})))
    scope.forget_standing()
    scope.trace["route"] = "signal"
    if stack is conversation.stacks[-1] and conversation.speaks(stack):
        await conversation.drive()


async def _read_back(conversation: Conversation, stack: Stack, frame: Frame) -> None:
    """Settle an effect that was begun, wherever its dialog lies: nobody may ever come back to it.

    The dialog goes on only where it is on top and nobody else holds the conversation; elsewhere nothing else is done.
    """
    scope = conversation.scope
    scope.trace["route"] = "an effect is read back"
    if conversation.speaks(stack) and stack is conversation.stacks[-1]:
        await conversation.drive()
        return
    order = list(conversation.stacks)
    scope.settling = True
    conversation.on_top(stack)
    await conversation.drive()
    left = {id(one) for one in conversation.stacks}
    conversation.stacks = [one for one in order if id(one) in left]


async def _fresh_link(conversation: Conversation, found: tuple[Stack, Frame] | None) -> None:
    """Ask for a sign-in or approval anew: where a dialog still waits for one, or by the offer its end left."""
    scope = conversation.scope
    scope.trace["route"] = "a fresh link"
    if scope.claim.party != "bot":
        return
    entry = awaited(found[1]) if found else None
    retries = {scope.offered("host.sign-in-retry"), scope.offered("host.start_again")}
    offer = next((one for one in conversation.offers if one["l"] in retries), None)
    if found is not None and entry is not None and entry["s"] == "w" and "txn" in entry:
        stack, frame = found
        scope.changes.extend(
            scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
        )
        del frame["j"][frame["w"]]
        scope.cancel_timer(frame["op"])
        stop_waiting(frame)
        conversation.on_top(stack)
        await conversation.drive()
    elif offer is not None:
        await conversation.apply(conversation.take(offer))
    else:
        scope.tell("host.link-over")


async def timer(conversation: Conversation, inbound: Inbound) -> None:
    scope, op = conversation.scope, str(inbound.data.get("op", ""))
    found = conversation.find(op)
    entry = awaited(found[1]) if found else None
    if found is None or entry is None:
        scope.trace["route"] = "timer for an operation that is gone"
        return
    stack, frame = found
    scope.trace["route"] = "timer"
    if entry["s"] == "w" and "txn" in entry:
        scope.changes.extend(
            scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
        )
        conversation.settle(frame, {"status": "expired"})
    if entry["s"] in BEGUN:
        await _read_back(conversation, stack, frame)
    elif stack is conversation.stacks[-1] and conversation.speaks(stack):
        await conversation.drive()
