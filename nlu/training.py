"""Trains the classifier from examples and fits, by cross-validation, how far it may be trusted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nlu.data import Example
from nlu.exact import wordings
from nlu.model import OUT_OF_SCOPE, Fit, Model
from nlu.vectoriser import Floats, Ints, Sparse, Vectoriser

FOLDS = 5
PENALTY = 1.0
"""LinearSVC's C; flat between 0.5 and 2 on short utterances."""
MISREAD = 2.0
"""What a misreading costs against what a right reading earns; being asked again costs and earns nothing."""

Progress = Callable[[str], None]
Scored = NDArray[np.float64]


def train(
    examples: Sequence[Example], name: str, progress: Progress = lambda _: None, vectors: Floats | None = None
) -> Model:
    """A model of these examples, its trust fitted. With fewer than two intents only exact wordings are known.

    `vectors` are the examples as an encoder reads them; the model then needs the same encoder (`Model.encode`).
    """
    progress(f"learning {len({e.intent for e in examples})} intents from {len(examples)} utterances")
    model = learn(examples, name, vectors)
    progress(f"checking by {FOLDS}-fold cross-validation")
    fit = trust(examples, model.labels, vectors)
    progress(f"{fit.accuracy:.1%} of unseen utterances right; accepted from a score of {fit.threshold:.2f}")
    return replace(model, fit=fit)


def learn(examples: Sequence[Example], name: str = "", vectors: Floats | None = None) -> Model:
    """The classifier alone, with the default trust."""
    texts = [e.text for e in examples]
    labels = tuple(sorted({e.intent for e in examples}))
    exact = wordings(examples)
    if len(labels) < 2:
        labels, texts = (), []
    number = {label: i for i, label in enumerate(labels)}
    meant = np.array([number[e.intent] for e in examples] if labels else [], dtype=np.int32)
    vectoriser = Vectoriser.fit(texts)
    rows = [vectoriser.row(t) for t in texts]
    if not labels:
        return Model(name, (), vectoriser, np.zeros((0, 0), np.float32), np.zeros(0, np.float32), exact)
    # The encoder's numbers are a third block beside words and letters: one machine weighs all that it can see.
    weights, bias = _svm(rows, meant, vectoriser.width, vectors)
    return Model(
        id=name,
        labels=labels,
        vectoriser=vectoriser,
        weights=np.ascontiguousarray(weights[: vectoriser.width], dtype=np.float32),
        bias=np.asarray(bias, dtype=np.float32),
        exact=exact,
        sense=None if vectors is None else np.ascontiguousarray(weights[vectoriser.width :], dtype=np.float32),
    )


def folds(meant: Sequence[str], count: int = FOLDS, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Stratified (train, test) positions: each label is dealt out evenly, in an order drawn from `seed`."""
    deal = np.random.default_rng(seed)
    fold = np.empty(len(meant), dtype=np.int32)
    names = np.array(meant)
    for label in sorted(set(meant)):
        at = np.flatnonzero(names == label)
        fold[deal.permutation(at)] = (np.arange(len(at)) + int(deal.integers(count))) % count
    return [(np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()) for k in range(count)]


def trust(examples: Sequence[Example], labels: Sequence[str], vectors: Floats | None = None) -> Fit:
    """Sharpness and threshold from scores on utterances that the scoring model has not seen."""
    margins = unseen(examples, labels, vectors)
    seen = ~np.isnan(margins).any(axis=1)
    if not labels or not seen.any():
        return Fit()
    margins = margins[seen]
    meant = np.array([labels.index(e.intent) for e in examples])[seen]
    sharpness = min(np.arange(1.0, 12.5, 0.5), key=lambda s: _surprise(margins, meant, float(s)))
    chances = softmax(margins, float(sharpness))
    top = chances.argmax(axis=1)
    right = top == meant
    outside = np.array([label == OUT_OF_SCOPE for label in labels])
    taken = ~outside[top]
    # Of what would be taken as an intent, a right one earns 1 and a wrong one costs MISREAD.
    score = chances.max(axis=1)[taken]
    gain = np.where(right[taken], 1.0, -MISREAD)
    order = np.argsort(-score)
    total = np.cumsum(gain[order])
    threshold = float(score[order][int(total.argmax())]) if taken.any() and total.max() > 0 else 1.0
    return Fit(float(sharpness), threshold, float(right.mean()))


def unseen(examples: Sequence[Example], labels: Sequence[str], vectors: Floats | None = None) -> Scored:
    """Margins (utterances by labels), each row by a model that left the utterance out; NaN where none could be had."""
    margins = np.full((len(examples), len(labels)), np.nan)
    column = {label: i for i, label in enumerate(labels)}
    for train_at, test_at in folds([e.intent for e in examples]):
        model = learn([examples[i] for i in train_at], "", None if vectors is None else vectors[train_at])
        at = [column[label] for label in model.labels]
        for i in test_at:
            found = model.margins(examples[i].text, None if vectors is None else vectors[i])
            if found is not None:
                margins[i] = -10.0  # a label whose only example was left out cannot be found
                margins[i, at] = found
    return margins


def softmax(margins: Scored, sharpness: float) -> Scored:
    """Margins as probabilities by row."""
    powers = np.exp(sharpness * (margins - margins.max(axis=1, keepdims=True)))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _surprise(margins: Scored, meant: NDArray[np.int64], sharpness: float) -> float:
    chances = softmax(margins, sharpness)[np.arange(len(meant)), meant]
    return float(-np.log(np.maximum(chances, 1e-9)).mean())


def _svm(rows: Sequence[Sparse], meant: Ints, width: int, vectors: Floats | None) -> tuple[Floats, Floats]:
    # scikit-learn and scipy take seconds to import; serving must not pay for them.
    from scipy.sparse import csr_matrix, hstack  # type: ignore[import-untyped, unused-ignore]
    from sklearn.svm import LinearSVC  # type: ignore[import-untyped, unused-ignore]

    at, values, starts = _stacked(rows)
    seen = csr_matrix((values, at, starts), (len(rows), width))
    if vectors is not None:
        seen = hstack([seen, csr_matrix(vectors)], format="csr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence: the last iterations change no reading
        # Past a tenth the readings stay the same, and 384 dense columns make each pass dear.
        machine = LinearSVC(C=PENALTY, tol=0.1, random_state=0).fit(seen, meant)
    weights, bias = machine.coef_.T, machine.intercept_
    if weights.shape[1] == 1:  # two labels: scikit-learn keeps only the second one's side
        weights, bias = np.hstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights, bias


def _stacked(rows: Sequence[Sparse]) -> tuple[Ints, Floats, Ints]:
    starts = np.cumsum([0, *(len(at) for at, _ in rows)], dtype=np.int32)
    if not rows:
        return np.zeros(0, np.int32), np.zeros(0, np.float32), starts
    return np.concatenate([at for at, _ in rows]), np.concatenate([v for _, v in rows]), starts
