"""Sentences as 384 numbers of length 1, by the encoder that `nlu.minilm` has built."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nlu.errors import NoWeights
from nlu.vectoriser import Floats

ENCODER = "minilm-int8.onnx"
TOKENIZER = "tokenizer.json"
WIDTH = 384

LONGEST = 64
"""Tokens of a message that are read."""


class Encoder:
    """Turns texts into vectors, a short one in a few milliseconds. Loaded at the first, in about half a second."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._files = folder / ENCODER, folder / TOKENIZER
        self._threads = threads
        if missing := [f.name for f in self._files if not f.is_file()]:
            raise NoWeights(f"{folder} has no {' and no '.join(missing)}; `make run` makes them")

    @cached_property
    def id(self) -> str:
        """A hash of the encoder itself."""
        whole = hashlib.sha256()
        for file in self._files:
            whole.update(file.read_bytes())
        return whole.hexdigest()[:16]

    def __call__(self, texts: Sequence[str]) -> Floats:
        """One row a text; raises `NoWeights` where its files are unfit.

        Each is coded alone: int8 scales by its batch, and a text must always come out the same. On one core a batch is
        no faster, either: what it saves in calls it spends on padding.
        """
        tokenizer, session = self._loaded
        out = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for i, text in enumerate(texts):
            # A lone surrogate is no text that a tokenizer takes.
            coded = tokenizer.encode(text.encode("utf-8", "replace").decode())
            ids = np.array([coded.ids], dtype=np.int64)
            out[i] = session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return out

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        # Imported here, so that a recogniser without the encoder does not pay for them.
        import onnxruntime  # type: ignore[import-untyped, unused-ignore]
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        try:
            tokenizer = Tokenizer.from_file(str(self._files[1]))
            session = onnxruntime.InferenceSession(str(self._files[0]), options, providers=["CPUExecutionProvider"])
        except Exception as wrong:  # both raise bare exceptions of their own for a file that they cannot read
            raise NoWeights(f"{self._files[0].parent}: {wrong}") from wrong
        tokenizer.enable_truncation(LONGEST)
        tokenizer.no_padding()  # its file asks for 128 tokens always: ten times the work, and read as words
        return tokenizer, session
