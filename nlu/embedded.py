"""The embedded classifier: trained once for its data and code, then kept in the cache by their hash."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

from nlu import annotation, encoder, exact, lesson, machines, model, text, training, vectoriser
from nlu.data import NluData, fingerprint
from nlu.encoder import Encoder
from nlu.errors import BadModel, NoWeights
from nlu.lesson import Lesson
from nlu.model import Fit, Model
from nlu.training import learn, taught
from nlu.vectors import remembering

KEPT = 5
"""How many trained models stay in the cache."""


def identity(files: Sequence[Path], coder: Encoder | None = None) -> str:
    """The model's id: a hash of the data, of the code that turns it into a model, and of the encoder."""
    whole = hashlib.sha256(fingerprint(files).encode())
    whole.update(coder.id.encode() if coder else b"")
    for module in (annotation, encoder, exact, lesson, machines, model, text, training, vectoriser):
        whole.update(Path(str(module.__file__)).read_bytes())
    return whole.hexdigest()[:16]


def obtain(
    data: NluData,
    files: Sequence[Path],
    cache: Path,
    progress: Callable[[str], None],
    weights: Path | None = None,
    *,
    kept: bool = False,
) -> Model:
    """The model from the cache, or trained now and put there. `weights` is the folder of an encoder, if any.

    `kept`: believe a changed model as far as the one before it, and fit its own trust in a thread, for the next start.
    """
    coder = _encoder(weights, cache, progress)
    name = identity(files, coder)
    folder = cache / name
    if folder.is_dir():
        try:
            return Model.load(folder, coder)
        except BadModel as wrong:
            progress(f"{wrong.detail}; training it again")
    told = Lesson.of(data.examples, remembering(coder, cache, progress) if coder else None)
    before = _trust(cache, told) if kept else None
    if before is None:
        return replace(_fitted(told, folder, progress), encode=coder)
    # Only the trust is put off: what a wording means is learnt from the new examples.
    progress(f"learning {len(told.labels)} intents; believed as far as the model before, until its own trust is fitted")
    learnt = replace(learn(told, name, before.factors), fit=before, encode=coder)
    Thread(target=_fitted, args=(told, folder, lambda _: None), daemon=True, name="nlu-trust").start()
    return learnt


def _fitted(told: Lesson, folder: Path, progress: Callable[[str], None]) -> Model:
    trained = taught(told, folder.name, progress)
    trained.save(folder)
    for old in models(folder.parent)[:-KEPT]:  # so that a day of editing does not fill the disk
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    return trained


def _trust(cache: Path, told: Lesson) -> Fit | None:
    """The trust of the latest model that knew half of these intents and weighed as many machines."""
    for folder in reversed(models(cache)):
        try:
            before = Model.load(folder)
        except BadModel:
            continue
        shared = set(before.labels) & set(told.labels)
        if (before.sense is None) == (told.vectors is None) and 2 * len(shared) >= len(told.labels) > 1:
            return before.fit
    return None


def models(cache: Path) -> list[Path]:
    """The models in the cache, the oldest first."""
    found = [m for m in cache.iterdir() if (m / "model.json").is_file()] if cache.is_dir() else []
    return sorted(found, key=lambda m: m.stat().st_mtime)


def _encoder(weights: Path | None, cache: Path, progress: Callable[[str], None]) -> Encoder | None:
    if weights is None:
        return None
    try:
        coder = Encoder(weights)
        if not (cache / f"vectors-{coder.id}.npy").is_file():
            coder(["hello"])  # a first time with it: unfit files are found out here, not at a customer's message
        return coder
    except NoWeights as missing:
        progress(str(missing))
        return None
