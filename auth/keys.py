"""Everything made from the server's secret: link handles, form tokens and the hashes that are stored instead."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as hmac_digest
from secrets import token_urlsafe

from auth.codes import written
from bot.errors import SettingsError


def fresh() -> str:
    """A new secret of 256 bits, for a cookie or a state."""
    return token_urlsafe(32)


def hashed(secret: str) -> bytes:
    """What is stored of a secret of 256 bits: its SHA-256. Not for codes short enough to be guessed."""
    return sha256(secret.encode()).digest()


class Keys:
    """Derives purpose-bound secrets. The first `server` key makes them; the others still recognise what they made."""

    __slots__ = ("_server",)

    def __init__(self, server: Sequence[bytes]) -> None:
        if not server or any(len(key) < 32 for key in server):
            raise SettingsError("A server key is missing or shorter than 32 bytes.")
        self._server = tuple(server)

    def handle(self, transaction: str) -> str:
        """The unguessable part of a transaction's address: HMAC-SHA256 of its id, 43 characters."""
        return self._made("link", transaction, self._server[0])

    def handle_of(self, transaction: str, handle_hash: bytes) -> str | None:
        """The handle whose hash was stored when the transaction began, whichever key made it."""
        for key in self._server:
            handle = self._made("link", transaction, key)
            if compare_digest(hashed(handle), handle_hash):
                return handle
        return None

    def code(self, transaction: str) -> str:
        """The code a transaction's page shows: 40 bits, always the same, so that the page can be opened again."""
        return self._code(transaction, self._server[0])

    def code_of(self, transaction: str, code_hash: bytes) -> str | None:
        """The code whose hash was stored, whichever key made it."""
        for key in self._server:
            code = self._code(transaction, key)
            if compare_digest(_peppered(code, key), code_hash):
                return code
        return None

    def code_hashes(self, code: str) -> tuple[bytes, ...]:
        """What is stored of a code, SHA-256 under a pepper: first as it is made now, then as earlier keys made it."""
        return tuple(_peppered(code, key) for key in self._server)

    def form_token(self, transaction: str, cookie: str) -> str:
        """The token a form carries: bound to one transaction and one browser."""
        return self._made("form", f"{transaction}:{cookie}", self._server[0])

    def form_token_fits(self, given: str, transaction: str, cookie: str) -> bool:
        """Whether a form came from our page in this browser."""
        made = [self._made("form", f"{transaction}:{cookie}", key) for key in self._server]
        return any(compare_digest(given.encode(), token.encode()) for token in made)

    def _code(self, transaction: str, key: bytes) -> str:
        return written(lambda n: hmac_digest(key, f"code:{transaction}:{n}".encode(), "sha256"))

    def _made(self, purpose: str, text: str, key: bytes) -> str:
        return urlsafe_b64encode(hmac_digest(key, f"{purpose}:{text}".encode(), "sha256")).rstrip(b"=").decode()


def _peppered(code: str, key: bytes) -> bytes:
    # A code is short enough to be guessed from its plain hash; without the pepper a stolen row says nothing.
    return sha256(hmac_digest(key, b"pepper", "sha256") + code.encode()).digest()
