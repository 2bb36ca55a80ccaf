"""The trained classifier as plain arrays: scores a text, and is saved without pickle."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

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
    """an example as `plain` → its intent: what a developer has written is never read as something else"""
    fit: Fit = Fit()

    def margins(self, text: str) -> Floats | None:
        """How far each label's side of its plane the text lies; None where it shares no term with the examples."""
        at, values = self.vectoriser.row(text)
        if not self.labels or not len(at):
            return None
        return np.asarray(values @ self.weights[at] + self.bias)

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
            np.savez(
                draft / "weights.npz",
                weights=self.weights,
                bias=self.bias,
                words=words.idf,
                letters=letters.idf,
            )
            try:
                os.rename(draft, folder)
            except OSError:  # another process was first with the same model, or an unreadable one lies there
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path) -> Model:
        """Read what `save` wrote; raises `BadModel`."""
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
        return cls(folder.name, tuple(saved.labels), vectoriser, a["weights"], a["bias"], saved.exact, saved.fit)
