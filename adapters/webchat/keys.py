"""Keys and hashes: one server secret, one derived key a purpose; what is stored of a credential is its hash."""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256


def derive(secret: bytes, purpose: str) -> bytes:
    """32 bytes for this purpose alone (HMAC-SHA256 as a PRF, as in HKDF's expand step, RFC 5869 §2.3)."""
    return hmac.digest(secret, b"parley/webchat/" + purpose.encode() + b"\x01", "sha256")


def fresh() -> str:
    """A new credential: 256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)


def hashed(credential: str) -> bytes:
    """What is kept of a credential of 256 random bits: a plain hash is enough for those."""
    return sha256(credential.encode()).digest()
