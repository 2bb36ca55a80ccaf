"""Inbounds that no customer wrote: the outcome of a parked operation, a timer, a person at the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.bridge import Stack
from bot.model import Inbound, Outbound
from bot.script.frame import Frame, awaited, stop_waiting

if TYPE_CHECKING:
    from bot.conversation import Conversation


async def signal(conversation: Conversation, inbound: Inbound) -> None:
    scope, op = conversation.scope, str(inbound.data.get("op", ""))
    found = conversation.find(op)
    if "notice" in inbound.data:
        scope.trace["route"] = "notice"
        scope.put(Outbound(scope.text(str(inbound.data["notice"])), purpose="proactive"))
        return
    if "again" in inbound.data:
        await _fresh_link(conversation, found)
        return
    if found is None or awaited(found[1]) is None or awaited(found[1])["s"] not in ("w",):
        scope.audit("signal.gone", op)
        scope.trace["route"] = "signal for an operation that is gone"
        return
    stack, frame = found
    conversation.settle(frame, dict(inbound.data.get("outcome", {})))
    scope.forget_standing()
    scope.trace["route"] = "signal"
    if stack is conversation.stacks[-1] and scope.claim.party == "bot":
        await conversation.drive()


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
    if stack is conversation.stacks[-1] and scope.claim.party == "bot":
        await conversation.drive()


async def agent(conversation: Conversation, inbound: Inbound) -> None:
    """A person takes the conversation, speaks in it, or gives it back."""
    scope, data = conversation.scope, inbound.data
    act, name = str(data.get("act", "")), str(data.get("name", ""))
    scope.trace["route"] = f"agent {act}"
    if act == "join":
        scope.party = "agent"
        _void_approvals(conversation)
        scope.put(Outbound(scope.text("host.joined", name=name), author="system"))
    elif act == "say":
        scope.put(Outbound(inbound.text, purpose="agent", author=name))
    elif act in ("return", "resolve"):
        scope.party = "bot"
        scope.put(Outbound(scope.text("host.returned", name=name), author="system"))
        found = conversation.find(str(data.get("op", "")))
        if found is not None and awaited(found[1]) is not None:
            status = "returned" if act == "return" else "resolved"
            conversation.settle(found[1], {"status": status, "by": name, "note": str(data.get("note", ""))})
        await conversation.drive()


def _void_approvals(conversation: Conversation) -> None:
    """An approval was asked for by the bot: open, or given and not used, it ends when a person takes over."""
    scope = conversation.scope
    for stack in conversation.stacks:
        for frame in (one.state for one in stack if isinstance(one.state, dict) and "j" in one.state):
            asked = [entry for entry in frame["j"].values() if isinstance(entry, dict) and "up" in entry]
            for entry in asked:
                scope.changes.extend(
                    scope.host.login.void(conversation=scope.conversation, transaction=entry["txn"], now=scope.now)
                )
            waiting = awaited(frame)
            if waiting is not None and waiting["s"] == "w" and "up" in waiting:
                conversation.settle(frame, {"status": "expired"})
