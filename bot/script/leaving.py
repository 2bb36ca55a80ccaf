"""What a customer leaves when nobody is there: words for their case, a number to be called on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.model import Choice, Outbound, Parse
from bot.ports import Sql
from bot.script.cases import open_for
from bot.script.scope import Scope

MESSAGE, CALL = "leave_message", "call_me"
LEFT = {MESSAGE: "Message: ", CALL: "To be called on: "}
"""The dialogs whose outcome goes into the case, and how its line of the summary begins."""
NOT_URGENT = frozenset({"human", "stop", "affirm", "deny"})
"""The other intents that a rule may give."""
A_WISH = 8
"""Words that a wish for a person takes, and nothing else beside it."""

_OPEN = (
    "SELECT id, reference FROM cases WHERE conversation = :conversation AND closed IS NULL ORDER BY opened DESC LIMIT 1"
)
_KEEP = "UPDATE cases SET summary = summary || :line WHERE id = :id AND closed IS NULL"


def buttons(scope: Scope, *but: str) -> tuple[Choice, ...]:
    """Below a promise that somebody answers later: leave a message, be called. Not where others read along."""
    if scope.claim.address.kind != "private":
        return ()
    return tuple(_button(scope, dialog) for dialog in LEFT if dialog in scope.host.dialogs and dialog not in but)


def _button(scope: Scope, dialog: str) -> Choice:
    made = scope.offer(f"host.{dialog}", dialog, {})
    # Its words do as well while a question lies open: a channel may no longer show the button then.
    scope.offers[-1]["w"] = 1
    return made


def takes_any(scope: Scope, stack: Sequence[Any]) -> bool:
    """Whether this is a message for the person who is not there, which may well ask for a person among other things."""
    asked = bool(stack) and stack[-1].id == MESSAGE
    return asked and len(scope.claim.inbound.text.split()) > A_WISH and not scope.host.handoff.attended(scope.now)


def urgent(scope: Scope, parse: Parse) -> str | None:
    """The dialog for what a rule hears in a message that was left: danger, a death, money trouble. It speaks at once
    too."""
    heard = parse.backend == "rules" and parse.intent not in NOT_URGENT
    return scope.host.dialogs.by_intent.get(parse.intent) if heard else None


async def keep(scope: Scope, dialog: str, left: str) -> None:
    """Put it into the customer's open case, and say so, with the day and hour that were promised."""
    line = f"{LEFT[dialog]}{' '.join(left.split())}"
    found = await scope.host.store.query(_OPEN, conversation=scope.conversation)
    if found:
        id, reference = str(found[0]["id"]), str(found[0]["reference"])
        scope.changes.append(Sql(_KEEP, {"id": id, "line": f"\n{line}"}, rows=1))
        scope.audit("case.left", id, dialog=dialog)
    else:
        # Somebody closed it while they wrote.
        reference = open_for(scope, dialog, about=None, op=dialog, summary=line).reference
    opens = scope.host.handoff.opens(scope.now)
    said = scope.text(f"host.left-{dialog}{'' if opens else '-undated'}", reference=reference, left=left, **opens)
    scope.put(Outbound(said, choices=buttons(scope, dialog)))


def lines_left(summary: str) -> list[str]:
    """What the customer left, of a case's summary, oldest first."""
    return [line for line in summary.splitlines() if line.startswith(tuple(LEFT.values()))]


def opened(scope: Scope, text: str, values: Mapping[str, Any], waits: bool) -> None:
    """What a customer is told who asked for a person; where they are not waited for here, with what they can leave."""
    scope.put(Outbound(scope.text(text, **values), choices=() if waits else buttons(scope)))
