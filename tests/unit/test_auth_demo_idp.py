"""The demo provider is strict: what a careless client may get away with elsewhere is refused here."""

from __future__ import annotations

import stat
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from auth.demo_idp.signing import Signing
from tests.attacks.site import Browser, Page, Site, site

VERIFIER = "v" * 50
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site() as made:
        yield made


def request_url(here: Site, **changed: str | None) -> str:
    asked: dict[str, str | None] = {
        "response_type": "code",
        "client_id": "parley",
        "redirect_uri": f"{here.origin}/link/callback/larkspur",
        "scope": "openid offline_access",
        "state": "s",
        "nonce": f"n{here.ops}",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changed,
    }
    here.ops += 1
    return f"{here.origin}/idp/authorize?" + urlencode({name: value for name, value in asked.items() if value})


async def code(here: Site, browser: Browser, **changed: str | None) -> str:
    page = await browser.get(request_url(here, **changed))
    sent = await browser.sign_in(page, "ana", follow=False)
    return parse_qs(urlsplit(sent.headers["Location"]).query)["code"][0]


async def token(here: Site, data: dict[str, str], secret: str = "demo secret") -> tuple[int, dict[str, Any]]:
    basic = b64encode(f"parley:{secret.replace(' ', '%20')}".encode()).decode()
    sent = {"redirect_uri": f"{here.origin}/link/callback/larkspur", **data}
    page = await here.browser().post(f"{here.origin}/idp/token", sent, headers={"Authorization": f"Basic {basic}"})
    return page.status, msgspec.json.decode(page.text)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.hops[-1] if page.hops else page.headers["Location"]).query)


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"nonce": None},
        {"response_type": "token"},
    ],
)
async def test_a_careless_request_is_sent_back_with_an_error(here: Site, changed: dict[str, str | None]) -> None:
    page = await here.browser()._go("GET", request_url(here, **changed), None, {}, False)
    assert page.status == 302
    answer = query(page)
    assert "error" in answer and "code" not in answer
    assert answer["iss"] == [f"{here.origin}/idp"]


async def test_an_unknown_client_is_sent_nowhere(here: Site) -> None:
    page = await here.browser().get(request_url(here, client_id="other"))
    assert page.status == 400 and "Location" not in page.headers


async def test_a_code_is_good_once_for_a_minute_with_its_verifier(here: Site) -> None:
    browser = here.browser()
    good = {"grant_type": "authorization_code", "code_verifier": VERIFIER}
    first = await code(here, browser)
    status, wrong = await token(here, {**good, "code": first, "code_verifier": "w" * 50})
    assert (status, wrong["error"]) == (400, "invalid_grant")
    assert (await token(here, {**good, "code": first}, secret="guess"))[0] == 401
    status, given = await token(here, {**good, "code": first})
    assert status == 200 and given["refresh_token"] and given["expires_in"] == 300
    # A second use is refused, and takes what the first one brought with it.
    assert (await token(here, {**good, "code": first}))[0] == 400
    refreshed = await token(here, {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]})
    assert refreshed[0] == 400
    late = await code(here, browser, prompt="login")
    here.clock.forward(60)
    assert (await token(here, {**good, "code": late}))[0] == 400


async def test_no_refresh_token_unless_asked_for(here: Site) -> None:
    given = await code(here, here.browser(), scope="openid")
    asked = {"grant_type": "authorization_code", "code_verifier": VERIFIER, "code": given}
    assert "refresh_token" not in (await token(here, asked))[1]


async def test_sessions_prompt_and_max_age(here: Site) -> None:
    browser = here.browser()
    await code(here, browser)
    # Signed in already: passes without a page, as an ordinary provider does.
    page = await browser._go("GET", request_url(here), None, {}, False)
    assert page.status == 302 and "code" in query(page)
    assert (await browser.get(request_url(here, prompt="login"))).heading == "Who are you today?"
    here.clock.forward(11)
    assert (await browser.get(request_url(here, max_age="10"))).heading == "Who are you today?"
    page = await browser._go("GET", request_url(here, max_age="100"), None, {}, False)
    assert page.status == 302
    stranger = await here.browser()._go("GET", request_url(here, prompt="none"), None, {}, False)
    assert query(stranger)["error"] == ["login_required"]
    await browser.get(f"{here.origin}/idp/end-session")
    assert (await browser.get(request_url(here))).heading == "Who are you today?"


async def test_a_nonce_is_good_once(here: Site) -> None:
    await code(here, here.browser(), nonce="same")
    page = await here.browser()._go("GET", request_url(here, nonce="same"), None, {}, False)
    assert query(page)["error"] == ["invalid_request"]


async def test_nobody_is_signed_in_by_a_form_from_elsewhere(here: Site) -> None:
    browser = here.browser()
    page = await browser.get(request_url(here))
    forged = await browser.post(page.action, {"sub": "tom"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403


async def test_userinfo_and_revocation(here: Site) -> None:
    given = await code(here, here.browser())
    asked = {"grant_type": "authorization_code", "code_verifier": VERIFIER, "code": given}
    _, tokens = await token(here, asked)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    browser = here.browser()
    page = await browser._go("GET", f"{here.origin}/idp/userinfo", None, bearer, False)
    assert msgspec.json.decode(page.text) == {"sub": "ana", "name": "Ana", "customer_ref": "C-1001"}
    basic = {"Authorization": "Basic " + b64encode(b"parley:demo%20secret").decode()}
    await browser.post(f"{here.origin}/idp/revoke", {"token": tokens["refresh_token"]}, headers=basic)
    page = await browser._go("GET", f"{here.origin}/idp/userinfo", None, bearer, False)
    assert page.status == 401


def test_the_signing_key_outlives_a_restart(tmp_path: Path) -> None:
    first, second = Signing(tmp_path), Signing(tmp_path)
    assert first.jwks() == second.jwks()
    assert "d" not in first.jwks()["keys"][0]
    [path] = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first.rotate()
    assert first.jwks() != second.jwks()
