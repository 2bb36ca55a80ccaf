"""Attacks on the link itself: sent on, opened elsewhere, reused, replayed, framed. Numbers as in docs/identity.md."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from bot.errors import Conflict
from bot.model import Address, Assurance
from tests.attacks.site import SHOWN, Browser, Page, Site

pytestmark = pytest.mark.promise("assured")


def with_query(url: str, **changed: str | None) -> str:
    """The address with parameters replaced, or left out where None."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), **changed}
    return urlunsplit(parts._replace(query=urlencode({k: v for k, v in query.items() if v is not None})))


async def to_return(here: Site, browser: Browser, url: str, sub: str = "ana") -> str:
    """Go as far as the return address, without opening it."""
    login = await browser.press(await browser.get(url))
    sent = await browser.sign_in(login, sub, follow=False)
    assert sent.status == 302, sent.text
    return sent.headers["Location"]


async def nothing_linked(here: Site) -> None:
    assert await here.links() == []
    assert (await here.standing()).level is Assurance.ANYONE
    assert not {one.get("outcome", {}).get("status") for one in await here.signals()} & {"linked", "approved"}


async def test_01_link_finished_in_another_browser(here: Site) -> None:
    _, url = await here.begin("dl_attacker")
    victim = here.browser("dl_victim")
    page = await victim.get(url)
    assert (page.status, page.heading) == (403, "This link belongs to another browser")
    # Even with a form token obtained in the attacker's own browser.
    attacker = here.browser("dl_attacker")
    token = (await attacker.get(url)).token
    page = await victim.post(url, {"token": token, "act": "yes"})
    assert page.heading == "This link belongs to another browser"
    await nothing_linked(here)
    assert ("link.aborted", "wrong_browser") in await here.audited()
    assert (await here.signals())[-1]["outcome"]["status"] == "wrong_browser"


async def test_01_another_chats_session_at_the_return(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    browser.cookies["chat"] = "dl_other"
    page = await browser.get(back)
    assert page.heading == "This link belongs to another browser"
    await nothing_linked(here)


async def test_02_nothing_is_linked_after_ten_minutes(here: Site) -> None:
    browser = here.browser()
    begun, url = await here.begin()
    page = await browser.get(url)
    here.clock.forward(600)
    late = await browser.press(page)
    assert (late.status, late.heading) == (410, "This link has expired")
    await nothing_linked(here)
    conversation = await here.store.conversation_of(here.address())
    assert await here.auth.minter.url(begun.transaction, conversation) is None


async def test_02_the_return_after_ten_minutes(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    here.clock.forward(600)
    page = await browser.get(back)
    assert page.heading == "This link has expired"
    await nothing_linked(here)


async def test_02_a_link_that_ran_out_tells_its_dialog_once(here: Site) -> None:
    await here.begin()
    here.clock.forward(600)
    assert await here.auth.sweep() == 1
    assert await here.auth.sweep() == 0
    [signal] = await here.signals()
    assert signal["outcome"]["status"] == "expired"
    assert ("link.expired", "late") in await here.audited()


async def test_03_masked_account_is_shown_and_unlink_undoes_it(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    done = await browser.sign_in(await browser.press(await browser.get(url)), "tom")
    assert "ending 02" in done.text
    assert "C-1002" not in done.text
    changes = here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer")
    await here.store.change(changes)
    assert (await here.standing()).level is Assurance.ANYONE
    assert await here.links() == []
    assert "link.revoked" in [what for what, _ in await here.audited()]


async def test_04_second_browser_after_start(here: Site) -> None:
    _, url = await here.begin()
    first, second = here.browser(), here.browser()
    form = await second.get(url)
    login = await first.press(await first.get(url))
    assert (await second.get(url)).heading == "This link belongs to another browser"
    assert (await second.press(form)).heading == "This link belongs to another browser"
    assert (await second.press(form, "no")).heading == "This link belongs to another browser"
    assert ("link.refused", "second_browser") in await here.audited()
    # The first goes on undisturbed.
    assert (await first.sign_in(login, "ana")).heading == "Your account is connected"


async def test_04_the_row_itself_refuses_a_second_browser(here: Site) -> None:
    begun, _ = await here.begin()
    ledger = here.auth.ledger
    txn = await ledger.by_id(begun.transaction)
    assert txn is not None
    start = partial(ledger.start, txn, provider="larkspur", issuer=f"{here.origin}/idp", secrets=b"")
    await start(cookie="one", state="s1")
    await start(cookie="one", state="s2")
    with pytest.raises(Conflict):
        await start(cookie="two", state="s3")


async def test_05_preview_robots_use_nothing_up(here: Site) -> None:
    _, url = await here.begin()
    before = await here.store.query("SELECT * FROM link_txn")
    for n in range(20):
        robot = here.browser(None)
        page = await robot.get(url, agent=f"facebookexternalhit/1.1 ({n})")
        assert "Connect" not in page.heading
    assert await here.store.query("SELECT * FROM link_txn") == before
    assert len(await here.audited()) == 1
    browser = here.browser()
    done = await browser.sign_in(await browser.press(await browser.get(url)), "ana")
    assert done.heading == "Your account is connected"


@pytest.mark.parametrize("end", ["done", "declined", "expired"])
async def test_06_handle_reuse(here: Site, end: str) -> None:
    browser = here.browser()
    _, url = await here.begin()
    form = await browser.get(url)
    if end == "done":
        await browser.sign_in(await browser.press(form), "ana")
    elif end == "declined":
        assert (await browser.press(form, "no")).heading == "Nothing was changed"
    else:
        here.clock.forward(600)
        await here.auth.sweep()
    before = await here.signals(), await here.links()
    again = await browser.press(form)
    assert again.heading != "Who are you today?"
    elsewhere = await here.browser("dl_ana").get(url)
    assert (elsewhere.status, elsewhere.heading) == (410, "This link no longer works")
    assert "ending" not in elsewhere.text
    assert (await here.signals(), await here.links()) == before
    assert ("link.refused", "ended") in await here.audited()


async def test_07_a_link_is_minted_for_its_own_chat_alone(here: Site) -> None:
    begun, _ = await here.begin("dl_ana")
    other = await here.store.conversation_of(here.address("dl_tom"))
    assert await here.auth.minter.url(begun.transaction, other) is None


async def test_11_return_without_the_pin(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    page = await here.browser().get(back)
    assert (page.status, page.heading) == (400, "This link belongs to another browser")
    await nothing_linked(here)
    assert ("link.refused", "cookie") in await here.audited()
    # The state is used up all the same.
    assert (await browser.get(back)).status == 400
    await nothing_linked(here)


async def test_12_pin_of_another_sign_in(here: Site) -> None:
    ana, tom = here.browser("dl_ana"), here.browser("dl_tom")
    _, url = await here.begin("dl_ana")
    _, other = await here.begin("dl_tom")
    back = await to_return(here, ana, url)
    await to_return(here, tom, other, "tom")
    page = await tom.get(back)
    assert page.heading == "This link belongs to another browser"
    await nothing_linked(here)


async def test_13_state_replay(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    assert (await browser.get(back)).heading == "Your account is connected"
    before = await here.signals(), await here.links()
    await browser.get(back)
    assert (await here.signals(), await here.links()) == before
    assert ("link.refused", "state") in await here.audited()
    stranger = await here.browser("dl_tom").get(back)
    assert (stranger.status, "ending" in stranger.text) == (400, False)


@pytest.mark.parametrize("state", [None, "", "guess", "0" * 32 + "." + "A" * 43])
async def test_14_state_missing_empty_or_guessed(here: Site, state: str | None) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    page = await browser.get(with_query(back, state=state))
    assert (page.status, page.heading) == (400, "Please open this again")
    await nothing_linked(here)
    assert ("link.refused", "state") in await here.audited()


async def test_14_state_of_the_right_sign_in_with_another_secret(here: Site) -> None:
    browser = here.browser()
    begun, url = await here.begin()
    back = await to_return(here, browser, url)
    page = await browser.get(with_query(back, state=f"{begun.transaction}.{'A' * 43}"))
    assert page.status == 400
    await nothing_linked(here)


async def test_14_state_twice(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert (await browser.get(f"{back}&state={state}")).status == 400
    await nothing_linked(here)


async def test_15_forged_error(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    callback = f"{here.origin}/link/callback/larkspur"
    forged = await browser.get(f"{callback}?error=server_error&error_description=%3Cscript%3ETraceback")
    assert (forged.status, "Traceback" in forged.text) == (400, False)
    # With the right state the sign-in is closed, and nothing of the error's text is shown.
    closed = await browser.get(with_query(back, code=None, error="server_error", error_description="<script>Traceback"))
    assert closed.heading == "Your sign-in could not be checked"
    assert "Traceback" not in closed.text
    await nothing_linked(here)
    assert ("link.aborted", "provider_error") in await here.audited()


async def test_15_refused_at_the_sign_in_is_a_decline(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    login = await browser.press(await browser.get(url))
    page = await browser.sign_in(login, "")
    assert page.heading == "Nothing was changed"
    [signal] = await here.signals()
    assert signal["outcome"]["status"] == "declined"


@pytest.mark.parametrize("fault", ["missing", "wrong"])
async def test_16_issuer_of_the_response(here: Site, fault: str) -> None:
    here.faults.iss = fault  # type: ignore[assignment]
    browser = here.browser()
    _, url = await here.begin()
    page = await browser.get(await to_return(here, browser, url))
    assert page.heading == "Your sign-in could not be checked"
    await nothing_linked(here)
    assert ("link.aborted", "iss") in await here.audited()


async def test_17_code_of_another_sign_in(here: Site) -> None:
    attacker, victim = here.browser("dl_attacker"), here.browser("dl_ana")
    _, other = await here.begin("dl_attacker")
    stolen = parse_qs(urlsplit(await to_return(here, attacker, other, "tom")).query)["code"][0]
    _, url = await here.begin("dl_ana")
    back = await to_return(here, victim, url)
    page = await victim.get(with_query(back, code=stolen))
    assert page.heading == "Your sign-in could not be checked"
    await nothing_linked(here)
    assert ("link.aborted", "token") in await here.audited()


async def test_26_redirect_address_on_another_host(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    login = await browser.press(await browser.get(url))
    right = f"{here.origin}/link/callback/larkspur"
    elsewhere = "https://evil.example/link/callback/larkspur"
    for wrong in (elsewhere, right + ".evil.example", right + "/", right + "?next=//e"):
        page = await browser.get(with_query(login.url, redirect_uri=wrong))
        assert (page.status, page.headers.get("Location")) == (400, None)


async def test_26_nothing_redirects_where_a_parameter_says(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    form = await browser.get(f"{url}?next=https://evil.example&return_to=//evil.example")
    page = await browser.press(form)
    done = await browser.sign_in(page, "ana")
    assert "evil.example" not in "".join(page.hops + done.hops) + done.text


@pytest.mark.promise("private")
async def test_30_no_standing_and_no_sign_in_outside_a_private_chat(here: Site) -> None:
    await here.link()
    group = Address("larkspur", "webchat", "webchat", "dl_ana", kind="group")
    assert (await here.auth.identity.standing(group, here.clock.now())).level is Assurance.ANYONE
    with pytest.raises(Conflict):
        here.auth.login.begin(conversation="c", address=group, purpose="link", op="o", now=here.clock.now())


async def test_30_signing_in_alone_links_no_chat_that_proves_nothing_in_a_browser(here: Site) -> None:
    _, url = await here.begin("4711", channel="telegram")
    browser = here.browser(None)
    page = await browser.sign_in(await browser.press(await browser.get(url)), "ana")
    assert page.heading == "One more step: type this code in your chat"
    await nothing_linked(here)
    assert await here.signals() == []


async def test_42_pages_cannot_be_framed_or_stored(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    for page in (await browser.get(url), await browser.get(f"{here.origin}/link/{'A' * 43}")):
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy and "script-src" not in policy
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("", {}),
        ("A" * 43, {}),
        ("right", {"Sec-Fetch-Site": "cross-site"}),
        ("right", {"Sec-Fetch-Site": "same-site"}),
        ("right", {"Origin": "https://evil.example"}),
        ("right", {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}),
        ("other", {}),
    ],
)
async def test_42_forged_form(here: Site, token: str, headers: dict[str, str]) -> None:
    browser = here.browser()
    _, url = await here.begin()
    form = await browser.get(url)
    if token == "other":
        _, second = await here.begin("dl_ana", purpose="link")
        form, url = await browser.get(second), second
        token = (await here.browser().get(second)).token
    sent = form.token if token == "right" else token
    page = await browser.post(url, {"token": sent, "act": "yes"}, headers=headers)
    assert (page.status, page.heading) == (403, "Please open this again")
    assert (await here.store.query("SELECT state FROM link_txn ORDER BY created_at DESC"))[0]["state"] != "started"
    assert ("link.refused", "form") in await here.audited()


async def test_42_a_browser_that_says_nothing_of_its_origin_is_held_to_the_form_token(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    form = await browser.get(url)
    page = await browser._go("POST", form.action, {"token": "A" * 43, "act": "yes"}, {}, True)
    assert page.heading == "Please open this again"
    page = await browser._go("POST", form.action, {"token": form.token, "act": "yes"}, {}, True)
    assert page.heading == "Who are you today?"


async def test_45_a_new_login_is_always_asked_for(here: Site) -> None:
    browser = await here.link("dl_ana", "ana")
    # Ana is still signed in at the provider; somebody else at the same computer links their own chat.
    browser.cookies["chat"] = "dl_tom"
    _, url = await here.begin("dl_tom")
    login: Page = await browser.press(await browser.get(url))
    assert login.heading == "Who are you today?"
    query = parse_qs(urlsplit(login.hops[0]).query)
    assert query["prompt"] == ["login"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["max_age"] == ["300"]


async def test_only_one_live_link_per_chat(here: Site) -> None:
    browser = here.browser()
    _, first = await here.begin()
    _, second = await here.begin()
    assert (await browser.get(first)).heading == "This link no longer works"
    assert (await browser.get(second)).status == 200


@pytest.mark.promise("private")
async def test_another_browser_does_not_see_what_is_to_be_approved(here: Site) -> None:
    await here.link()
    _, url = await here.begin_step_up()
    for user in ("dl_other", None):
        page = await here.browser(user).get(url)
        assert SHOWN not in page.text
        assert page.status == 403


async def test_two_returns_at_once_link_once(here: Site) -> None:
    browser = here.browser()
    _, url = await here.begin()
    back = await to_return(here, browser, url)
    await asyncio.gather(*(browser.get(back) for _ in range(4)))
    assert len(await here.links()) == 1
    assert [one["outcome"]["status"] for one in await here.signals()] == ["linked"]


async def test_a_voided_link_cannot_be_finished(here: Site) -> None:
    browser = here.browser()
    begun, url = await here.begin()
    back = await to_return(here, browser, url)
    conversation = await here.store.conversation_of(here.address())
    await here.store.change(
        here.auth.login.void(conversation=conversation, transaction=begun.transaction, now=here.clock.now())
    )
    page = await browser.get(back)
    assert page.heading != "Your account is connected"
    await nothing_linked(here)
    assert await here.signals() == []
