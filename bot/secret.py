"""The one server secret, and the keys derived from it: a key serves one purpose and tells nothing of another."""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from bot.errors import SettingsError

BYTES = 32


def server_secret(given: str, folder: Path) -> bytes:
    """The configured secret, else the one kept in the data folder, made at the first run (mode 0600).

    A configured one is at least 32 characters. Raises `SettingsError`.
    """
    if given:
        if len(given) < BYTES:
            raise SettingsError(f"secret: it has {len(given)} characters; give at least {BYTES} random ones.")
        return given.encode()
    file = folder / "secret"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = made_once(file, lambda: secrets.token_bytes(BYTES))
    except OSError as error:
        raise SettingsError(
            f"data: {folder} cannot be written ({error.strerror}). Make it writable, or name another folder."
        ) from None
    if len(kept) != BYTES:
        raise SettingsError(f"{file} does not hold {BYTES} bytes. Restore it, or remove it to sign everybody out.")
    return kept


def made_once(file: Path, make: Callable[[], bytes]) -> bytes:
    """What a file holds, for its owner alone; it is made where it is not there yet. Raises `OSError`.

    Of processes that start together all get the first one's.
    """
    if file.exists():
        return file.read_bytes()
    draft = file.with_name(f".{file.name}-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, make())
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        # A link never replaces.
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_bytes()


def derive(secret: bytes, purpose: str) -> bytes:
    """32 bytes for this purpose alone (HKDF's expand step with one block, RFC 5869 §2.3)."""
    return hmac.digest(secret, b"parley/" + purpose.encode() + b"\x01", "sha256")
