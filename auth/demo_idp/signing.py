"""The demo provider's signing keys, kept in the data folder so that a restart keeps them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hmac import digest as hmac_digest
from pathlib import Path
from secrets import token_hex
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.jwk import ECKey

from auth.demo_idp.faults import Faults
from bot.secret import made_once

ALG = "ES256"


class Signing:
    """Signs id_tokens; publishes the public halves. `folder` None keeps the key in memory."""

    def __init__(self, folder: Path | None) -> None:
        path = folder / "demo-idp-key.json" if folder else None
        self._key = _fresh()
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = made_once(path, lambda: msgspec.json.encode(self._key.as_dict(private=True)))
            self._key = ECKey.import_key(msgspec.json.decode(kept, type=dict[str, Any]))

    def jwks(self) -> dict[str, Any]:
        """The public key set."""
        return {"keys": [self._key.as_dict(private=False)]}

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one is no longer published."""
        self._key = _fresh()

    def sign(self, claims: dict[str, Any], faults: Faults) -> str:
        """An id_token, signed as it should be or as the faults say."""
        header = {"alg": ALG, "kid": str(self._key.kid)}
        if faults.alg == "none":
            return f"{_part({'alg': 'none'})}.{_part(claims)}."
        if faults.alg == "hs256":
            # By hand: the library, rightly, takes no public key for a shared secret.
            signed = f"{_part({'alg': 'HS256', 'kid': str(self._key.kid)})}.{_part(claims)}"
            return f"{signed}.{_base64(hmac_digest(self._key.as_pem(private=False), signed.encode(), 'sha256'))}"
        if faults.alg == "bad_signature":
            return jwt.encode(header, claims, _fresh(), [ALG])
        return jwt.encode(header, claims, self._key, [ALG])


def _fresh() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": token_hex(8), "use": "sig", "alg": ALG})


def _part(value: dict[str, Any]) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
