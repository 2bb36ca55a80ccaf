"""Finds a Python 3.10: the one that is named, one on the path, or one of pyenv's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from nlu.rasa.errors import NoPython310

NAMED = "PARLEY_PYTHON310"
_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_python(environ: Mapping[str, str] = os.environ) -> Path:
    """An interpreter that says it is 3.10. Raises `NoPython310`; also where the one that is named is none."""
    named = environ.get(NAMED, "")
    if named:
        found = shutil.which(named, path=environ.get("PATH", ""))
        if found is None or not is_310(Path(found)):
            raise NoPython310(f"{NAMED} names {named}, which is none.")
        return Path(found)
    for candidate in _candidates(environ):
        if is_310(candidate):
            return candidate
    raise NoPython310()


def is_310(python: Path) -> bool:
    """Whether it runs and is Python 3.10; pyenv puts programs on the path that only say that they are not there."""
    try:
        ran = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0 and ran.stdout.strip() == "3.10"


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    for name in ("python3.10", "python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH", "")):
            yield Path(found)
    home = environ.get("HOME", "")
    roots = [environ.get("PYENV_ROOT", ""), f"{home}/.pyenv" if home else ""]
    for root in (Path(one) for one in roots if one):
        yield from sorted(root.glob("versions/3.10*/bin/python3.10"), reverse=True)
