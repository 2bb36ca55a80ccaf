"""The storm over the push channels: a real process, strict platforms, one kill -9."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.fakes.chance import drawn
from benchmarks.storm import storm
from benchmarks.storming.verdict import Verdict

KEYS = {"lost", "twice", "reordered", "ack_p99_ms", "events_per_s"}


def right(figures: dict[str, Any]) -> None:
    assert figures.keys() >= KEYS
    assert {name: figures[name] for name in ("lost", "twice", "reordered", "odd")} == dict.fromkeys(
        ("lost", "twice", "reordered", "odd"), 0
    ), figures
    # The weather was bad: otherwise this shows nothing.
    assert figures["duplicates"] and figures["batches"] and figures["not_taken"] and figures["down_s"], figures
    assert figures["rows"].get("sent") == figures["events"], figures


@pytest.mark.slow
@pytest.mark.promise("never-lost", "turn-once")
async def test_a_short_storm() -> None:
    right(await storm(240, 20, faults=0.05))


@pytest.mark.long
@pytest.mark.promise("never-lost", "turn-once")
async def test_ten_thousand_events_of_two_hundred_people() -> None:
    figures = await storm(10_000, 200)
    right(figures)
    assert figures["ack_p99_ms"] < 3000, figures


def judged(shown: list[str], accepted: list[int], *, tells: bool = True, wrote: int = 3) -> dict[str, int]:
    verdict = Verdict()
    verdict.customer(shown, wrote, accepted, orderly=True, tells=tells)
    found = {"lost": verdict.lost, "twice": verdict.twice, "maybe_twice": verdict.maybe_twice}
    found |= {"reordered": verdict.reordered, "odd": len(verdict.odd)}
    return {name: value for name, value in found.items() if value}


def said(*pairs: tuple[int, int]) -> list[str]:
    return [f"Heard {heard}, now number {number}." for heard, number in pairs]


@pytest.mark.parametrize(
    ("shown", "accepted", "wrong"),
    [
        (said((1, 1), (2, 2), (3, 3)), [1, 2, 3], set()),
        (said((1, 1), (2, 3)), [1, 3], {"lost"}),
        (said((1, 1), (2, 2), (2, 2), (3, 3)), [1, 2, 3], {"twice"}),
        (said((1, 1), (2, 2), (3, 2), (4, 3)), [1, 2, 2, 3], {"twice"}),
        (said((2, 2), (1, 1), (3, 3)), [1, 2, 3], {"reordered"}),
        (said((1, 1), (2, 3), (3, 2)), [1, 3, 2], {"reordered"}),
        (said((1, 2), (2, 1), (3, 3)), [1, 2, 3], {"reordered"}),
        ([*said((1, 1), (2, 2), (3, 3)), "Sorry?"], [1, 2, 3], {"odd"}),
    ],
)
def test_the_verdict_sees_what_is_wrong(shown: list[str], accepted: list[int], wrong: set[str]) -> None:
    assert set(judged(shown, accepted)) == wrong


def test_a_second_copy_is_only_forgiven_where_nobody_can_tell() -> None:
    shown = said((1, 1), (2, 2), (2, 2), (3, 3))
    assert judged(shown, [1, 2, 3], tells=False) == {"maybe_twice": 1}
    assert judged(shown, [1, 2, 3]) == {"twice": 1}


class Drawing:
    def __init__(self, at: float) -> None:
        self.at = at

    def random(self) -> float:
        return self.at


@pytest.mark.parametrize(
    ("at", "fault"), [(0.0, "broken"), (0.09, "broken"), (0.1, "busy"), (0.29, "busy"), (0.31, None)]
)
def test_faults_come_as_often_as_they_should(at: float, fault: str | None) -> None:
    chance: Any = Drawing(at)
    assert drawn({"broken": 0.1, "busy": 0.2}, chance) == fault
    assert drawn({}, chance) is None
