"""Rasa's own environment: Python 3.10 and exactly what its lock names, by hash, made once for each lock."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from bot.settings import HOME
from nlu.rasa.command import run
from nlu.rasa.errors import NoUv
from nlu.rasa.python310 import find_python

LOCK = Path(__file__).with_name("requirements.lock")
FOLDER = HOME / ".rasa"
"""Where the environment, the models and Rasa's logs are."""


def lock_hash() -> str:
    """Eight digits of the lock's hash."""
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]


async def environment(tell: Callable[[str], None], folder: Path = FOLDER) -> Path:
    """The environment's Python. Raises `NoPython310`, `NoUv`, `RasaFailed`."""
    whole = folder / f"env-{lock_hash()}"
    python = whole / "bin" / "python"
    ready = whole / ".whole"
    if ready.exists() and python.exists():
        return python
    source, uv = find_python(), installer()
    began = time.monotonic()
    tell(f"Making Rasa's environment with {source} (2.5 GB, once)")
    for old in folder.glob("env-*"):
        shutil.rmtree(old, ignore_errors=True)
    log = folder / "environment.log"
    make: list[str | Path] = [uv, "venv", "--quiet", "--no-config", "--python", source, whole]
    await run(make, log)
    sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", LOCK]
    await run(sync, log)
    ready.touch()
    tell(f"Installed in {time.monotonic() - began:.0f} s")
    return python


def installer(environments: Path = HOME / ".venv") -> Path:
    """The uv that `make` put beside Parley's own environment, by hash."""
    found = sorted(environments.glob("installer-*/bin/uv"), key=lambda uv: uv.stat().st_mtime)
    if not found:
        raise NoUv()
    return found[-1]
