"""Our own reading of id_token claims: each thing wrong is refused by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from auth.errors import SignInRefused
from auth.id_token import Expected, check

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
AT = int(NOW.timestamp())
EXPECTED = Expected("https://idp.example", "parley", "n-1", max_age=300, acr_values=("strong",), leeway=60)
GOOD: dict[str, Any] = {
    "iss": "https://idp.example",
    "sub": "ana",
    "aud": "parley",
    "exp": AT + 300,
    "iat": AT,
    "nonce": "n-1",
    "auth_time": AT - 10,
    "acr": "strong",
    "customer_ref": "C-1001",
}


def test_good_claims_prove_a_sign_in() -> None:
    signed_in = check(GOOD, EXPECTED, NOW, "customer_ref")
    assert (signed_in.issuer, signed_in.sub, signed_in.customer_ref) == ("https://idp.example", "ana", "C-1001")
    assert (signed_in.auth_time, signed_in.acr) == (AT - 10, "strong")


@pytest.mark.parametrize(
    ("why", "changed"),
    [
        ("iss", {"iss": "https://idp.example/"}),
        ("iss", {"iss": None}),
        ("sub", {"sub": None}),
        ("sub", {"sub": ""}),
        ("sub", {"sub": 7}),
        ("sub", {"sub": "x" * 256}),
        ("aud", {"aud": "other"}),
        ("aud", {"aud": None}),
        ("aud", {"aud": ["other", "third"], "azp": "parley"}),
        ("aud", {"aud": ["parley", "other"], "azp": "parley"}),
        ("azp", {"azp": "other"}),
        ("exp", {"exp": AT - 60}),
        ("exp", {"exp": None}),
        ("exp", {"exp": True}),
        ("exp", {"exp": str(AT + 300)}),
        ("iat", {"iat": AT + 61}),
        ("iat", {"iat": None}),
        ("nbf", {"nbf": AT + 61}),
        ("nonce", {"nonce": None}),
        ("nonce", {"nonce": "n-2"}),
        ("auth_time", {"auth_time": None}),
        ("auth_time", {"auth_time": AT - 361}),
        ("auth_time", {"auth_time": AT + 61}),
        ("auth_time", {"auth_time": False}),
        ("acr", {"acr": "basic"}),
        ("acr", {"acr": None}),
    ],
)
def test_each_wrong_claim_is_refused(why: str, changed: dict[str, Any]) -> None:
    claims = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(SignInRefused) as refused:
        check(claims, EXPECTED, NOW, "customer_ref")
    assert refused.value.why == why


def test_a_clock_ahead_gives_no_longer_login() -> None:
    assert check({**GOOD, "auth_time": AT + 30}, EXPECTED, NOW, "customer_ref").auth_time == AT


@pytest.mark.parametrize("reference", [None, "", 1001, ["C-1001"]])
def test_no_customer_is_made_of_anything_but_text(reference: Any) -> None:
    assert check({**GOOD, "customer_ref": reference}, EXPECTED, NOW, "customer_ref").customer_ref is None


def test_a_list_with_us_alone_is_us() -> None:
    assert check({**GOOD, "aud": ["parley"]}, EXPECTED, NOW, "customer_ref").sub == "ana"
