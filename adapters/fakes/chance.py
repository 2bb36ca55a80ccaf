"""How a fake platform misbehaves: which fault, if any, befalls a message, and what it does to its own events."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

F = TypeVar("F", bound=str)


def drawn(faults: Mapping[F, float], chance: random.Random) -> F | None:
    """One of the faults, each as often (0 to 1) as it says; None for the rest of the time."""
    left = chance.random() if faults else 1.0
    for fault, often in faults.items():
        if left < often:
            return fault
        left -= often
    return None


@dataclass(slots=True)
class Mischief(Generic[F]):
    """How a platform's events reach us: each again with chance `twice`; those that wait in any order if `disorder`.

    `faults`: how often (0 to 1) each kind of fault befalls a message that nothing else was arranged for.
    """

    twice: float = 0.0
    disorder: bool = False
    faults: Mapping[F, float] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    met: list[F] = field(default_factory=list)
    """What befell messages so far."""

    def fault(self) -> F | Literal["fine"]:
        """What befalls the next message."""
        found = drawn(self.faults, self.chance)
        if found is None or found == "fine":
            return "fine"
        self.met.append(found)
        return found
