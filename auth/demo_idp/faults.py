"""What the demo provider can be told to get wrong, so that tests see it refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Faults:
    """Switches, all off. They act from the next request on."""

    alg: Literal["", "none", "hs256", "bad_signature"] = ""
    aud: Literal["", "wrong", "others"] = ""
    """`others`: a list without the client, and `azp` naming it."""
    nonce: Literal["", "missing", "wrong"] = ""
    auth_time: Literal["", "missing", "stale", "future"] = ""
    acr: str = ""
    """Given back whatever was asked for."""
    id_token: Literal["", "missing", "wrong_iss", "expired"] = ""
    iss: Literal["", "missing", "wrong"] = ""
    """The issuer in the authorization response (RFC 9207)."""
    discovery: Literal["", "wrong_issuer", "no_s256", "down"] = ""
    slow_jwks: float = 0.0
    """Seconds."""
    slow_token: float = 0.0
    """Seconds."""
    refuse_refresh: bool = False
    ignore_prompt: bool = False
    """Lets an old session pass although a new login was asked for."""
