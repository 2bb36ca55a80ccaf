"""Attacks on what the provider says: the demo provider gets one thing wrong, and nothing is linked."""

from __future__ import annotations

import pytest

from auth import AuthSettings
from tests.attacks.site import Site, site

pytestmark = pytest.mark.promise("assured")


async def refused(here: Site, why: str) -> None:
    browser = here.browser()
    _, url = await here.begin()
    page = await browser.sign_in(await browser.press(await browser.get(url)), "ana")
    assert page.heading == "Your sign-in could not be checked"
    assert await here.links() == []
    assert ("link.aborted", why) in await here.audited()
    [signal] = await here.signals()
    assert signal["outcome"]["status"] == "failed"


@pytest.mark.parametrize("alg", ["none", "hs256", "bad_signature"])
async def test_18_signature(here: Site, alg: str) -> None:
    here.faults.alg = alg  # type: ignore[assignment]
    await refused(here, "signature")


@pytest.mark.parametrize("aud", ["wrong", "others"])
async def test_19_audience(here: Site, aud: str) -> None:
    here.faults.aud = aud  # type: ignore[assignment]
    await refused(here, "aud")


@pytest.mark.parametrize("nonce", ["missing", "wrong"])
async def test_20_nonce(here: Site, nonce: str) -> None:
    here.faults.nonce = nonce  # type: ignore[assignment]
    await refused(here, "nonce")


@pytest.mark.parametrize("auth_time", ["missing", "stale", "future"])
async def test_21_auth_time(here: Site, auth_time: str) -> None:
    here.faults.auth_time = auth_time  # type: ignore[assignment]
    await refused(here, "auth_time")


async def test_21_a_provider_that_ignores_prompt_cannot_pass_an_old_login_off(here: Site) -> None:
    browser = await here.link()
    here.clock.forward(3600)
    here.faults.ignore_prompt = True
    _, url = await here.begin_step_up()
    page = await browser.press(await browser.get(url))
    assert page.heading == "Your sign-in could not be checked"
    assert ("stepup.aborted", "auth_time") in await here.audited()
    assert await here.store.query("SELECT id FROM step_up_grant") == []


async def test_21_max_age_zero_wants_a_login_made_for_this(here: Site) -> None:
    async with site(settings=AuthSettings(step_up_max_age=0)) as strict:
        browser = await strict.link()
        _, url = await strict.begin_step_up()
        page = await browser.get(url)
        assert ">Sign in and approve<" in page.text
        login = await browser.press(page)
        assert "max_age=0" in login.hops[0]
        assert (await browser.sign_in(login, "ana")).heading == "Approved"
        strict.clock.forward(120)
        strict.faults.ignore_prompt = True
        _, url = await strict.begin_step_up()
        assert (await browser.press(await browser.get(url))).heading == "Your sign-in could not be checked"


async def test_22_weaker_login_than_asked(here: Site) -> None:
    async with site(acr_values=("urn:parley:demo:strong",)) as strict:
        browser = strict.browser()
        _, url = await strict.begin()
        login = await browser.press(await browser.get(url))
        assert "acr_values=urn" in login.hops[0]
        strict.faults.acr = "urn:parley:demo:basic"
        page = await browser.sign_in(login, "ana")
        assert page.heading == "Your sign-in could not be checked"
        assert ("link.aborted", "acr") in await strict.audited()
        strict.faults.acr = ""
        await strict.link(browser=browser)


@pytest.mark.parametrize(("fault", "why"), [("missing", "id_token"), ("wrong_iss", "iss"), ("expired", "exp")])
async def test_other_faults_of_an_id_token(here: Site, fault: str, why: str) -> None:
    here.faults.id_token = fault  # type: ignore[assignment]
    await refused(here, why)


async def test_somebody_who_is_no_customer(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    page = await browser.sign_in(await browser.press(await browser.get(url)), "visitor")
    assert page.heading == "We found no Larkspur account"
    assert await here.links() == []


async def test_rotated_keys_are_fetched_anew(here: Site) -> None:
    await here.link()
    here.idp.signing.rotate()
    await here.link("dl_tom", "tom")


async def test_slow_keys_end_in_a_page_that_tries_again() -> None:
    async with site(timeout=0.3) as here:
        here.faults.slow_jwks = 1.0
        browser = here.browser()
        _, url = await here.begin()
        page = await browser.sign_in(await browser.press(await browser.get(url)), "ana")
        assert (page.status, page.heading) == (503, "Sign-in does not answer right now")
        assert await here.links() == []
        here.faults.slow_jwks = 0.0
        again = await browser.get(url)
        done = await browser.sign_in(await browser.press(again), "ana")
        assert done.heading == "Your account is connected"


@pytest.mark.parametrize(
    ("fault", "says"),
    [("wrong_issuer", "discovery document says"), ("no_s256", "PKCE"), ("down", "HTTP 503"), ("", "")],
)
async def test_check_tells_a_misconfigured_provider_from_a_down_one(here: Site, fault: str, says: str) -> None:
    here.faults.discovery = fault  # type: ignore[assignment]
    [problem] = (await here.auth.check()).values()
    assert says in problem
    assert bool(problem) is bool(fault)
    assert ("does not answer" in problem) is (fault == "down")


async def test_a_provider_that_is_down_changes_nothing(here: Site) -> None:
    here.faults.discovery = "down"
    _, url = await here.begin()
    page = await here.browser().get(url)
    assert (page.status, page.heading) == (503, "Sign-in does not answer right now")
    here.faults.discovery = ""
    await here.link()
