"""What a message is like: its likeness to each example, and what the examples' intents then say of its own.

Kernel ridge regression (Rasmussen and Williams 2006, section 6.2) over the encoder's numbers: each label's side is a
sum over the examples, the nearer the more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.vectoriser import Floats, Ints

NARROW = np.float32(1.0)
"""How fast an example's say falls with its distance squared; flat between 0.5 and 2."""
RIDGE = np.float32(0.03)
"""What is added to each example's likeness to itself; flat between 0.02 and 0.1."""
MOST = 12_000
"""Examples that are compared; where there are more, every so many-th, or memory and time would go with their square."""


@dataclass(frozen=True, slots=True)
class Near:
    """The examples' vectors, those of a label side by side: label n's are rows `starts[n]` to `starts[n + 1]`. `sides`
    is what each example says for each label."""

    vectors: Floats
    starts: Ints
    sides: Floats

    @classmethod
    def fit(cls, vectors: Floats, meant: NDArray[np.int32], labels: int) -> Near:
        """`meant` is the label's number of each row, 0 to `labels` - 1."""
        from scipy.linalg import cho_factor, cho_solve  # type: ignore[import-untyped, unused-ignore]
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

        order = np.argsort(meant, kind="stable")
        if len(order) > MOST:
            order = order[np.linspace(0, len(order) - 1, MOST).astype(np.int64)]
        told = meant[order]
        # As it will be saved: half the digits are enough for a likeness, but the sides must be of the same.
        centres = np.ascontiguousarray(vectors[order].astype(np.float16).astype(np.float32))
        wanted = np.zeros((len(told), labels), dtype=np.float32)
        wanted[np.arange(len(told)), told] = 1
        with threadpool_limits(1):
            likeness = _say(centres @ centres.T)
            likeness[np.diag_indices(len(told))] += RIDGE
            whole = cho_factor(likeness, overwrite_a=True, check_finite=False)
            sides = cho_solve(whole, wanted, check_finite=False)
        starts = np.cumsum([0, *np.bincount(told, minlength=labels)], dtype=np.int32)
        return cls(centres, starts, np.ascontiguousarray(sides, dtype=np.float32))

    def alike(self, vectors: Floats) -> Floats:
        """The cosine of one vector, or of each row of several, to each example."""
        return np.asarray(vectors @ self.vectors.T)

    def margins(self, alike: Floats) -> Floats:
        """How far on each label's side: about 1 where it is that label, about 0 where not."""
        return np.asarray(_say(alike) @ self.sides)

    def cosines(self, alike: Floats) -> Floats:
        """The cosine to the nearest example of each label, 0 to 1; 0 where it has none."""
        out = np.zeros((*alike.shape[:-1], len(self.starts) - 1), dtype=np.float32)
        for label, (start, end) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
            if end > start:
                out[..., label] = alike[..., start:end].max(axis=-1)
        return np.clip(out, 0, 1)

    def cosine(self, alike: Floats, label: int) -> float:
        """The same of one message for one label."""
        rows = alike[self.starts[label] : self.starts[label + 1]]
        return min(1.0, max(0.0, float(rows.max()))) if len(rows) else 0.0


def _say(alike: Floats) -> Floats:
    # Of vectors of length 1 the distance squared is twice what the cosine lacks to 1.
    return np.asarray(np.exp((alike - np.float32(1)) * (2 * NARROW)))
