"""Draws which fault, if any, befalls something."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TypeVar

F = TypeVar("F", bound=str)


def drawn(faults: Mapping[F, float], chance: random.Random) -> F | None:
    """One of the faults, each as often (0 to 1) as it says; None for the rest of the time."""
    left = chance.random() if faults else 1.0
    for fault, often in faults.items():
        if left < often:
            return fault
        left -= often
    return None
