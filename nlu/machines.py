"""What is added up: support vectors over words and letters and, with an encoder, likeness to examples (`nlu.near`).

The first is the surest where the words give an intent away, the second where they do not. What each says is taken times
a factor that makes utterances left out of the training least surprising.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.vectoriser import Floats, Ints, Sparse

PENALTY = 1.0
"""LinearSVC's C; flat between 0.5 and 2 on short utterances."""

FIRST = {1: (4.0,), 2: (2.0, 10.0)}
"""Factors before anything has been settled: of words alone, of words and likeness."""

Scored = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Machine:
    """`weights` is columns by labels."""

    weights: Floats
    bias: Floats

    @classmethod
    def fit(cls, rows: Sequence[Sparse], meant: Ints, width: int) -> Machine:
        """Train on rows of `width` columns; `meant` counts labels from 0, of which there are two or more."""
        # scikit-learn and scipy take seconds to import; serving must not pay for them.
        from scipy.sparse import csr_matrix  # type: ignore[import-untyped, unused-ignore]
        from sklearn.svm import LinearSVC  # type: ignore[import-untyped, unused-ignore]
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

        seen = csr_matrix(_stacked(rows), (len(rows), width))
        # Threads that wait for one another take ten times as long on a busy machine as one alone.
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence: the last iterations change no reading
            machine = LinearSVC(C=PENALTY, tol=0.1, random_state=0).fit(seen, meant)
        weights, bias = machine.coef_.T, machine.intercept_
        if weights.shape[1] == 1:  # two labels: scikit-learn keeps only the second one's side
            weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
        return cls(np.ascontiguousarray(weights, dtype=np.float32), np.asarray(bias, dtype=np.float32))

    def margins(self, row: Sparse) -> Floats:
        """How far on each label's side of its plane a text lies."""
        at, values = row
        return np.asarray(values @ self.weights[at] + self.bias)


def settle(margins: Sequence[Scored], meant: NDArray[np.int64]) -> tuple[float, ...]:
    """The factors, 0 or more, under which the unseen utterances' true labels (`meant`) surprise least."""
    from scipy.optimize import minimize  # type: ignore[import-untyped, unused-ignore]

    def surprise(factors: NDArray[np.float64]) -> float:
        total = sum(factor * one for factor, one in zip(np.maximum(factors, 0), margins, strict=True))
        total = total - total.max(axis=1, keepdims=True)
        chances = total[np.arange(len(meant)), meant] - np.log(np.exp(total).sum(axis=1))
        return float(-chances.mean())

    options = {"xatol": 0.02, "fatol": 1e-4, "maxiter": 200}
    found = minimize(surprise, FIRST[len(margins)], method="Nelder-Mead", options=options)
    return tuple(round(float(factor), 4) for factor in np.clip(found.x, 0.0, 50.0))


def _stacked(rows: Sequence[Sparse]) -> tuple[Floats, Ints, Ints]:
    starts = np.cumsum([0, *(len(at) for at, _ in rows)], dtype=np.int32)
    return np.concatenate([v for _, v in rows]), np.concatenate([at for at, _ in rows]), starts
