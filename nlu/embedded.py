"""The embedded classifier: trained once for its data and code, then kept in the cache by their hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Thread

from nlu import annotation, encoder, exact, lesson, machines, model, near, text, training, vectoriser
from nlu.data import NluData, fingerprint
from nlu.encoder import Encoder
from nlu.errors import BadModel, NoWeights
from nlu.lesson import Lesson
from nlu.model import Fit, Model
from nlu.training import learn, taught
from nlu.vectors import remembering

KEPT = 5
"""How many trained models stay in the cache."""
LEARNT = "learnt"
"""Where, beside an encoder, all that learn with it leave a copy: another data folder then need not learn the same."""
SHARED = 30
"""How many models stay there."""


def identity(files: Sequence[Path], coder: Encoder | None = None) -> str:
    """The model's id: a hash of the data, of the code that turns it into a model, and of the encoder."""
    whole = hashlib.sha256(fingerprint(files).encode())
    whole.update(coder.id.encode() if coder else b"")
    for module in (annotation, encoder, exact, lesson, machines, model, near, text, training, vectoriser):
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
    coder = _encoder(weights, progress)
    folder = cache / identity(files, coder)
    if coder is not None and not folder.is_dir() and not _works(coder, progress):
        coder, folder = None, cache / identity(files)
    beside = None if coder is None or weights is None else weights / LEARNT
    if beside is not None and not folder.is_dir():
        _copied(beside / folder.name, folder)
    if folder.is_dir():
        try:
            return Model.load(folder, coder)
        except BadModel as wrong:
            progress(f"{wrong.detail}; training it again")
    told = Lesson.of(data.examples, remembering(coder, cache, progress, weights) if coder else None)
    before = _trust(cache, told) if kept else None
    if before is None:
        return replace(_fitted(told, folder, progress, beside), encode=coder)
    # Only the trust is put off: what a wording means is learnt from the new examples.
    progress(f"learning {len(told.labels)} intents; believed as far as the model before, until its own trust is fitted")
    learnt = replace(learn(told, folder.name, before), encode=coder)
    Thread(target=_fitted, args=(told, folder, lambda _: None), daemon=True, name="nlu-trust").start()
    return learnt


def _fitted(told: Lesson, folder: Path, progress: Callable[[str], None], beside: Path | None = None) -> Model:
    trained = taught(told, folder.name, progress)
    trained.save(folder)
    _forget(folder.parent, KEPT, folder)
    if beside is not None and os.access(beside.parent, os.W_OK):
        _copied(folder, beside / folder.name)
        _forget(beside, SHARED, beside / folder.name)
    return trained


def _forget(cache: Path, kept: int, but: Path) -> None:
    """Remove the oldest models, so that a day of editing does not fill the disk."""
    for old in models(cache)[:-kept]:
        if old != but:
            shutil.rmtree(old, ignore_errors=True)


def _copied(model: Path, to: Path) -> None:
    """Copy a model, whole or not at all: others may be reading there, or writing the same."""
    if not (model / "model.json").is_file() or to.is_dir():
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=to.parent))
    try:
        shutil.copytree(model, draft, dirs_exist_ok=True)
        os.utime(draft)  # the newest is what was used last
        draft.rename(to)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)  # it went away meanwhile, or somebody else was first


def _trust(cache: Path, told: Lesson) -> Fit | None:
    """The trust of the latest model that knew half of these intents and weighed as many machines."""
    for folder in reversed(models(cache)):
        try:
            before = Model.load(folder)
        except BadModel:
            continue
        shared = set(before.labels) & set(told.labels)
        if (before.near is None) == (told.vectors is None) and 2 * len(shared) >= len(told.labels) > 1:
            return before.fit
    return None


def models(cache: Path) -> list[Path]:
    """The models in the cache, the oldest first."""
    found = [m for m in cache.iterdir() if (m / "model.json").is_file()] if cache.is_dir() else []
    return sorted(found, key=lambda m: m.stat().st_mtime)


def _encoder(weights: Path | None, progress: Callable[[str], None]) -> Encoder | None:
    try:
        return None if weights is None else Encoder(weights)
    except NoWeights as missing:
        progress(str(missing))
        return None


def _works(coder: Encoder, progress: Callable[[str], None]) -> bool:
    """Whether its files are fit: found out before a model is made with them, and not loaded where one is there."""
    try:
        coder(["hello"])
    except NoWeights as wrong:
        progress(str(wrong))
        return False
    return True
