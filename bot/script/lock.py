"""versions.lock: the released dialogs and a hash of each one's code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bot.errors import SettingsError

_HEAD = """\
# Released dialogs: id, version, hash of the code. Written by `python app.py release`; do not edit.
# A dialog whose code differs from its line needs a new version, and its old code in retired/.
"""


def read_lock(file: Path) -> dict[tuple[str, int], str]:
    """The released (id, version) and their hashes; empty without a file. Raises `SettingsError`."""
    if not file.is_file():
        return {}
    locked: dict[tuple[str, int], str] = {}
    for at, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        if len(parts) != 3 or not parts[1].isdigit():
            raise SettingsError(f"{file} line {at}: expected `id version hash`.")
        locked[(parts[0], int(parts[1]))] = parts[2]
    return locked


def write_lock(file: Path, locked: Iterable[tuple[tuple[str, int], str]]) -> None:
    """Write the lock, in order, replacing the file as a whole."""
    lines = [f"{id} {version} {code}\n" for (id, version), code in sorted(locked)]
    draft = file.with_suffix(".lock.draft")
    draft.write_text(_HEAD + "".join(lines), "utf-8")
    draft.replace(file)
