"""What a turn's trace becomes in the metrics."""

from __future__ import annotations

import pytest

from bot.observe.counting import Counting
from bot.observe.metrics import REGISTRY


def value(name: str, **labels: str) -> float:
    """A metric's value now."""
    return REGISTRY.get_sample_value(f"parley_{name}", labels) or 0.0


@pytest.mark.parametrize(
    ("trace", "metric", "labels"),
    [
        ({"cases": ["asked"]}, "cases_total", {"reason": "asked"}),
        ({"login": ("stepup", "approved")}, "logins_total", {"purpose": "stepup", "status": "approved"}),
        (
            {"effects": [{"key": "k", "function": "Bank.pay", "status": "done"}]},
            "effects_total",
            {"function": "Bank.pay", "status": "done"},
        ),
    ],
)
def test_a_turn_is_counted(trace: dict[str, object], metric: str, labels: dict[str, str]) -> None:
    before = value(metric, **labels)
    Counting().turn(trace, 0.01)
    assert value(metric, **labels) == before + 1


def test_a_poison_message_is_an_alert() -> None:
    before = value("poison_total")
    Counting().failed("KeyError", parked=False)
    assert value("poison_total") == before
    Counting().failed("KeyError", parked=True)
    assert value("poison_total") == before + 1
