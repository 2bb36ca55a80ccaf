"""What providers say by themselves: back-channel logout, and what of it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from auth import oidc
from auth.demo_idp.signing import Signing
from auth.logout import EVENT
from bot.model import Assurance
from tests.attacks.site import Page, Site, site
from tests.attacks.test_social import bound, with_facebook

pytestmark = pytest.mark.promise("assured")


def claims(here: Site, **changed: Any) -> dict[str, Any]:
    at = int(here.clock.now().timestamp())
    made: dict[str, Any] = {
        "iss": f"{here.origin}/idp",
        "aud": "parley",
        "iat": at,
        "exp": at + 120,
        "jti": f"logout-{here.ops}",
        "sub": "ana",
        "events": {EVENT: {}},
        **changed,
    }
    here.ops += 1
    return {name: value for name, value in made.items() if value is not None}


async def logout(here: Site, token: str, provider: str = "larkspur") -> Page:
    return await here.browser(None).post(f"{here.origin}/link/logout/{provider}", {"logout_token": token})


async def signed(here: Site, **changed: Any) -> str:
    return here.idp.signing.sign(claims(here, **changed), here.faults)


async def test_signing_out_at_the_provider_ends_every_link_of_that_login(here: Site) -> None:
    await here.link("dl_ana", "ana")
    await here.link("dl_second", "ana")
    await here.link("dl_tom", "tom")
    page = await logout(here, await signed(here))
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    assert [row["user_id"] for row in await here.links()] == ["dl_tom"]
    assert (await here.standing()).level is Assurance.ANYONE
    assert await here.notices() == ["host.unlinked-signed-out"] * 2
    assert await here.store.query("SELECT kind FROM token_blob WHERE kind = 'refresh' AND person IS NULL") == []
    assert [what for what, _ in await here.audited()].count("link.revoked") == 2


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["parley", "another"]}, "aud"),
        ({"iat": None}, "iat"),
        ({"iat": 1}, "iat"),
        ({"iat": True}, "iat"),
        ({"exp": 1}, "exp"),
        ({"events": None}, "events"),
        ({"events": {"other": {}}}, "events"),
        ({"nonce": "n"}, "nonce"),
        ({"jti": None}, "jti"),
        ({"sub": None, "sid": "s"}, "sub"),
    ],
)
async def test_a_logout_token_that_does_not_hold(here: Site, changed: dict[str, Any], why: str) -> None:
    await here.link()
    assert (await logout(here, await signed(here, **changed))).status == 400
    assert len(await here.links()) == 1
    assert ("logout.refused", why) in await here.audited()
    assert await here.notices() == []


@pytest.mark.parametrize("alg", ["none", "hs256", "bad_signature"])
async def test_a_logout_token_with_a_signature_that_does_not_hold(here: Site, alg: Any) -> None:
    await here.link()
    here.faults.alg = alg
    assert (await logout(here, await signed(here))).status == 400
    assert len(await here.links()) == 1


async def test_an_id_token_is_no_logout_token(here: Site) -> None:
    await here.link()
    token = await signed(here, events=None, nonce="n")
    assert (await logout(here, token)).status == 400
    assert len(await here.links()) == 1


async def test_a_logout_token_works_once(here: Site) -> None:
    await here.link()
    token = await signed(here)
    assert (await logout(here, token)).status == 200
    await here.link()
    assert (await logout(here, token)).status == 400
    assert len(await here.links()) == 1
    assert ("logout.refused", "replayed") in await here.audited()


async def test_a_logout_of_nobody_we_know_changes_nothing(here: Site) -> None:
    await here.link()
    assert (await logout(here, await signed(here, sub="somebody"))).status == 200
    assert (await logout(here, await signed(here), provider="nowhere")).status == 400
    assert (await logout(here, "x" * 20_000)).status == 400
    assert (await logout(here, "garbage")).status == 400
    assert len(await here.links()) == 1


async def test_a_logout_whose_keys_cannot_be_had_is_to_be_sent_again(here: Site) -> None:
    await here.link()
    token = await signed(here)
    here.faults.discovery = "down"
    here.clock.forward(3601)
    assert (await logout(here, token)).status == 503
    assert len(await here.links()) == 1


async def test_tokens_of_keys_that_nobody_knows_do_not_make_us_ask_the_provider_each_time(
    here: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.link()
    asked: list[str] = []
    published = here.idp.signing.jwks

    def counted() -> dict[str, Any]:
        asked.append("jwks")
        return published()

    monkeypatch.setattr(here.idp.signing, "jwks", counted)
    for _ in range(20):
        assert (await logout(here, Signing(None).sign(claims(here), here.faults))).status == 400
    assert asked == ["jwks"]
    assert len(await here.links()) == 1
    # What the provider signs with a key that is new is heard as soon as it is looked for again.
    monkeypatch.setattr(oidc, "KEYS", 0.0)
    here.idp.signing.rotate()
    assert (await logout(here, await signed(here))).status == 200
    assert await here.links() == []


async def test_a_bound_social_login_ends_with_the_link_that_was_signed_out() -> None:
    async with site(social={"facebook": {}}) as here:
        browser = await bound(here)
        assert (await logout(here, await signed(here))).status == 200
        page = await with_facebook(here, browser)
        assert page.heading == "Hello, Ana. Which Larkspur account is yours?"
        assert (await logout(here, "x", provider="facebook")).status == 400


async def test_what_has_ended_long_ago_is_forgotten(here: Site) -> None:
    browser = await here.link()
    await here.begin()
    here.clock.forward(601)
    await here.auth.sweep()
    assert len(await here.store.query("SELECT id FROM link_txn")) == 2
    here.clock.forward(90 * 86_400)
    # A sign-in that is open stays, however many are forgotten.
    _, url = await here.begin()
    here.faults.discovery = "down"
    await here.auth.sweep()
    [kept] = await here.store.query("SELECT ended_at FROM link_txn")
    assert kept["ended_at"] is None
    here.faults.discovery = ""
    assert (await browser.get(url)).status == 200
    assert len(await here.audited()) > 3
