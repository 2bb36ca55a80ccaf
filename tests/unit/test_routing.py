"""Routing as a table of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bot.model import Entity, Parse
from bot.routing import MAX_STACKS, Known, Thresholds, fresh, waiting
from bot.script.answers import Match
from bot.script.scope import Waiting

T = Thresholds()
BY_INTENT = {"bill": "bill", "cancel": "cancel", "greet": "greet", "human": "human", "stop": "stop", "bill_due": "bill"}
NEAR = Match("x", False, "x")


def read(intent: str, confidence: float = 0.9, backend: str = "model", **others: float) -> Parse:
    """A reading and what else it might have been."""
    ranking = ((intent, confidence), *others.items()) if intent else tuple(others.items())
    return Parse(intent, confidence, ranking, backend=backend, entities=(Entity("service", "mobile", "mobile", 0, 6),))


def args(dialog: str, parse: Parse) -> Mapping[str, object]:
    """An entity of every dialog."""
    return {"service": parse.entities[0].value}


@pytest.mark.parametrize(
    ("parse", "kind", "dialog", "options"),
    [
        (read("bill"), "start", "bill", ()),
        (read("bill", T.start), "start", "bill", ()),
        (read("bill", T.start - 0.01), "clarify", "", ("bill",)),
        (read("bill", 0.2, cancel=0.18), "clarify", "", ("bill", "cancel")),
        (read("bill", 0.5, cancel=0.45), "clarify", "", ("bill", "cancel")),
        (read("bill", 0.5, cancel=0.3), "start", "bill", ()),
        (read("bill", 0.5, "rules", cancel=0.45), "start", "bill", ()),
        (read("bill", 0.5, bill_due=0.45), "start", "bill", ()),
        (read("bill", 0.5, bill_due=0.45, cancel=0.44), "clarify", "", ("bill", "cancel")),
        (read("bill", 0.5, greet=0.45), "start", "bill", ()),
        (read("bill", T.mention - 0.01), "unknown", "", ()),
        (read("weather", 0.9), "unknown", "", ()),
        (read("", 0.0), "unknown", "", ()),
        (read("human", 0.4), "human", "", ()),
        (read("stop", 0.4), "stop", "", ()),
        (read("greet", 0.9), "start", "greet", ()),
    ],
)
def test_with_no_question_open(parse: Parse, kind: str, dialog: str, options: tuple[str, ...]) -> None:
    decision = fresh(parse, Known(BY_INTENT), args, T)
    assert (decision.kind, decision.dialog, decision.options) == (kind, dialog, options)
    if kind == "start":
        assert decision.args == {"service": "mobile"}


ASK = Waiting("ask", True, 0)
CHOOSE = Waiting("choose", True, 0)
CONFIRM = Waiting("confirm", True, 0, True)
LAST = Waiting("ask", True, 2)
FIRM = Waiting("confirm", False, 0)
LOGIN = Waiting("login", True, 0)


@pytest.mark.parametrize(
    ("waits", "match", "parse", "open_now", "kind", "dialog"),
    [
        # a person and a stop, at every step, even where nothing else may interrupt
        (ASK, None, read("human"), ["cancel"], "human", ""),
        (FIRM, None, read("human"), ["cancel"], "human", ""),
        (FIRM, None, read("stop"), ["cancel"], "stop", ""),
        (ASK, NEAR, read("human", 0.9), ["cancel"], "human", ""),
        (ASK, None, read("human", 0.2, "rules"), ["cancel"], "human", ""),
        (ASK, None, read("human", T.interrupt - 0.01), ["cancel"], "again", ""),
        # other intents
        (ASK, None, read("bill"), ["cancel"], "start", "bill"),
        (ASK, NEAR, read("bill"), ["cancel"], "start", "bill"),
        (ASK, None, read("bill", T.interrupt), ["cancel"], "start", "bill"),
        (ASK, None, read("bill", T.interrupt - 0.01), ["cancel"], "again", ""),
        (ASK, NEAR, read("bill", T.interrupt - 0.01), ["cancel"], "answer", ""),
        (FIRM, None, read("bill"), ["cancel"], "again", ""),
        (LOGIN, None, read("bill"), ["cancel"], "start", "bill"),
        # no message answers a login, so less is enough to leave it
        (LOGIN, None, read("bill", T.start), ["cancel"], "start", "bill"),
        (LOGIN, None, read("bill", T.start - 0.01), ["cancel"], "again", ""),
        # what lies open
        (ASK, None, read("cancel"), ["cancel"], "again", ""),
        (ASK, NEAR, read("cancel"), ["cancel"], "answer", ""),
        (ASK, None, read("bill"), ["cancel", "bill"], "go_back", "bill"),
        (ASK, None, read("bill"), ["cancel", "a", "b"], "start", "bill"),
        (ASK, None, read("bill"), ["cancel", "a", "bill"], "go_back", "bill"),
        # small talk is no interruption, and an affirm no answer
        (ASK, None, read("greet"), ["cancel"], "again", ""),
        (CONFIRM, None, read("affirm", 0.99), ["cancel"], "again", ""),
        (CONFIRM, None, read("affirm", 0.99, "rules"), ["cancel"], "again", ""),
        # answers and nonsense
        (ASK, NEAR, read(""), ["cancel"], "answer", ""),
        (ASK, None, read(""), ["cancel"], "again", ""),
        (LAST, None, read(""), ["cancel"], "give_up", ""),
        (LAST, NEAR, read(""), ["cancel"], "answer", ""),
        (LAST, None, read("bill"), ["cancel"], "start", "bill"),
        # "no" where nothing can be denied means to leave it
        (CHOOSE, None, read("deny"), ["cancel"], "stop", ""),
        (ASK, None, read("deny"), ["cancel"], "stop", ""),
    ],
)
def test_while_something_waits(
    waits: Waiting, match: Match | None, parse: Parse, open_now: list[str], kind: str, dialog: str
) -> None:
    decision = waiting(waits, match, parse, Known(BY_INTENT, open_now, len(open_now)), args, T)
    assert (decision.kind, decision.dialog) == (kind, dialog)


def test_at_most_three() -> None:
    assert MAX_STACKS == 3


@pytest.mark.parametrize("waits", [ASK, CHOOSE, CONFIRM, FIRM, LOGIN])
@pytest.mark.parametrize("intent", ["human", "stop"])
def test_a_rule_is_never_outvoted(waits: Waiting, intent: Any) -> None:
    decision = waiting(waits, NEAR, read(intent, 0.01, "rules"), Known(BY_INTENT, ["a", "b", "c"], 3), args, T)
    assert decision.kind == intent
