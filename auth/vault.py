"""Sealing what must be kept and read again: refresh tokens, and a started login's verifier and nonce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from auth.errors import VaultBroken
from bot.errors import SettingsError


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    v: int
    of: str
    kind: str
    data: dict[str, str]


class Vault:
    """Fernet under one or more keys: the first seals, any opens (cryptography's MultiFernet).

    Fernet has no associated data, so the owner and kind stand inside the sealed text and are compared on opening: a
    ciphertext moved to another row does not open there.
    """

    __slots__ = ("_fernet",)

    def __init__(self, keys: Sequence[str | bytes]) -> None:
        if not keys:
            raise SettingsError("A vault key is missing; make one with cryptography's Fernet.generate_key().")
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as wrong:
            raise SettingsError("A vault key is not 32 bytes in URL-safe base64.") from wrong

    def seal(self, kind: str, of: str, data: Mapping[str, str]) -> bytes:
        """Seal `data` for the row `of`."""
        return self._fernet.encrypt(msgspec.json.encode(_Sealed(v=1, of=of, kind=kind, data=dict(data))))

    def open(self, kind: str, of: str, sealed: bytes) -> dict[str, str]:
        """What was sealed for exactly this row. Raises `VaultBroken`."""
        try:
            held = msgspec.json.decode(self._fernet.decrypt(sealed), type=_Sealed)
        except (InvalidToken, msgspec.DecodeError) as broken:
            raise VaultBroken from broken
        if (held.v, held.of, held.kind) != (1, of, kind):
            raise VaultBroken
        return held.data

    def rotate(self, sealed: bytes) -> bytes:
        """The same under the first key. Raises `VaultBroken`."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken as broken:
            raise VaultBroken from broken
