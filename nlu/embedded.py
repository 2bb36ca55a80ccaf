"""The embedded classifier: trained once for its data and code, then kept in the cache by their hash."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nlu import annotation, encoder, exact, model, text, training, vectoriser
from nlu.data import NluData, fingerprint
from nlu.encoder import Encoder
from nlu.errors import BadModel, NoWeights
from nlu.model import Model
from nlu.vectors import vectors

KEPT = 5
"""How many trained models stay in the cache."""


def identity(files: Sequence[Path], coder: Encoder | None = None) -> str:
    """The model's id: a hash of the data, of the code that turns it into a model, and of the encoder."""
    whole = hashlib.sha256(fingerprint(files).encode())
    whole.update(coder.id.encode() if coder else b"")
    for module in (annotation, encoder, exact, model, text, training, vectoriser):
        whole.update(Path(str(module.__file__)).read_bytes())
    return whole.hexdigest()[:16]


def obtain(
    data: NluData, files: Sequence[Path], cache: Path, progress: Callable[[str], None], weights: Path | None = None
) -> Model:
    """The model from the cache, or trained now and put there. `weights` is the folder of an encoder, if any."""
    coder = _encoder(weights, progress)
    name = identity(files, coder)
    folder = cache / name
    if folder.is_dir():
        try:
            return Model.load(folder, coder)
        except BadModel as wrong:
            progress(f"{wrong.detail}; training it again")
    coded = vectors(coder, [e.text for e in data.examples], cache, progress) if coder and data.examples else None
    trained = replace(training.train(data.examples, name, progress, coded), encode=coder)
    trained.save(folder)
    _tidy(cache, folder)
    return trained


def _encoder(weights: Path | None, progress: Callable[[str], None]) -> Encoder | None:
    if weights is None:
        return None
    try:
        return Encoder(weights)
    except NoWeights as missing:
        progress(str(missing))
        return None


def _tidy(cache: Path, keep: Path) -> None:
    """Drop the oldest models beyond `KEPT`, so that a day of editing does not fill the disk."""
    models = sorted((m for m in cache.iterdir() if (m / "model.json").is_file()), key=lambda m: m.stat().st_mtime)
    for old in models[:-KEPT]:
        if old != keep:
            shutil.rmtree(old, ignore_errors=True)
