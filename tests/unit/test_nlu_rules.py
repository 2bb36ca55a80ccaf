"""Commands by rule: the whole message or nothing."""

from __future__ import annotations

import time

import pytest

from nlu.care import care
from nlu.rules import answer, control, number
from nlu.text import plain

HUMAN = (
    """agent please|can i speak to someone|talk to a person|real person|human|operator|customer service rep
i want to speak to a manager|Can I PLEASE speak to someone??|put me through to someone in cancellations|get me a human
i don't want to talk to a bot|can someone ring me back|speak to someone about my bill|i asked for a person
i didnt ask for a bill i asked for a person
is there a person i can talk to|call me back pls|I need a human being|live agent|connect me with an agent|supervisor
hand me over to someone real|could i talk to one of your team|i'd like a callback|let me speak to your boss
talk to a person, my name is Ana and I am furious|this is useless. let me speak to someone|no not that!! get me a human
i've been charged twice for roaming in Spain and nobody has ever answered my emails about it, so i want to speak to a \
manager. my number ends 412 and i have been with you for nine years|cancel my direct debit or put me through to someone
""".strip()
    .replace("\n", "|")
    .split("|")
)

STOP = """stop|STOP!!|stop please|please stop|never mind|nevermind|forget it|quit|exit|cancel|oh forget it|start over
i've changed my mind|stop stop stop|ok stop|nvm|let's start again|end chat|unsubscribe|it doesn't matter""".replace(
    "\n", "|"
).split("|")

NEITHER = """stop my direct debit|stop the direct debit|cancel my direct debit|cancel my DD for the phone|stop my dd
is there a person i can pay|cancel it|yes cancel it|yes cancel|cancel the mobile one|stop taking money from my account
who do i pay|i spoke to someone yesterday|are you human|is this a real person|connect me to my account|my phone|bill
get my bill|i want a refund|i want my money back|someone has died|my agent code is 12|what is an operator|forget me
stop the payments|don't stop|speak up|talk me through my bill|can someone see my bill|customer number|no|yes|why
get me a new phone|call my mum|contact details|mobile|i need help|can i stop paying by direct debit|||?
the shop, the agent, the bill|i spoke to someone, nothing happened|the mobile, human resources pays it""".replace(
    "\n", "|"
).split("|")


@pytest.mark.parametrize("text", HUMAN)
def test_asks_for_a_person(text: str) -> None:
    assert control(text) == "human"


@pytest.mark.parametrize("text", STOP)
def test_says_stop(text: str) -> None:
    assert control(text) == "stop"


@pytest.mark.parametrize("text", NEITHER)
def test_is_no_command(text: str) -> None:
    assert control(text) is None


def test_control_is_cheap_enough_for_the_accept_path() -> None:
    ordinary = ["why is my bill higher this month?", "cancel my direct debit for the phone please", "hi", *NEITHER]

    def once() -> float:
        began = time.process_time()
        for text in ordinary:
            control(text)
        return (time.process_time() - began) / len(ordinary)

    assert min(once() for _ in range(20)) < 20e-6


@pytest.mark.parametrize(
    "text",
    [
        "all right then " * 8,
        "ok right good so " * 7,
        "stop please " * 10,
        "i just really want to speak to the your my " * 3,
    ]
    + ["can you please just " * 6, "no no no no not not " * 6, "thats the one do it " * 6, "a" * 120, "some one " * 13],
)
def test_no_wording_makes_a_rule_slow(text: str) -> None:
    began = time.process_time()
    for odd in (text, text + "x", text + "?!x"):
        control(odd)
        answer(plain(odd))
        number(plain(odd))
        care(plain(odd * 5))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "Yes please!",
        "yeah go on",
        "yep that's the one",
        "ok then",
        "sure, go ahead",
        "👍",
        "👍🏽",
        "aye",
        "yes cancel it",
    ]
    + ["go on then", "yeah that's fine", "correct", "do it", "absolutely", "y", "crack on mate", "I'm sure", "Okay."],
)
def test_yes(text: str) -> None:
    assert answer(plain(text)) == "affirm"


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No thanks",
        "nope",
        "nah mate",
        "not now",
        "don't",
        "please don't",
        "👎",
        "leave it",
        "no, keep it",
        "n",
        "yeah no",
    ]
    + ["that's not right", "not that one", "none of them", "I'd rather not", "don't cancel it", "absolutely not"],
)
def test_no(text: str) -> None:
    assert answer(plain(text)) == "deny"


@pytest.mark.parametrize(
    "text",
    [
        "yes but not that one",
        "no problem",
        "not bad",
        "show my bill",
        "ok thanks",
        "cancel it",
        "thanks",
        "know",
        "yesterday",
    ]
    + [
        "right hand one",
        "no idea what you mean by that",
        "yes no",
        "i do not recognise this",
        "don't take my money",
        "",
    ],
)
def test_neither_yes_nor_no(text: str) -> None:
    assert answer(plain(text)) is None


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("2", 2),
        ("number 2", 2),
        ("the second one", 2),
        ("2nd", 2),
        ("option two please", 2),
        ("first", 1),
        ("#3", 3),
        ("10", 10),
    ]
    + [("the one", None), ("one", 1), ("412", None), ("2 please", 2), ("two bills", None), ("£2", None), ("", None)],
)
def test_number(text: str, picked: int | None) -> None:
    assert number(plain(text)) == picked


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I can't go on any more", "danger"),
        ("i want to kill myself", "danger"),
        ("smoke is coming out of my router", "danger"),
        ("my ex is tracking my phone", "danger"),
        ("the router is on fire", "danger"),
        ("my husband died and i need to cancel his direct debit", "bereavement"),
        ("Mum passed away last week", "bereavement"),
        ("I'm the executor of his will", "bereavement"),
        ("my late father's phone", "bereavement"),
        ("he's no longer with us", "bereavement"),
        ("I can't afford this", "cannot_pay"),
        ("i've lost my job and cant pay the bill", "cannot_pay"),
        ("skint til friday", "cannot_pay"),
        ("can i set up a payment plan", "cannot_pay"),
        ("behind on my payments", "cannot_pay"),
        ("can i spread the cost over 3 months", "cannot_pay"),
        ("my phone died", None),
        ("the battery is dead", None),
        ("this bill is killing me", None),
        ("sick to death of this", None),
        ("i can't pay by card, it fails", None),
        ("my phone is broke", None),
        ("I lost my phone", None),
        ("why is my bill higher", None),
        ("cancel my direct debit", None),
        ("I'm dying for a cuppa", None),
    ],
)
def test_care(text: str, intent: str | None) -> None:
    assert care(plain(text)) == intent
