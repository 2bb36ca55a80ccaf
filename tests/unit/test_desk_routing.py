"""Who is answered next: urgency and the time waited, and nothing else that is known of a customer."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from typing import Any

import pytest

from bot.settings import DeskSettings
from desk.board import Board, Queue, waits_of
from desk.routing import Free, Waits, fits, offers, ordered, reachable
from desk.staff import Agent
from tests.worlds.demo import SetClock

NOW = 1_800_000_000.0
BESIDE = {
    "channel": ("webchat", "telegram", "slack", "messenger"),
    "tariff": ("payg", "monthly", "business unlimited"),
    "customer_ref": ("C-1001", "VIP-1", None),
    "spend": (0, 10**9),
    "followers": (0, 3, 2_000_000),
    "likes": (0, 9_999),
    "reference": ("LM-A", "LM-Z"),
    "unread": (0, 50),
    "times": (1, 7),
    "person": (None, "p1"),
}
"""What may be known of a customer and must not count."""


def row(at: int, rng: random.Random) -> dict[str, Any]:
    return {
        "id": f"i{at:03}",
        "conversation": f"c{at}",
        "state": "waiting",
        "urgency": rng.randrange(4),
        "waiting_since": NOW - rng.choice((1, 40, 299, 301, 700, 4000, 90_000)) - rng.random(),
        "skill": rng.choice((None, "care", "billing")),
        "language": "en",
        "offered_to": None,
        "agent": None,
        "reason": "asked",
        "live": 1,
        "version": 1,
        "claimed_at": None,
        "snoozed_until": None,
    }


def with_beside(rows: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """The same people, with everything that must not count drawn anew, and in another order of arrival here."""
    made = [{**one, **{name: rng.choice(values) for name, values in BESIDE.items()}} for one in rows]
    rng.shuffle(made)
    return made


@pytest.mark.parametrize("seed", range(60))
def test_channel_tariff_spend_followers_and_likes_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    rows = [row(at, rng) for at in range(40)]
    clock = SetClock()
    settings = DeskSettings()
    me = Agent("a", "Priya Shah", "agent", "available", ("care",), ("en",), 3, 0, NOW)
    agents = [
        Free(f"a{at}", frozenset(rng.sample(["care", "billing"], rng.randrange(3))), frozenset({"en"}), 5, at, True)
        for at in range(4)
    ]
    seen = set()
    for _ in range(8):
        drawn = with_beside(rows, rng)
        board = Board(clock.now(), drawn, {}, {}, {})
        board = replace(board, now=clock.now().fromtimestamp(NOW, clock.now().tzinfo))
        shown = [one["case"] for one in Queue(settings, str, lambda *_: None).draw(board, me)["waiting"]]
        given = offers([waits_of(one) for one in drawn], agents, NOW, settings.risk)
        seen.add((tuple(shown), tuple(given)))
    assert len(seen) == 1
    assert len(next(iter(seen))[0]) == 40


def test_routing_cannot_even_be_told_of_them() -> None:
    assert {one.name for one in fields(Waits)} == {"item", "urgency", "since", "skill", "language", "offered_to"}


def test_urgency_first_then_the_oldest_and_waiting_makes_urgent() -> None:
    def waits(item: str, urgency: int, waited: float) -> Waits:
        return Waits(item, urgency, NOW - waited)

    danger, old, older, new = waits("d", 3, 5), waits("o", 0, 200), waits("oo", 0, 250), waits("n", 1, 1)
    assert [one.item for one in ordered([new, old, danger, older], NOW, 300)] == ["d", "n", "oo", "o"]
    # Nobody waits for ever: five steps of risk are above any urgency.
    assert ordered([danger, waits("long", 0, 1500)], NOW, 300)[0].item == "long"


def free(agent: str = "a", **other: Any) -> Free:
    given = {"skills": frozenset({"care"}), "languages": frozenset({"en"}), "capacity": 2, "load": 0, "there": True}
    return Free(agent, **{**given, **other})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("waits", "agent", "fitting"),
    [
        (Waits("i", 0, 0), free(), True),
        (Waits("i", 0, 0, skill="care"), free(), True),
        (Waits("i", 0, 0, skill="billing"), free(), False),
        (Waits("i", 0, 0, language="cy"), free(), False),
        (Waits("i", 0, 0, language="cy"), free(languages=frozenset({"en", "cy"})), True),
    ],
)
def test_skill_and_language(waits: Waits, agent: Free, fitting: bool) -> None:
    assert fits(waits, agent) is fitting


@pytest.mark.parametrize(
    ("agents", "left"),
    [
        ([free(languages=frozenset({"en", "cy"}))], ("care", "cy")),
        ([free()], ("care", None)),
        ([free(skills=frozenset(), languages=frozenset({"cy"})), free("b")], (None, "cy")),
        ([free(skills=frozenset())], (None, None)),
        ([free(languages=frozenset({"cy"}), there=False), free("b")], ("care", None)),
        ([], (None, None)),
    ],
)
def test_nobody_waits_for_what_nobody_there_has(agents: list[Free], left: tuple[str | None, str | None]) -> None:
    wanted = reachable(Waits("i", 0, 0, skill="care", language="cy"), agents)
    assert (wanted.skill, wanted.language) == left


def test_nobody_is_given_more_than_they_can_hold() -> None:
    waiting = [Waits(f"i{at}", 0, at) for at in range(6)]
    agents = [free("a", load=1), free("b"), free("c", there=False), free("d", load=2)]
    given = offers(waiting, agents, NOW, 300)
    assert given == [("i0", "b"), ("i1", "a"), ("i2", "b")]


def test_what_is_offered_already_counts_and_is_not_offered_again() -> None:
    waiting = [Waits("i0", 0, 0, offered_to="a"), Waits("i1", 0, 1)]
    assert offers(waiting, [free("a", capacity=1)], NOW, 300) == []
