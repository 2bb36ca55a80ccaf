"""A channel's own sign-in as proof, and social logins: what they open, and what they never do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from auth.errors import SignInRefused
from bot.model import Assurance, Standing
from tests.attacks.site import SHOWN, Browser, Page, Site, site
from tests.attacks.social import PAGE, TEAM
from tests.attacks.test_codes import ANA, code_on

pytestmark = pytest.mark.promise("assured")

BIND = "Hello, Ana. Which Larkspur account is yours?"
LINKED = "Your account is connected"


@pytest.fixture
async def here() -> AsyncIterator[Site]:
    async with site(social={"facebook": {}, "telegram": {}, "slack": {}}) as made:
        yield made


async def standing(here: Site, user: str, channel: str) -> Standing:
    return await here.auth.identity.standing(here.address(user, channel), here.clock.now())


async def choose(browser: Browser, page: Page, provider: str) -> Page:
    """Press "Continue with …"."""
    return await browser.post(page.action, {"token": page.token, "provider": provider})


async def bind(browser: Browser, page: Page, answer: str) -> Page:
    """Go on to the brand's own sign-in, remembering the social login or not."""
    assert page.heading == BIND, (page.status, page.url, page.text)
    return await browser.post(page.action, {"token": page.token, "bind": answer})


async def with_facebook(here: Site, browser: Browser, user: str = "dl_ana", channel: str = "webchat") -> Page:
    """Ask in a chat and continue with Facebook, where Ana is signed in."""
    browser.cookies["fb"] = "1001"
    _, url = await here.begin(user, channel)
    return await choose(browser, await browser.get(url), "facebook")


async def bound(here: Site) -> Browser:
    """Ana's web chat, linked through the brand's sign-in, Facebook remembered."""
    browser = here.browser()
    login = await bind(browser, await with_facebook(here, browser), "yes")
    assert (await browser.sign_in(login, "ana")).heading == LINKED
    return browser


# Channel proof


@pytest.mark.parametrize(("channel", "user", "account"), [("telegram", "4711", "4711"), ("slack", "U01ANA", "U01ANA")])
async def test_01_the_channels_own_sign_in_proves_the_account_and_needs_no_code(
    here: Site, channel: str, user: str, account: str
) -> None:
    browser = here.browser(None)
    _, url = await here.begin(user, channel)
    proof = await choose(browser, await browser.get(url), "larkspur")
    assert f"/{channel}/authorize" in proof.url
    brand = await browser.sign_in(proof, account)
    assert "/idp/authorize" in brand.url
    assert (await browser.sign_in(brand, "ana")).heading == LINKED
    assert (await standing(here, user, channel)).level is Assurance.KNOWN


@pytest.mark.parametrize(
    ("channel", "user", "account", "why"),
    [("telegram", "4711", "4712", "wrong_account"), ("slack", "U01ANA", "U02TOM", "wrong_account"),
     ("slack", "U01ANA", "T9999:U01ANA", "team")],
)  # fmt: skip
async def test_01_the_attackers_link_in_a_browser_of_another_account(
    here: Site, channel: str, user: str, account: str, why: str
) -> None:
    browser = here.browser(None)
    _, url = await here.begin(user, channel)
    page = await browser.sign_in(await choose(browser, await browser.get(url), "larkspur"), account)
    assert page.heading in (f"That is another {channel.capitalize()} account", "Your sign-in could not be checked")
    assert await here.links() == []
    assert ("link.aborted", why) in await here.audited()
    # The brand's own sign-in was never reached.
    assert not [hop for hop in page.hops if "/idp/" in hop]


async def test_01_a_proof_of_one_sign_in_is_none_of_another(here: Site) -> None:
    browser = here.browser(None)
    _, url = await here.begin(ANA, "telegram")
    brand = await browser.sign_in(await choose(browser, await browser.get(url), "larkspur"), ANA)
    assert "/idp/authorize" in brand.url
    _, second = await here.begin("4712", "telegram")
    assert (await browser.sign_in(brand, "ana")).heading == LINKED
    page = await browser.sign_in(await choose(browser, await browser.get(second), "larkspur"), ANA)
    assert page.heading == "That is another Telegram account"
    assert [row["user_id"] for row in await here.links()] == [ANA]


async def test_where_the_channels_sign_in_is_down_a_code_is_asked_for(here: Site) -> None:
    async with site(social={"telegram": {"issuer": f"{here.origin}/nowhere"}}) as other:
        browser = other.browser(None)
        _, url = await other.begin(ANA, "telegram")
        page = await browser.get(url)
        # The one that cannot be reached is not offered.
        assert "Continue with Telegram" not in page.text
        login = await browser.press(page)
        await other.writes(code_on(await browser.sign_in(login, "ana")))
        assert (await standing(other, ANA, "telegram")).level is Assurance.KNOWN


@pytest.mark.parametrize(("account", "proven"), [("7001", True), ("7002", False)])
async def test_facebook_matches_the_account_that_writes_to_the_page(here: Site, account: str, proven: bool) -> None:
    await bound(here)
    browser = here.browser(None)
    page = await with_facebook(here, browser, account, "messenger")
    assert page.heading == (LINKED if proven else "That is another Messenger account")
    assert len([row for row in await here.links() if row["channel"] == "messenger"]) == proven


async def test_facebook_that_does_not_know_the_page_account_proves_nothing(here: Site) -> None:
    await bound(here)
    here.facebook.page_accounts.clear()
    browser = here.browser(None)
    page = await with_facebook(here, browser, "7001", "messenger")
    await here.writes(code_on(page), "7001", "messenger")
    assert (await standing(here, "7001", "messenger")).level is Assurance.KNOWN


class LinkingHint:
    """Messenger's account linking: a token names who writes, or nothing."""

    async def user_of(self, token: str) -> str | None:
        return {"token-of-7001": "7001", "token-of-7002": "7002"}.get(token)


@pytest.mark.parametrize(
    ("token", "heading"),
    [
        ("token-of-7001", "One more step: type this code in your chat"),
        ("token-of-7002", "That is another Messenger account"),
        ("forged", "One more step: type this code in your chat"),
    ],
)
async def test_27_account_linking_contradicts_but_proves_nothing(token: str, heading: str) -> None:
    async with site(hints={"messenger": LinkingHint()}) as here:
        browser = here.browser(None)
        _, url = await here.begin("7001", "messenger")
        page = await browser.get(f"{url}?account_linking_token={token}&redirect_uri=https://facebook.com.evil/x")
        assert f'name="hint" value="{token}"' in page.text
        done = await browser.post(page.action, {"token": page.token, "act": "yes", "hint": token})
        if done.heading == "Who are you today?":
            done = await browser.sign_in(done, "ana")
        assert done.heading == heading
        assert "evil" not in "".join([*page.hops, *done.hops]) + done.text
        assert await here.links() == []


# Social logins


@pytest.mark.promise("private")
async def test_facebook_first_with_nobody_bound_leads_to_the_brands_sign_in(here: Site) -> None:
    browser = here.browser()
    page = await with_facebook(here, browser)
    assert page.heading == BIND
    assert "ending" not in page.text and "C-1001" not in page.text
    assert await here.links() == []
    assert await here.store.query("SELECT * FROM person") == []
    assert (await standing(here, "dl_ana", "webchat")).level is Assurance.ANYONE
    assert await here.signals() == []
    login = await bind(browser, page, "yes")
    assert "prompt=login" in login.hops[0]
    assert (await browser.sign_in(login, "ana")).heading == LINKED
    [link] = await here.links()
    assert (link["issuer"], link["sub"], link["customer_ref"]) == (f"{here.origin}/idp", "ana", "C-1001")


async def test_a_bound_facebook_restores_reading_in_one_tap_in_any_channel(here: Site) -> None:
    browser = await bound(here)
    here.clock.forward(13 * 3600)
    assert (await standing(here, "dl_ana", "webchat")).level is Assurance.LINKED
    before = await here.links()
    page = await with_facebook(here, browser)
    assert page.heading == LINKED
    found = await standing(here, "dl_ana", "webchat")
    assert (found.level, found.link) == (Assurance.KNOWN, before[0]["id"])
    # And in another channel, with that channel's own proof: a code.
    page = await with_facebook(here, here.browser(None), "7001", "messenger")
    assert page.heading == LINKED
    assert (await standing(here, "7001", "messenger")).person == found.person


async def test_a_social_login_that_was_not_to_be_remembered_is_not(here: Site) -> None:
    browser = here.browser()
    login = await bind(browser, await with_facebook(here, browser), "no")
    assert (await browser.sign_in(login, "ana")).heading == LINKED
    assert await here.store.query("SELECT * FROM bound_identity") == []
    here.clock.forward(13 * 3600)
    assert (await with_facebook(here, browser)).heading == BIND


async def test_a_social_login_never_approves(here: Site) -> None:
    browser = await bound(here)
    here.clock.forward(13 * 3600)
    assert (await with_facebook(here, browser)).heading == LINKED
    _, url = await here.begin_step_up()
    page = await browser.get(url)
    assert SHOWN in page.text
    assert ">Sign in and approve<" in page.text
    login = await browser.press(page)
    assert "/idp/authorize" in login.url
    assert (await browser.sign_in(login, "ana")).heading == "Approved"


async def test_23_a_chat_linked_by_a_social_login_is_approved_by_its_own_customer_alone(here: Site) -> None:
    await bound(here)
    browser = here.browser("dl_second")
    assert (await with_facebook(here, browser, "dl_second")).heading == LINKED
    [link] = [row for row in await here.links() if row["user_id"] == "dl_second"]
    assert link["issuer"] == f"{here.origin}/facebook"
    for sub, heading in (("tom", "That is another account"), ("ana", "Approved")):
        _, url = await here.begin_step_up("dl_second")
        assert (await browser.sign_in(await browser.press(await browser.get(url)), sub)).heading == heading


async def test_a_social_login_approves_only_where_the_configuration_says_so() -> None:
    async with site(social={"facebook": {"step_up": True}}) as here:
        await bound(here)
        browser = here.browser("dl_second")
        assert (await with_facebook(here, browser, "dl_second")).heading == LINKED
        _, url = await here.begin_step_up("dl_second")
        assert (await browser.press(await browser.get(url))).heading == "Approved"
        # Another person's Facebook is another person.
        here.clock.forward(301)
        browser.cookies["fb"] = "1002"
        _, url = await here.begin_step_up("dl_second")
        assert (await browser.press(await browser.get(url))).heading == "That is another account"


async def test_unlinking_forgets_the_social_login(here: Site) -> None:
    browser = await bound(here)
    await here.store.change(here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer"))
    page = await with_facebook(here, browser)
    assert page.heading == BIND
    assert await here.links() == []


async def test_somebody_elses_facebook_opens_nothing_of_anas(here: Site) -> None:
    browser = await bound(here)
    browser.cookies["fb"] = "1002"
    _, url = await here.begin()
    page = await choose(browser, await browser.get(url), "facebook")
    assert page.heading == "Hello, Tom. Which Larkspur account is yours?"
    assert "ending" not in page.text


async def test_the_pause_between_two_sign_ins_shows_in_its_own_browser_alone(here: Site) -> None:
    browser = here.browser()
    await with_facebook(here, browser)
    [row] = await here.store.query("SELECT handle_hash, id FROM link_txn")
    handle = here.auth.login._keys.handle(row["id"])  # type: ignore[attr-defined]
    page = await here.browser().get(f"{here.origin}/link/{handle}")
    assert page.heading == "This link belongs to another browser"
    assert "Ana" not in page.text


async def test_facebooks_refusal_is_a_decline(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    page = await choose(browser, await browser.get(url), "facebook")
    assert page.heading == "Nothing was changed"
    assert (await here.signals())[-1]["outcome"]["status"] == "declined"


async def test_17_facebooks_code_of_another_sign_in(here: Site) -> None:
    facebook = here.auth.providers["facebook"]
    made = []
    for n in range(2):
        address, secrets = await facebook.begin(redirect_uri=here.facebook.redirect, state=f"s{n}", max_age=300)
        browser = here.browser()
        browser.cookies["fb"] = "1001"
        sent = await browser._go("GET", address, None, {}, False)
        made.append((sent.headers["Location"].split("code=")[1].split("&")[0], secrets))
    with pytest.raises(SignInRefused):
        await facebook.finish(code=made[0][0], secrets=made[1][1], max_age=300)
    # A code is good once.
    await facebook.finish(code=made[1][0], secrets=made[1][1], max_age=300)
    with pytest.raises(SignInRefused):
        await facebook.finish(code=made[1][0], secrets=made[1][1], max_age=300)


@pytest.mark.promise("secret")
async def test_37_facebooks_secret_and_token_stand_in_no_address(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await bound(here)
    from tests.attacks.social import APP_SECRET

    tokens = list(here.facebook.tokens)
    assert tokens
    held = caplog.text
    for table in ("link_txn", "identity_link", "bound_identity", "token_blob", "audit", "inbound"):
        held += str(await here.store.query(f"SELECT * FROM {table}"))
    for secret in (*tokens, APP_SECRET):
        assert secret not in held


@pytest.mark.parametrize(
    ("name", "more", "says"),
    [
        ("facebook", {"client_secret": "wrong"}, "client_id or client_secret"),
        ("facebook", {"api": "http://127.0.0.1:9/v25.0"}, "does not answer"),
        ("slack", {"issuer": "http://127.0.0.1:9/slack"}, "does not answer"),
        ("telegram", {"allowed_algs": ("RS256",)}, "allowed_algs"),
    ],
)
async def test_check_tells_a_misconfigured_provider_from_a_down_one(
    name: str, more: Mapping[str, Any], says: str
) -> None:
    async with site(social={name: more}) as here:
        found = await here.auth.check()
        assert says in found[name]
        assert found["larkspur"] == ""
        assert "secret" not in found[name].replace("client_secret", "")


def test_the_fakes_are_of_one_workspace_and_page() -> None:
    assert (TEAM[0], PAGE.isdigit()) == ("T", True)
