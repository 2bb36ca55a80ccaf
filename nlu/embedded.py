"""The embedded classifier: trained once for its data and code, then kept in the cache by their hash."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from nlu import annotation, model, text, training, vectoriser
from nlu.data import NluData, fingerprint
from nlu.errors import BadModel
from nlu.model import Model

BACKEND = "embedded"
KEPT = 5
"""How many trained models stay in the cache."""


def identity(files: Sequence[Path]) -> str:
    """The model's id: a hash of the data and of the code that turns it into a model."""
    whole = hashlib.sha256(fingerprint(files).encode())
    for module in (annotation, model, text, training, vectoriser):
        whole.update(Path(str(module.__file__)).read_bytes())
    return whole.hexdigest()[:16]


def obtain(data: NluData, files: Sequence[Path], cache: Path, progress: Callable[[str], None]) -> Model:
    """The model from the cache, or trained now and put there."""
    name = identity(files)
    folder = cache / name
    if folder.is_dir():
        try:
            return Model.load(folder)
        except BadModel as wrong:
            progress(f"{wrong.detail}; training it again")
    trained = training.train(data.examples, name, progress)
    trained.save(folder)
    _tidy(cache, folder)
    return trained


def _tidy(cache: Path, keep: Path) -> None:
    """Drop the oldest models beyond `KEPT`, so that a day of editing does not fill the disk."""
    models = sorted((m for m in cache.iterdir() if (m / "model.json").is_file()), key=lambda m: m.stat().st_mtime)
    for old in models[:-KEPT]:
        if old != keep:
            shutil.rmtree(old, ignore_errors=True)
