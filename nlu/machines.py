"""Linear machines that are added up: support vectors over all that is seen, over words and letters, and a logistic
regression over meaning.

The first is the surest where examples are many, the last where they are few. What each says is taken times a factor
that makes utterances left out of the training least surprising; being linear, they end up as one set of weights.
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
LOOSENESS = 10.0
"""LogisticRegression's C; flat between 10 and 100."""
SCALE = np.float32(1.5)
"""How much meaning weighs beside the two TF-IDF blocks of length 1 in the first machine; flat between 1 and 2."""

FIRST = {1: (4.0,), 3: (1.0, 1.0, 1.0)}
"""Factors before anything has been settled, by the number of machines."""

Scored = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Machine:
    """Margins = columns @ `words` + vector @ `sense` + `bias`; no `words` or no `sense`: it does not look at them."""

    words: Floats | None
    sense: Floats | None
    bias: Floats

    def margins(self, row: Sparse, vector: Floats | None) -> Floats:
        """How far on each label's side of its plane a text lies."""
        total = self.bias
        if self.words is not None:
            at, values = row
            total = total + values @ self.words[at]
        if self.sense is not None and vector is not None:
            total = total + vector @ self.sense
        return np.asarray(total)


def machines(rows: Sequence[Sparse], meant: Ints, width: int, vectors: Floats | None) -> list[Machine]:
    """Train on rows of `width` columns, and on their vectors where an encoder gave them; `meant` counts from 0."""
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped, unused-ignore]

    # scikit-learn and scipy take seconds to import; serving must not pay for them.
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped, unused-ignore]
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped, unused-ignore]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    seen = csr_matrix(_stacked(rows), (len(rows), width))
    # Threads that wait for one another take ten times as long on a busy machine as one alone.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence: the last iterations change no reading
        # Past a tenth the readings stay the same, and 384 dense columns make each pass dear.
        machine = LinearSVC(C=PENALTY, tol=0.1, random_state=0).fit(seen, meant)
        weights, bias = _sides(machine.coef_.T, machine.intercept_)
        found = [Machine(weights, None, bias)]
        if vectors is not None:
            machine.fit(hstack([seen, csr_matrix(vectors * SCALE)], format="csr"), meant)
            weights, bias = _sides(machine.coef_.T, machine.intercept_)
            found.append(Machine(weights[:width], weights[width:] * SCALE, bias))
            sense = LogisticRegression(C=LOOSENESS, tol=1e-3, max_iter=100).fit(vectors, meant)
            found.append(Machine(None, *_sides(sense.coef_.T, sense.intercept_)))
    return found


def added(found: Sequence[Machine], factors: Sequence[float]) -> Machine:
    """One machine whose margins are the sum of theirs, each times its factor."""
    words = sense = None
    bias = np.zeros_like(found[0].bias)
    for one, factor in zip(found, factors, strict=True):
        times = np.float32(factor)
        bias = bias + one.bias * times
        if one.words is not None:
            words = one.words * times if words is None else words + one.words * times
        if one.sense is not None:
            sense = one.sense * times if sense is None else sense + one.sense * times
    return Machine(words, sense, bias)


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


def _sides(weights: Floats, bias: Floats) -> tuple[Floats, Floats]:
    if weights.shape[1] == 1:  # two labels: scikit-learn keeps only the second one's side
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return np.ascontiguousarray(weights, dtype=np.float32), np.asarray(bias, dtype=np.float32)


def _stacked(rows: Sequence[Sparse]) -> tuple[Floats, Ints, Ints]:
    starts = np.cumsum([0, *(len(at) for at, _ in rows)], dtype=np.int32)
    return np.concatenate([v for _, v in rows]), np.concatenate([at for at, _ in rows]), starts
