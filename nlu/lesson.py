"""What a classifier is taught: utterances and, beside them, the intents' own names as one more wording of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from nlu.data import Example
from nlu.model import OUT_OF_SCOPE
from nlu.text import plain
from nlu.vectoriser import Floats

Code = Callable[[Sequence[str]], Floats]
"""Texts to vectors of length 1, one row a text."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """`vectors` has a row for each of `examples` and then each of `names`; None without an encoder.

    "cancel direct debit" says what cancel_direct_debit means, and where examples are few that is worth one more. It is
    no customer's words, so a name is learnt from and never scored on.
    """

    examples: tuple[Example, ...]
    names: tuple[Example, ...]
    vectors: Floats | None = None

    @classmethod
    def of(cls, examples: Sequence[Example], code: Code | None = None) -> Lesson:
        """The lesson of these examples, coded where there is an encoder."""
        names = tuple(_names(examples))
        both = [e.text for e in (*examples, *names)]
        return cls(tuple(examples), names, code(both) if code is not None and both else None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The intents in alphabetical order."""
        return tuple(sorted({e.intent for e in self.examples}))

    @property
    def taught(self) -> tuple[Example, ...]:
        """Examples and names."""
        return (*self.examples, *self.names)

    def vector(self, at: int) -> Floats | None:
        """The vector of example `at`."""
        return None if self.vectors is None else np.asarray(self.vectors[at])

    def part(self, at: Sequence[int]) -> Lesson:
        """The lesson of some of the examples only, with the names of their intents."""
        some = [self.examples[i] for i in at]
        left = {e.intent for e in some}
        kept = [i for i, name in enumerate(self.names) if name.intent in left]
        rows = [*at, *(len(self.examples) + i for i in kept)]
        return Lesson(
            tuple(some), tuple(self.names[i] for i in kept), None if self.vectors is None else self.vectors[rows]
        )


def _names(examples: Sequence[Example]) -> list[Example]:
    said = {plain(e.text) for e in examples}
    found = []
    for intent in dict.fromkeys(e.intent for e in examples):
        name = plain(intent)
        # Out of scope is no wish, and a name that an example has already says nothing new.
        if intent != OUT_OF_SCOPE and name and name not in said:
            found.append(Example(name, intent))
    return found
