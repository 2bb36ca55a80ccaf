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
from nlu.vectoriser import Block, Floats, Vectoriser

OUT_OF_SCOPE = "oos"
"""The intent under which the data keeps utterances that are nobody's business here."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What cross-validation settled: how sharp the softmax is, and below which score nothing is recognised."""

    sharpness: float = 4.0
    threshold: float = 0.0
    accuracy: float = 0.0


Encode = Callable[[Sequence[str]], Floats]
"""Texts to vectors, one row a text."""


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
    fit: Fit = Fit()
    sense: Floats | None = None
    """weights of the encoder's numbers, where the model was trained with one"""
    encode: Encode | None = None

    @property
    def backend(self) -> str:
        """What reads: TF-IDF alone, or with the sentence encoder."""
        return "embedded" if self.sense is None else "hybrid"

    def margins(self, text: str, vector: Floats | None = None) -> Floats | None:
        """How far on each label's side of its plane the text lies; None where nothing in it is known.

        `vector` is the encoder's reading, where the caller has it already.
        """
        at, values = self.vectoriser.row(text)
        if not self.labels or (not len(at) and self.sense is None):
            return None
        margins = values @ self.weights[at] + self.bias
        if self.sense is not None:
            if vector is None:
                if self.encode is None:
                    raise BadModel("It was trained with a sentence encoder and has none.")
                vector = self.encode([text])[0]
            margins = margins + vector @ self.sense
        return np.asarray(margins)

    def ranking(self, text: str) -> tuple[tuple[str, float], ...]:
        """The labels with their probabilities, best first; empty where nothing can be said."""
        margins = self.margins(text)
        if margins is None:
            return ()
        powers = np.exp(self.fit.sharpness * (margins - margins.max()))
        chances = powers / powers.sum()
        return tuple((self.labels[i], float(chances[i])) for i in np.argsort(-chances, kind="stable"))

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
        labels, sense = tuple(saved.labels), a.get("sense")
        model = cls(folder.name, labels, vectoriser, a["weights"], a["bias"], saved.exact, saved.fit)
        return model if sense is None else replace(model, sense=sense, encode=encode)
