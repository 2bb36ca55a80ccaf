"""What a person at a desk does in a conversation: joins, speaks, passes it on, offers a dialog, gives it back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec

from bot.model import Choice, Control, File, Inbound, Outbound
from bot.script.cases import title, withdraw
from bot.script.frame import Frame, awaited, waits_for_person
from bot.script.leaving import LEFT

if TYPE_CHECKING:
    from bot.conversation import Conversation

RATES = "$rates"
"""In place of a dialog: the offer's button says how it went with a person."""


async def agent(conversation: Conversation, inbound: Inbound) -> None:
    """Do what `data["act"]` names: join, say, tell, offer, leave, return or resolve. `data["name"]` is who does it.

    An act that came after the conversation was given back, and that only a holder may do, changes nothing.
    """
    scope, data = conversation.scope, inbound.data
    act, name = str(data.get("act", "")), str(data.get("name", ""))
    scope.trace["route"] = f"agent {act}"
    if act == "join":
        _join(conversation, name)
    elif act in ("return", "resolve"):
        await _back[str(data.get("how", "resume"))](conversation, inbound, name)
    elif act == "tell" and scope.claim.party == "bot":
        # A receipt that came in after the person had left: the customer is owed it all the same.
        said = scope.text(str(data["text"]), **dict(data.get("values", {})))
        scope.put(Outbound(said, purpose="proactive", author="system"))
    elif scope.claim.party != "agent":
        scope.audit("agent.late", inbound.key, act=act)
    elif act == "say":
        scope.put(Outbound(inbound.text, file=_file(data), purpose="agent", author=name))
    elif act == "tell":
        said = scope.text(str(data["text"]), **dict(data.get("values", {})))
        scope.put(Outbound(said, purpose="agent", author="system"))
    elif act == "offer":
        _offer(conversation, name, str(data["dialog"]), dict(data.get("answers", {})))
    elif act == "leave":
        conversation.lent = None
        scope.party = "bot"
        scope.put(Outbound(scope.text(str(data.get("text", "host.passed-on")), name=name), author="system"))


def _join(conversation: Conversation, name: str) -> None:
    scope = conversation.scope
    scope.party = "agent"
    conversation.lent = None
    void_approvals(conversation)
    _no_message_any_more(conversation)
    scope.handoffs.append(("handoff.status", {"state": "accepted", "message": name}))
    scope.put(Outbound(scope.text("host.joined", name=name), author="system"))


def _no_message_any_more(conversation: Conversation) -> None:
    """What was to be left for somebody who was not there: they are here, and are told it themselves."""
    for stack in [one for one in conversation.stacks if one and one[-1].id in LEFT]:
        conversation.drop(stack)
    conversation.offers = [offer for offer in conversation.offers if offer["d"] not in LEFT]


def _file(data: Any) -> File | None:
    return msgspec.convert(data["file"], File) if data.get("file") else None


def _offer(conversation: Conversation, name: str, dialog: str, answers: dict[str, Any]) -> None:
    """A button in the customer's chat that runs a dialog while the person stays; nobody but the customer presses it."""
    scope = conversation.scope
    if dialog not in scope.host.dialogs:
        scope.audit("agent.late", dialog, act="offer")
        return
    what = title(scope, dialog)
    button = scope.offer("host.desk-offer", dialog, answers, answers)
    scope.offers[-1]["t"] = name
    said = scope.text("host.desk-offer", name=name, title=what)
    scope.put(Outbound(said, choices=(button,), purpose="agent", author=name))


async def beside(conversation: Conversation, inbound: Inbound, control: Control | None) -> None:
    """A person holds it: only what they offered is the bot's, by its button or an exact answer to its question."""
    scope = conversation.scope
    scope.trace["route"] = "agent holds it"
    lent, top = conversation.lent, conversation.stacks[-1] if conversation.stacks else None
    taken = conversation.offered(inbound) if any("t" in offer for offer in conversation.offers) else None
    if taken is not None and taken.kind == "start":
        conversation.lent = {"d": taken.dialog}
        await conversation.apply(taken)
    elif lent is None:
        return
    elif control is not None:
        # They want the person, and not the dialog that the person offered: it is kept for when the bot is back.
        _lent_no_more(conversation)
    elif top is not None and top[-1].id == lent["d"]:
        live = inbound.kind != "press" or conversation.find_press(str(inbound.data.get("nonce", "")))
        if live:
            await conversation.feed(inbound)


def lent_is_over(conversation: Conversation) -> None:
    """Once the dialog that was offered has ended, the person alone speaks again, and the customer is told."""
    if conversation.lent is not None and not conversation.lies_open(conversation.lent["d"]):
        _lent_no_more(conversation)


def _lent_no_more(conversation: Conversation) -> None:
    conversation.lent = None
    said = conversation.scope.text("host.desk-offer-over")
    conversation.scope.put(Outbound(said, purpose="agent", author="system"))


async def never_mind(conversation: Conversation) -> None:
    """They wait for a person no longer; what they were doing before goes on."""
    scope = conversation.scope
    scope.trace["route"] = "waits for nobody any more"
    for frame in _waiting(conversation):
        withdraw(scope, awaited(frame)["ref"])
    scope.handoffs.append(("handoff.status", {"state": "failed", "message": "withdrawn"}))
    scope.tell("host.desk-withdrawn")
    await waited(conversation, {"status": "returned", "by": "", "note": "withdrawn"})
    await _ask_again(conversation)


async def _resume(conversation: Conversation, inbound: Inbound, name: str) -> None:
    text = "host.returned" if inbound.data["act"] == "return" else "host.resolved"
    await _given_back(conversation, inbound, name, text)
    await _ask_again(conversation)
    if inbound.data.get("csat") and not conversation.stacks:
        _ask_how_it_went(conversation, str(inbound.data.get("case", "")))


def _ask_how_it_went(conversation: Conversation, case: str) -> None:
    """Once, and never in the way of a question that is open."""
    scope = conversation.scope
    asked = []
    for score in range(1, 6):
        at = f"rates:{scope.claim.seq}:{score}"
        button = scope.nonce(at, str(score))
        scope.offers.append({"n": button, "l": str(score), "d": RATES, "a": {"case": case, "score": score}, "g": {}})
        asked.append(Choice(at, str(score), button))
    scope.put(Outbound(scope.text("host.desk-csat"), choices=tuple(asked)))
    scope.changes.extend(scope.host.handoff.rated(case, None, scope.now))


async def _start(conversation: Conversation, inbound: Inbound, name: str) -> None:
    await _given_back(conversation, inbound, name, "host.returned")
    await conversation.begin(str(inbound.data.get("dialog", "")), dict(inbound.data.get("answers", {})))


async def _close(conversation: Conversation, inbound: Inbound, name: str) -> None:
    await _given_back(conversation, inbound, name, "host.returned-closed")
    conversation.drop_all()


_back: dict[str, Callable[[Conversation, Inbound, str], Awaitable[None]]] = {
    "resume": _resume,
    "start": _start,
    "close": _close,
}


async def _given_back(conversation: Conversation, inbound: Inbound, name: str, text: str) -> None:
    """The bot has it again: whatever waited for a person has its outcome, and the customer is told, unless silently."""
    scope, data = conversation.scope, inbound.data
    scope.party = "bot"
    conversation.lent = None
    scope.handoffs.append(("handoff.status", {"state": "completed", "message": str(data["act"])}))
    if not data.get("silent"):
        scope.put(Outbound(scope.text(text, name=name), author="system"))
    status = "returned" if data["act"] == "return" else "resolved"
    await waited(conversation, {"status": status, "by": name, "note": str(data.get("note", ""))})


async def _ask_again(conversation: Conversation) -> None:
    """Go on where it stood: the open question once more, unless the dialog that had waited has just asked its own."""
    if conversation.stacks and conversation.stacks[-1] is not conversation.driven_last:
        await conversation.drive()


async def waited(conversation: Conversation, outcome: dict[str, Any]) -> None:
    """Every dialog that waits for a person gets this outcome and goes on: it must not be taken for waiting still."""
    over = []
    for stack in conversation.stacks:
        for frame in (one.state for one in stack if isinstance(one.state, dict) and "j" in one.state):
            if waits_for_person(frame):
                conversation.settle(frame, dict(outcome))
                over.append(stack)
    for stack in over:
        if any(kept is stack for kept in conversation.stacks):
            conversation.on_top(stack)
            await conversation.drive()


def _waiting(conversation: Conversation) -> list[Frame]:
    frames = [one.state for stack in conversation.stacks for one in stack]
    return [frame for frame in frames if isinstance(frame, dict) and "j" in frame and waits_for_person(frame)]


def void_approvals(conversation: Conversation) -> None:
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
