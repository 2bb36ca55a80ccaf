"""What the customers read, held against what they wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.storming.counting import HEARD


@dataclass(slots=True)
class Verdict:
    """What went wrong, in messages; all zero but `maybe_twice` is what is promised."""

    lost: int = 0
    """Taken, and never answered."""
    twice: int = 0
    """Handled twice, or answered twice where the platform can tell what it was sent."""
    maybe_twice: int = 0
    """Answered twice where no platform could tell."""
    reordered: int = 0
    """Answered before one that came earlier."""
    odd: list[str] = field(default_factory=list)
    """Anything else that a customer read."""

    def customer(
        self, shown: Sequence[str], wrote: int, accepted: Sequence[int], *, orderly: bool, tells: bool
    ) -> None:
        """Judge one, who wrote the numbers from 1 to `wrote`, all acknowledged: what they were shown, and their numbers
        in the order in which they were accepted."""
        found = [(HEARD.fullmatch(text), text) for text in shown]
        self.odd += [text for match, text in found if match is None]
        said = [(int(match[1]), int(match[2])) for match, _ in found if match is not None]
        first = list(dict.fromkeys(said))
        numbers = [number for _, number in first]
        self.lost += len(set(range(1, wrote + 1)) - set(numbers))
        self.twice += len(numbers) - len(set(numbers)) + len(accepted) - len(set(accepted))
        if tells:
            self.twice += len(said) - len(first)
        else:
            self.maybe_twice += len(said) - len(first)
        self.reordered += _descents([heard for heard, _ in first])
        # The count tells in which order the turns ran; it must be that of acceptance.
        self.reordered += sum(
            1 for heard, number in first if not (0 < heard <= len(accepted) and accepted[heard - 1] == number)
        )
        if orderly:
            self.reordered += _descents(list(accepted))


def _descents(values: Sequence[int]) -> int:
    return sum(1 for before, after in pairwise(values) if after < before)
