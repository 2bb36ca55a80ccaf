"""One writing process per SQLite database: a lock on a file beside it, held for the process's life."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bot.errors import StoreLocked, StoreUnavailable


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
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 20, 0).decode(errors="replace").strip()
            os.close(self._file)
            by = f", by process {holder}" if holder else ""
            raise StoreLocked(f"({database} is held{by})") from error
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            return  # The holder's number is only a help to whoever is refused; a full disk must not refuse us.

    def release(self) -> None:
        """Let others write."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
