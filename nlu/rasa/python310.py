"""Finds a Python 3.10 (or another): the one that is named, one on the path, or one of pyenv's."""

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
        if found is None or not is_python(Path(found), "3.10"):
            raise NoPython310(f"{NAMED} names {named}, which is none.")
        return Path(found)
    if (first := next(installed("3.10", environ), None)) is None:
        raise NoPython310()
    return first


def installed(version: str, environ: Mapping[str, str] = os.environ) -> Iterator[Path]:
    """The interpreters of a version ("3.10") that are here, the path's before pyenv's."""
    return (one for one in _candidates(version, environ) if is_python(one, version))


def is_python(python: Path, version: str) -> bool:
    """Whether it runs and is of this version; pyenv puts programs on the path that only say that they are not there."""
    try:
        ran = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0 and ran.stdout.strip() == version


def _candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    for name in (f"python{version}", "python3", "python"):
        if found := shutil.which(name, path=environ.get("PATH", "")):
            yield Path(found)
    home = environ.get("HOME", "")
    roots = [environ.get("PYENV_ROOT", ""), f"{home}/.pyenv" if home else ""]
    for root in (Path(one) for one in roots if one):
        yield from sorted(root.glob(f"versions/{version}*/bin/python{version}"), reverse=True)
