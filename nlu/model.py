"""The trained classifier as plain arrays: scores a text, and is saved without pickle."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from nlu.errors import BadModel
from nlu.vectoriser import Block, Floats, Ints, Sparse, Vectoriser

OUT_OF_SCOPE = "oos"
"""The intent under which the data keeps utterances that are nobody's business here."""

NEVER = 2.0
"""A probability that no reading has."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What cross-validation settled: below which score nothing is recognised, how many were right (0 to 1), how much
    each machine counts, and from which probability words and letters are enough, their machine counting `alone`."""

    threshold: float = 0.0
    accuracy: float = 0.0
    factors: tuple[float, ...] = ()
    alone: float = 0.0
    enough: float = NEVER


NO_FIT = Fit()


@dataclass(frozen=True, slots=True)
class Plane:
    """Columns by labels, and a number a label: margins = row @ `weights` + `bias`."""

    weights: Floats
    bias: Floats

    def margins(self, row: Sparse) -> Floats:
        """How far on each label's side a row lies."""
        at, values = row
        return np.asarray(values @ self.weights[at] + self.bias)


@dataclass(frozen=True, slots=True)
class Near:
    """The examples' vectors, those of a label side by side: label n's are rows `starts[n]` to `starts[n + 1]`."""

    vectors: Floats
    starts: Ints

    @classmethod
    def of(cls, vectors: Floats, meant: Sequence[int] | NDArray[np.int64], labels: Sequence[str]) -> Near:
        """`meant` is the label's number of each row."""
        order = np.argsort(np.asarray(meant), kind="stable")
        counts = np.bincount(np.asarray(meant), minlength=len(labels))
        return cls(np.ascontiguousarray(vectors[order]), np.cumsum([0, *counts], dtype=np.int32))

    def cosine(self, label: int, vector: Floats) -> float:
        """How like the vector is to the likest of the label's examples, 0 to 1."""
        rows = self.vectors[self.starts[label] : self.starts[label + 1]]
        return min(1.0, max(0.0, float((rows @ vector).max()))) if len(rows) else 0.0


Encode = Callable[[Sequence[str]], Floats]
"""Texts to vectors, one row a text."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`ranking` is (label, probability), best first. `score` is what `Fit.threshold` is compared with, 0 to 1."""

    ranking: tuple[tuple[str, float], ...]
    score: float


class _Saved(msgspec.Struct, forbid_unknown_fields=True):
    labels: list[str]
    words: list[str]
    letters: list[str]
    exact: dict[str, str]
    fit: Fit


@dataclass(frozen=True, slots=True)
class Model:
    """A linear classifier over the vectoriser's columns. `weights` is columns by labels."""

    id: str
    labels: tuple[str, ...]
    vectoriser: Vectoriser
    weights: Floats
    bias: Floats
    exact: dict[str, str]
    """`nlu.exact.wordings` of the examples"""
    fit: Fit = NO_FIT
    sense: Floats | None = None
    """weights of the encoder's numbers, where the model was trained with one"""
    near: Near | None = None
    encode: Encode | None = None
    brief: Plane | None = None
    """words and letters alone, where they are enough for what is plain: most messages then need no encoder"""

    @property
    def backend(self) -> str:
        """What reads: TF-IDF alone, or with the sentence encoder."""
        return "embedded" if self.sense is None else "hybrid"

    def reading(self, text: str, vector: Floats | None = None) -> Reading:
        """The labels with their probabilities, and how far the first is to be believed.

        `vector` is the encoder's reading, where the caller has it already.
        """
        row = self.vectoriser.row(text)
        if not self.labels or (not len(row[0]) and self.sense is None):
            return Reading((), 0.0)
        if self.brief is not None:
            ranking = self._ranked(self.brief.margins(row))
            if ranking[0][1] >= self.fit.enough and ranking[0][0] != OUT_OF_SCOPE:
                return Reading(ranking, ranking[0][1])
        margins = Plane(self.weights, self.bias).margins(row)
        if self.sense is not None:
            if vector is None:
                if self.encode is None:
                    raise BadModel("It was trained with a sentence encoder and has none.")
                vector = self.encode([text])[0]
            margins = margins + vector @ self.sense
        ranking = self._ranked(margins)
        # A text unlike every example of what it is taken for is likely to be none of the intents.
        if self.near is None or vector is None:
            return Reading(ranking, ranking[0][1])
        return Reading(ranking, ranking[0][1] * self.near.cosine(self.labels.index(ranking[0][0]), vector))

    def _ranked(self, margins: Floats) -> tuple[tuple[str, float], ...]:
        powers = np.exp(margins - margins.max())
        chances = (powers / powers.sum()).tolist()
        return tuple(sorted(zip(self.labels, chances, strict=True), key=lambda pair: -pair[1]))

    def ranking(self, text: str) -> tuple[tuple[str, float], ...]:
        """The labels with their probabilities, best first; empty where nothing can be said."""
        return self.reading(text).ranking

    def save(self, folder: Path) -> None:
        """Write to `folder`, whole or not at all: a reader never sees half a model."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".draft-"))
        try:
            words, letters = self.vectoriser.words, self.vectoriser.letters
            saved = _Saved(list(self.labels), list(words.terms), list(letters.terms), self.exact, self.fit)
            (draft / "model.json").write_bytes(msgspec.json.encode(saved))
            arrays: dict[str, Any] = {
                "weights": self.weights,
                "bias": self.bias,
                "words": words.idf,
                "letters": letters.idf,
            }
            if self.sense is not None:
                arrays["sense"] = self.sense
            if self.brief is not None:
                arrays["brief"], arrays["lean"] = self.brief.weights, self.brief.bias
            if self.near is not None:
                # Half the digits are enough for a likeness, and half the file.
                arrays["near"], arrays["starts"] = self.near.vectors.astype(np.float16), self.near.starts
            np.savez(draft / "weights.npz", **arrays)
            try:
                os.rename(draft, folder)
            except OSError:  # another process was first with the same model, or an unreadable one lies there
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path, encode: Encode | None = None) -> Model:
        """Read what `save` wrote; raises `BadModel`. `encode` is for a model that was trained with it."""
        try:
            saved = msgspec.json.decode((folder / "model.json").read_bytes(), type=_Saved)
            with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
                a = {name: arrays[name] for name in arrays.files}
            vectoriser = Vectoriser(Block(tuple(saved.words), a["words"]), Block(tuple(saved.letters), a["letters"]))
            if a["weights"].shape != (vectoriser.width, len(saved.labels)):
                raise BadModel(f"{folder}: its vocabulary and weights differ in size")
        except BadModel:
            raise
        except (OSError, KeyError, ValueError, EOFError, msgspec.MsgspecError) as wrong:
            raise BadModel(f"{folder}: {wrong}") from wrong
        model = cls(folder.name, tuple(saved.labels), vectoriser, a["weights"], a["bias"], saved.exact, saved.fit)
        near = Near(a["near"].astype(np.float32), a["starts"]) if "near" in a and "starts" in a else None
        brief = Plane(a["brief"], a["lean"]) if "brief" in a and "lean" in a else None
        return replace(model, sense=a.get("sense"), near=near, encode=encode, brief=brief)
