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

from nlu.errors import BadModel
from nlu.machines import FIRST, Machine
from nlu.near import Near
from nlu.vectoriser import Block, Floats, Vectoriser

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
    """What reads: `words` over the vectoriser's columns, and `near` over the encoder's numbers."""

    id: str
    labels: tuple[str, ...]
    vectoriser: Vectoriser
    words: Machine
    exact: dict[str, str]
    """`nlu.exact.wordings` of the examples"""
    fit: Fit = NO_FIT
    near: Near | None = None
    """where the model was trained with an encoder"""
    encode: Encode | None = None

    @property
    def backend(self) -> str:
        """What reads: TF-IDF alone, or with the sentence encoder."""
        return "embedded" if self.near is None else "hybrid"

    def reading(self, text: str, vector: Floats | None = None) -> Reading:
        """The labels with their probabilities, and how far the first is to be believed.

        `vector` is the encoder's reading, where the caller has it already.
        """
        row = self.vectoriser.row(text)
        if not self.labels or (not len(row[0]) and self.near is None):
            return Reading((), 0.0)
        words = self.words.margins(row)
        if self.near is None:
            ranking = self._ranked(words * self.factors[0])
            return Reading(ranking, ranking[0][1])
        if self.fit.enough <= 1:
            # What words make plain needs no encoder; that something is out of scope, they do not say alone.
            ranking = self._ranked(words * np.float32(self.fit.alone))
            if ranking[0][1] >= self.fit.enough and ranking[0][0] != OUT_OF_SCOPE:
                return Reading(ranking, ranking[0][1])
        if vector is None:
            if self.encode is None:
                raise BadModel("It was trained with a sentence encoder and has none.")
            vector = self.encode([text])[0]
        alike = self.near.alike(vector)
        own, others = self.factors
        ranking = self._ranked(words * np.float32(own) + self.near.margins(alike) * np.float32(others))
        # A text unlike every example of what it is taken for is likely to be none of the intents.
        return Reading(ranking, ranking[0][1] * self.near.cosine(alike, self.labels.index(ranking[0][0])))

    @property
    def factors(self) -> tuple[float, ...]:
        """How much each of what is added up counts."""
        return self.fit.factors or FIRST[1 if self.near is None else 2]

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
                "weights": self.words.weights,
                "bias": self.words.bias,
                "words": words.idf,
                "letters": letters.idf,
            }
            if self.near is not None:
                arrays |= {
                    "near": self.near.vectors.astype(np.float16),
                    "starts": self.near.starts,
                    "sides": self.near.sides,
                }
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
            near = Near(a["near"].astype(np.float32), a["starts"], a["sides"]) if "near" in a else None
            if a["weights"].shape != (vectoriser.width, len(saved.labels)):
                raise BadModel(f"{folder}: its vocabulary and weights differ in size")
        except BadModel:
            raise
        except (OSError, KeyError, ValueError, EOFError, msgspec.MsgspecError) as wrong:
            raise BadModel(f"{folder}: {wrong}") from wrong
        model = cls(
            folder.name, tuple(saved.labels), vectoriser, Machine(a["weights"], a["bias"]), saved.exact, saved.fit
        )
        return replace(model, near=near, encode=encode)
