"""Vectors of the training utterances, kept on disk so that only new utterances are coded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from nlu.encoder import Encoder
from nlu.lesson import Code
from nlu.vectoriser import Floats


def remembering(encoder: Encoder, cache: Path, progress: Callable[[str], None]) -> Code:
    """The encoder with a memory in `cache`."""
    return lambda texts: vectors(encoder, texts, cache, progress)


def vectors(encoder: Encoder, texts: Sequence[str], cache: Path, progress: Callable[[str], None]) -> Floats:
    """One row a text; `cache` is the folder of the models. A damaged file counts as none."""
    names, matrix = cache / f"vectors-{encoder.id}.json", cache / f"vectors-{encoder.id}.npy"
    known: dict[str, Floats] = {}
    try:
        said = msgspec.json.decode(names.read_bytes(), type=list[str])
        known = dict(zip(said, np.load(matrix, allow_pickle=False), strict=True))
    except (OSError, ValueError, EOFError, msgspec.MsgspecError):
        pass
    new = [text for text in dict.fromkeys(texts) if text not in known]
    if new:
        progress(f"coding {len(new)} utterances")
        known |= dict(zip(new, encoder(new), strict=True))
        told = list(dict.fromkeys(texts))
        cache.mkdir(parents=True, exist_ok=True)
        # Without names the numbers count for nothing, so a break in between leaves no wrong pairs.
        names.unlink(missing_ok=True)
        np.save(matrix, np.stack([known[text] for text in told]))
        names.write_bytes(msgspec.json.encode(told))
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0), np.float32)
