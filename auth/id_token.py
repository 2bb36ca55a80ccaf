"""Our own reading of an id_token's claims, after its signature was verified.

OpenID Connect Core 1.0 §3.1.3.7; RFC 9700 §4; the library behind lets a stale or missing `auth_time`, an `acr` lower
than asked for and an audience without us pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Any

from auth.errors import SignInRefused


@dataclass(frozen=True, slots=True)
class Expected:
    """What this one sign-in must show. `max_age` and `leeway` in seconds.

    `auth_time`: whether it must be said; a social login says only when its token was issued.
    """

    issuer: str
    client_id: str
    nonce: str
    max_age: float
    acr_values: Sequence[str] = ()
    leeway: float = 60
    auth_time: bool = True


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A sign-in that holds. `auth_time` is epoch seconds; `refresh_token` only where the provider gave one.

    `account` is the person's id on the channel that the provider belongs to, `name` what it calls them; `roles` are
    what the brand's own people may do, where the provider's settings name a claim for it.
    """

    issuer: str
    sub: str
    auth_time: float
    acr: str | None = None
    customer_ref: str | None = None
    refresh_token: str | None = None
    account: str | None = None
    name: str = ""
    roles: tuple[str, ...] = ()


def check(claims: Mapping[str, Any], expected: Expected, now: datetime, customer_claim: str) -> SignedIn:
    """The sign-in these claims prove. Raises `SignInRefused` with the first thing that is wrong, as one word."""
    at = now.timestamp()
    sub = claims.get("sub")
    if claims.get("iss") != expected.issuer:
        raise SignInRefused("iss")
    if not isinstance(sub, str) or not 0 < len(sub) <= 255:
        raise SignInRefused("sub")
    _audience(claims, expected.client_id)
    if _seconds(claims, "exp") <= at - expected.leeway:
        raise SignInRefused("exp")
    if _seconds(claims, "iat") > at + expected.leeway:
        raise SignInRefused("iat")
    if "nbf" in claims and _seconds(claims, "nbf") > at + expected.leeway:
        raise SignInRefused("nbf")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise SignInRefused("nonce")
    told = expected.auth_time or "auth_time" in claims
    auth_time = _seconds(claims, "auth_time" if told else "iat")
    if auth_time > at + expected.leeway or at - auth_time > expected.max_age + expected.leeway:
        raise SignInRefused("auth_time")
    acr = claims.get("acr")
    if expected.acr_values and acr not in expected.acr_values:
        raise SignInRefused("acr")
    reference = claims.get(customer_claim)
    return SignedIn(
        issuer=expected.issuer,
        sub=sub,
        # A clock that is a little ahead must not make a login last longer than it may.
        auth_time=min(auth_time, at),
        acr=acr if isinstance(acr, str) else None,
        customer_ref=reference if isinstance(reference, str) and reference else None,
    )


def _audience(claims: Mapping[str, Any], client_id: str) -> None:
    aud = claims.get("aud")
    audiences = [aud] if isinstance(aud, str) else aud
    # Ours alone: a token that others may also accept as theirs has no business here.
    if audiences != [client_id]:
        raise SignInRefused("aud")
    if claims.get("azp", client_id) != client_id:
        raise SignInRefused("azp")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInRefused(name)
    return float(value)
