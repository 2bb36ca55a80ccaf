"""Vectors of the training utterances, kept on disk so that only new utterances are coded again."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec
import numpy as np

from nlu.encoder import Encoder
from nlu.lesson import Code
from nlu.vectoriser import Floats

MOST = 20_000
"""How many utterances are kept beside the encoder, for whoever learns with it next, or of what is tried out."""


def remembering(encoder: Encoder, cache: Path, progress: Callable[[str], None], beside: Path | None = None) -> Code:
    """The encoder with a memory in `cache`, and one that all share in `beside`."""
    return lambda texts: vectors(encoder, texts, cache, progress, beside)


def vectors(
    encoder: Encoder, texts: Sequence[str], cache: Path, progress: Callable[[str], None], beside: Path | None = None
) -> Floats:
    """One row a text; `cache` is the folder of the models. A damaged file counts as none.

    A site (`beside` is given) keeps its present utterances and no others; what is tried out may come again.
    """
    name = f"vectors-{encoder.id}.npz"
    own = cache / name
    before = _kept(own)
    shared = {} if beside is None else _kept(beside / name)
    known = shared | before
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        progress(f"coding {len(new)} utterances")
        known |= dict(zip(new, encoder(new), strict=True))
    if any(text not in before for text in texts):
        cache.mkdir(parents=True, exist_ok=True)
        kept = list(dict.fromkeys(texts if beside is not None else [*texts, *before]))
        _keep(own, {text: known[text] for text in kept[:MOST]})
    if new and beside is not None and os.access(beside, os.W_OK):
        _keep(beside / name, dict(list((shared | known).items())[-MOST:]))
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0), np.float32)


def _kept(file: Path) -> dict[str, Floats]:
    try:
        with np.load(file, allow_pickle=False) as held:
            said = msgspec.json.decode(held["texts"].tobytes(), type=list[str])
            return dict(zip(said, held["rows"], strict=True))
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, msgspec.MsgspecError):
        return {}


def _keep(file: Path, known: dict[str, Floats]) -> None:
    """Put in place whole: others may be reading, or writing theirs."""
    with NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as draft:
        told = np.frombuffer(msgspec.json.encode(list(known)), np.uint8)
        np.savez(draft, texts=told, rows=np.stack(list(known.values())))
    Path(draft.name).replace(file)
