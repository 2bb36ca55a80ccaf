"""One writing process per SQLite database: a lock on a file beside it, held for the process's life."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from bot.errors import StoreLocked, StoreUnavailable

ENDING = 10.0
"""Seconds that the writer of a process which was killed may take to end its last group."""


class FileLock:
    """An exclusive lock. The file stays; the system drops the lock with the process, however that ends."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            said = f"The data folder {database.parent} cannot be written ({error.strerror})."
            raise StoreUnavailable(said) from error
        until = time.monotonic() + ENDING
        while (refused := self._refused()) is not None:
            holder = os.pread(self._file, 20, 0).decode(errors="replace").strip()
            if _lives(holder) or time.monotonic() > until:
                os.close(self._file)
                by = f", by process {holder}" if holder else ""
                raise StoreLocked(f"({database} is held{by})") from refused
            time.sleep(0.01)
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return  # The holder's number is only a help to whoever is refused; a full disk must not refuse us.

    @property
    def handle(self) -> int:
        """The open file; the lock is held as long as any process has it open."""
        return self._file

    def _refused(self) -> OSError | None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error
        return None

    def release(self) -> None:
        """Let others write."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _lives(holder: str) -> bool:
    """Whether a process of this number runs; one that has ended and not been waited for does not."""
    if not holder.isdecimal():
        return True
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{holder}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return True  # Not every system has it.
    return state != "Z"
