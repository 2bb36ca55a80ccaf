"""Who answers a message: an agent, the open question, another dialog, or nobody yet. Pure decisions, no state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.model import Parse
from bot.script.answers import Match
from bot.script.scope import Decision, Waiting

MAX_STACKS = 3
"""How many things may lie open at once: one, and two interruptions."""

UNANSWERED = frozenset({"login", "step_up", "do", "once"})
"""Waits that no message can answer: another wish need not be as sure as one that leaves a question."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences in 0..1. `interrupt`: to leave an open question; `near`: how close a second reading makes us ask."""

    start: float = 0.30
    interrupt: float = 0.45
    near: float = 0.12
    mention: float = 0.15


@dataclass(frozen=True, slots=True)
class Known:
    """What routing needs to know of the dialogs: which intent opens which, and which lie open (top first)."""

    by_intent: Mapping[str, str]
    open: Sequence[str] = ()
    stacks: int = 0
    misunderstood: int = 3
    args: Mapping[str, object] = field(default_factory=dict)
    """What the dialog on top was begun with."""


def fresh(parse: Parse, known: Known, args: Callable[[str, Parse], Mapping[str, object]], t: Thresholds) -> Decision:
    """A message with no question open."""
    if parse.intent in ("human", "stop"):
        return Decision("human" if parse.intent == "human" else "stop")
    dialog = known.by_intent.get(parse.intent)
    options = _options(parse, known, t)
    if dialog is not None and parse.confidence >= t.start:
        if len(options) > 1 and parse.backend != "rules" and _gap(parse, known) < t.near:
            return Decision("clarify", options=options)
        return Decision("start", dialog=dialog, args=args(dialog, parse))
    if options:
        return Decision("clarify", options=options)
    return Decision("unknown")


def waiting(
    waits: Waiting,
    match: Match | None,
    parse: Parse,
    known: Known,
    args: Callable[[str, Parse], Mapping[str, object]],
    t: Thresholds,
) -> Decision:
    """A message while an operation waits, where it is no exact answer."""
    if parse.intent in ("human", "stop") and (parse.backend == "rules" or parse.confidence >= t.interrupt):
        return Decision("human" if parse.intent == "human" else "stop")
    dialog = known.by_intent.get(parse.intent)
    enough = t.start if waits.verb in UNANSWERED else t.interrupt
    if dialog is not None and waits.digress and parse.confidence >= enough and parse.intent not in _SMALL_TALK:
        if known.open and dialog == known.open[0]:
            return Decision("answer") if match is not None else _same(waits, parse, known, args)
        if dialog in known.open:
            return Decision("go_back", dialog=dialog)
        return Decision("start", dialog=dialog, args=args(dialog, parse))
    if waits.verb == "confirm" and known.open and parse.intent in ("", "deny"):
        # "Wait, no, the mobile": something else is named than what we asked about.
        named = {name: value for name, value in args(known.open[0], parse).items() if name != "intent"}
        if any(known.args.get(name) != value for name, value in named.items()):
            return Decision("anew", dialog=known.open[0], args=named)
    if match is not None:
        return Decision("answer")
    if parse.intent == "deny" and waits.verb in ("ask", "choose"):
        return Decision("stop")
    if parse.intent == "deny" and waits.verb == "confirm":
        return Decision("deny")
    return _again(waits, known)


def _same(waits: Waiting, parse: Parse, known: Known, args: Callable[[str, Parse], Mapping[str, object]]) -> Decision:
    """The open dialog's own intent again: with another thing named at its confirmation, that is a correction."""
    given = {name: value for name, value in args(known.open[0], parse).items() if name != "intent"}
    if given and waits.verb == "confirm":
        return Decision("anew", dialog=known.open[0], args=given)
    return _again(waits, known)


_SMALL_TALK = frozenset({"greet", "thanks", "goodbye", "affirm", "deny"})
_NOT_OFFERED = _SMALL_TALK | {"stop", "human", "unlink"}


def _again(waits: Waiting, known: Known) -> Decision:
    return Decision("give_up") if waits.tries + 1 >= known.misunderstood else Decision("again")


def _options(parse: Parse, known: Known, t: Thresholds) -> tuple[str, ...]:
    found: list[str] = []
    best = max((confidence for _, confidence in parse.ranking), default=0.0)
    for intent, confidence in parse.ranking[:4]:
        dialog = known.by_intent.get(intent)
        likely = confidence >= t.mention and confidence >= best / 2
        if dialog is not None and likely and dialog not in found and intent not in _NOT_OFFERED:
            found.append(dialog)
    return tuple(found[:2])


def _gap(parse: Parse, known: Known) -> float:
    """How much surer the best reading is than the best one that would open another dialog."""
    first = known.by_intent.get(parse.intent)
    for intent, confidence in parse.ranking:
        other = known.by_intent.get(intent)
        if other is not None and other != first:
            return parse.confidence - confidence
    return 1.0
