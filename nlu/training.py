"""Trains the classifier from examples and fits, by cross-validation, how far it may be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nlu.data import Example
from nlu.exact import wordings
from nlu.lesson import Code, Lesson
from nlu.machines import Machine, Scored, settle
from nlu.model import NEVER, NO_FIT, OUT_OF_SCOPE, Fit, Model
from nlu.near import Near
from nlu.vectoriser import Vectoriser

FOLDS = 5
FEWER = 3
"""Folds where there are more than `MANY` examples: a part of those is enough to learn from, and time is not."""
MANY = 5000
MISREAD = 2.0
"""What a misreading costs against what a right reading earns; being asked again costs and earns nothing."""
SLIPS = 0.01
"""How many of the readings that words and letters give alone may be wrong, of utterances unseen."""
SOME = 100
"""Readings that it takes to know that share."""

Progress = Callable[[str], None]


def train(
    examples: Sequence[Example], name: str, progress: Progress = lambda _: None, code: Code | None = None
) -> Model:
    """A model of these examples, its trust fitted. With fewer than two intents only exact wordings are known.

    `code` is an encoder's reading; the model then needs the same encoder (`Model.encode`).
    """
    lesson = Lesson.of(examples, code)
    return replace(taught(lesson, name, progress), encode=code)


def taught(lesson: Lesson, name: str, progress: Progress = lambda _: None) -> Model:
    """The same from a lesson whose utterances are coded already."""
    progress(f"learning {len(lesson.labels)} intents from {len(lesson.examples)} utterances")
    count = FOLDS if len(lesson.examples) <= MANY else FEWER
    progress(f"checking by {count}-fold cross-validation")
    held = unseen(lesson, count)
    fit = trust(held, lesson)
    model = learn(lesson, name, fit)
    progress(f"{fit.accuracy:.1%} of unseen utterances right; accepted from a score of {fit.threshold:.2f}")
    return model


def learn(lesson: Lesson, name: str = "", fit: Fit = NO_FIT) -> Model:
    """The classifier alone, believed as `fit` says."""
    exact = wordings(lesson.examples)
    if len(lesson.labels) < 2:
        none = Machine(np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
        return Model(name, (), Vectoriser.fit([]), none, exact, fit)
    vectoriser, words, near = _machines(lesson)
    return Model(name, lesson.labels, vectoriser, words, exact, fit, near)


def folds(meant: Sequence[str], count: int = FOLDS, seed: int = 0) -> list[tuple[list[int], list[int]]]:
    """Stratified (train, test) positions: each label is dealt out evenly, in an order drawn from `seed`."""
    deal = np.random.default_rng(seed)
    fold = np.empty(len(meant), dtype=np.int32)
    names = np.array(meant)
    for label in sorted(set(meant)):
        at = np.flatnonzero(names == label)
        fold[deal.permutation(at)] = (np.arange(len(at)) + int(deal.integers(count))) % count
    return [(np.flatnonzero(fold != k).tolist(), np.flatnonzero(fold == k).tolist()) for k in range(count)]


@dataclass(frozen=True, slots=True)
class Unseen:
    """What machines say of utterances left out of their training: by machine, utterances by labels.

    `near` is the cosine to the nearest example of each label; ones where there is no encoder. NaN where nothing could
    be said.
    """

    margins: tuple[Scored, ...]
    near: Scored


def unseen(lesson: Lesson, count: int = FOLDS) -> Unseen:
    """Each utterance scored by machines that have not seen it."""
    labels = lesson.labels
    size = (len(lesson.examples), len(labels))
    column = {label: i for i, label in enumerate(labels)}
    margins = [np.full(size, np.nan) for _ in range(1 if lesson.vectors is None else 2)]
    cosines = np.ones(size)
    for train_at, test_at in folds([e.intent for e in lesson.examples], count):
        part = lesson.part(train_at)
        if len(part.labels) < 2:
            continue
        vectoriser, words, near = _machines(part)
        at = np.array([column[label] for label in part.labels])
        for table in margins:
            table[test_at] = -10.0  # a label whose only example was left out cannot be found
        for i in test_at:
            row = vectoriser.row(lesson.examples[i].text)
            margins[0][i, at] = words.margins(row) if len(row[0]) or near is not None else np.nan
        if near is not None and lesson.vectors is not None:
            alike = near.alike(lesson.vectors[test_at])
            cells = np.ix_(np.array(test_at, dtype=np.int64), at)
            margins[1][cells] = near.margins(alike)
            cosines[test_at] = 0
            cosines[cells] = near.cosines(alike)
    return Unseen(tuple(margins), cosines)


def trust(held: Unseen, lesson: Lesson) -> Fit:
    """The machines' factors, and the score from which a reading is accepted."""
    seen = ~np.isnan(held.margins[0]).any(axis=1) if lesson.labels else np.zeros(0, dtype=bool)
    if not seen.any():
        return Fit()
    margins = [table[seen] for table in held.margins]
    meant = _meant(lesson)[seen]
    factors = settle(margins, meant)
    chances = softmax(np.asarray(sum(f * table for f, table in zip(factors, margins, strict=True))))
    top = chances.argmax(axis=1)
    outside = np.array([label == OUT_OF_SCOPE for label in lesson.labels])
    score = chances.max(axis=1) * held.near[seen][np.arange(len(top)), top]
    alone, enough = 0.0, NEVER
    if len(margins) > 1:
        (alone,) = settle(margins[:1], meant)
        briefly = softmax(alone * margins[0])
        first, chance = briefly.argmax(axis=1), briefly.max(axis=1)
        enough = _enough(chance, first == meant, ~outside[first])
        plain = (chance >= enough) & ~outside[first]
        top, score = np.where(plain, first, top), np.where(plain, chance, score)
    threshold = min(enough, _threshold(score[~outside[top]], (top == meant)[~outside[top]]))
    return Fit(threshold, float((top == meant).mean()), factors, alone, enough)


def _enough(chance: Scored, right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> float:
    """The least probability from which no more than `SLIPS` of the readings that are an intent were wrong."""
    order = np.argsort(-chance[inside], kind="stable")
    wrong = np.cumsum(~right[inside][order])
    fit = np.flatnonzero(wrong <= SLIPS * np.arange(1, len(order) + 1))
    return float(chance[inside][order][fit[-1]]) if len(fit) and fit[-1] + 1 >= SOME else NEVER


def _threshold(score: Scored, right: NDArray[np.bool_]) -> float:
    """Of what would be taken as an intent, a right one earns 1 and a wrong one costs `MISREAD`."""
    order = np.argsort(-score)
    total = np.cumsum(np.where(right, 1.0, -MISREAD)[order])
    return float(score[order][int(total.argmax())]) if len(total) and total.max() > 0 else 1.0


def softmax(margins: Scored) -> Scored:
    """Margins as probabilities by row."""
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _machines(lesson: Lesson) -> tuple[Vectoriser, Machine, Near | None]:
    texts = [e.text for e in lesson.taught]
    vectoriser = Vectoriser.fit(texts)
    column = {label: i for i, label in enumerate(lesson.labels)}
    meant = np.array([column[e.intent] for e in lesson.taught], dtype=np.int32)
    words = Machine.fit([vectoriser.row(t) for t in texts], meant, vectoriser.width)
    near = None if lesson.vectors is None else Near.fit(lesson.vectors, meant, len(lesson.labels))
    return vectoriser, words, near


def _meant(lesson: Lesson) -> NDArray[np.int64]:
    column = {label: i for i, label in enumerate(lesson.labels)}
    return np.array([column[e.intent] for e in lesson.examples], dtype=np.int64)
