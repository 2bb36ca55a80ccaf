"""Sentences as 384 numbers of length `SCALE`, by the encoder that `nlu.minilm` has built."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from nlu.errors import NoWeights
from nlu.vectoriser import Floats

ENCODER = "minilm-int8.onnx"
WIDTH = 384

SCALE = np.float32(1.5)
"""How much the vectors weigh beside the two TF-IDF blocks of length 1; flat between 1 and 2."""
LONGEST = 64
"""Tokens of a message that are read."""


class Encoder:
    """Turns texts into vectors. Loading takes about two seconds; one short text takes a few milliseconds."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        # Imported here, so that a recogniser without the encoder does not pay for them.
        import onnxruntime  # type: ignore[import-untyped, unused-ignore]
        from tokenizers import Tokenizer

        files = folder / ENCODER, folder / "tokenizer.json"
        if missing := [f.name for f in files if not f.is_file()]:
            raise NoWeights(f"{folder} has no {' and no '.join(missing)}; python -m nlu.minilm {folder} makes them")
        self._files = files
        self._tokenizer = Tokenizer.from_file(str(files[1]))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()  # its file asks for 128 tokens always: ten times the work, and read as words
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(files[0]), options, providers=["CPUExecutionProvider"])
        except Exception as wrong:  # onnxruntime raises bare exceptions of its own for a file it cannot read
            raise NoWeights(f"{files[0]}: {wrong}") from wrong

    @cached_property
    def id(self) -> str:
        """A hash of the encoder itself."""
        whole = hashlib.sha256(str(float(SCALE)).encode())
        for file in self._files:
            whole.update(file.read_bytes())
        return whole.hexdigest()[:16]

    def __call__(self, texts: Sequence[str]) -> Floats:
        """One row a text, each coded alone: int8 scales by its batch, and a text must always come out the same."""
        out = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for i, text in enumerate(texts):
            # A lone surrogate is no text that a tokenizer takes.
            coded = self._tokenizer.encode(text.encode("utf-8", "replace").decode())
            ids = np.array([coded.ids], dtype=np.int64)
            out[i] = self._session.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]
        return out * SCALE
