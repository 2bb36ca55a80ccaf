"""What the chat itself says and does when its pages are attacked, ended, or overrun; with the real engine."""

from __future__ import annotations

import pytest

from auth.errors import TokenRevoked
from bot.model import Address, Assurance, Inbound
from tests.attacks.chat import SHOWN, SIGN_IN, SiteChat
from tests.attacks.site import Site, site
from tests.attacks.test_codes import code_on

pytestmark = pytest.mark.promise("assured")

PHONE = Address("larkspur", "telegram", "telegram", "4711")
GREETED = "Thanks, you're signed in: account ending 01. Not you? Reply “unlink”."


@pytest.fixture
async def chat(here: Site) -> SiteChat:
    return SiteChat(here)


async def linked(chat: SiteChat) -> None:
    """Link the web chat by asking for something."""
    assert await chat.says("open bill") == [SIGN_IN]
    browser = chat.site.browser()
    page = await browser.sign_in(await browser.press(await browser.get(await chat.link())), "ana")
    assert page.heading == "Your account is connected"
    assert await chat.run() == [GREETED, SHOWN]


async def test_the_story_in_a_chat_that_proves_nothing_in_a_browser(here: Site) -> None:
    chat = SiteChat(here, PHONE)
    assert await chat.says("open bill") == [SIGN_IN]
    browser = here.browser(None)
    code = code_on(await browser.sign_in(await browser.press(await browser.get(await chat.link())), "ana"))
    assert await chat.says("open bill") != [SHOWN]
    browser = here.browser(None)
    code = code_on(await browser.sign_in(await browser.press(await browser.get(await chat.link())), "ana"))
    read = list(chat.rules.parsed)
    assert await chat.says(f"here: {code}") == [GREETED, SHOWN]
    # The recogniser has not seen it.
    assert chat.rules.parsed == read
    assert code not in str(await chat.state())


@pytest.mark.promise("assured")
async def test_the_story_to_an_approved_effect(chat: SiteChat) -> None:
    await linked(chat)
    assert await chat.says("open closing") == ["Please approve this on our secure page."]
    browser = chat.site.browser()
    browser.cookies["link"] = "A" * 43
    page = await browser.get(await chat.link())
    assert "Close M1" in page.text
    login = await browser.press(page)
    assert chat.bank.done == {}
    assert (await browser.sign_in(login, "ana")).heading == "Approved"
    [said] = await chat.run()
    assert said.startswith("Paid: close-M1")
    assert sum(chat.bank.executed.values()) == 1


async def test_08_wrong_codes_are_told_in_the_chat(here: Site) -> None:
    chat = SiteChat(here, PHONE)
    await chat.says("open bill")
    browser = here.browser(None)
    await browser.sign_in(await browser.press(await browser.get(await chat.link())), "ana")
    wrong = "That code doesn't work here. Please check it on the page where you signed in, or ask me for a new link."
    for _ in range(4):
        assert await chat.says("3333-3333") == [wrong]
    assert await chat.says("3333-3333") == ["The sign-in didn't work, so I haven't connected anything."]
    # A new one is a button away.
    assert await chat.press("Try again") == [SIGN_IN]


# Every end that is not success sends a fresh link into the chat that began it


@pytest.mark.parametrize("how", ["wrong_browser", "declined", "expired", "no_customer"])
async def test_an_end_that_is_not_success_sends_a_fresh_link_to_the_chat(chat: SiteChat, how: str) -> None:
    assert await chat.says("open bill") == [SIGN_IN]
    old = await chat.link()
    browser = chat.site.browser(None if how == "wrong_browser" else "dl_ana")
    page = await browser.get(old)
    if how == "declined":
        page = await browser.press(page, "no")
    elif how == "expired":
        chat.site.clock.forward(600)
        page = await browser.press(page)
    elif how == "no_customer":
        page = await browser.sign_in(await browser.press(page), "visitor")
    await chat.run()
    assert page.text.count("<button") == 1
    assert ">Send a new link to the chat<" in page.text
    sent = await browser.post(page.action, {"token": page.token})
    assert sent.heading == "Look in your chat"
    assert "/link/" not in sent.text
    assert await chat.run() == [SIGN_IN]
    fresh = await chat.link()
    assert fresh != old
    # Once for each old link, however often it is pressed.
    await browser.post(page.action, {"token": page.token})
    assert await chat.run() == []
    own = chat.site.browser()
    done = await own.sign_in(await own.press(await own.get(fresh)), "ana")
    assert done.heading == "Your account is connected"
    assert await chat.run() == [GREETED, SHOWN]


@pytest.mark.parametrize("how", ["declined", "other_person", "expired", "link_changed", "waiting"])
async def test_an_approval_that_was_not_given_can_be_asked_for_again_from_its_page(chat: SiteChat, how: str) -> None:
    await linked(chat)
    chat.site.clock.forward(301)
    await chat.says("open closing")
    browser = chat.site.browser()
    page = await browser.get(await chat.link())
    if how == "declined":
        page = await browser.press(page, "no")
    elif how == "other_person":
        page = await browser.sign_in(await browser.press(page), "tom")
    elif how == "expired":
        chat.site.clock.forward(600)
        page = await browser.press(page)
    elif how == "link_changed":
        await chat.site.run("UPDATE identity_link SET version = version + 1")
        page = await browser.press(page)
    else:
        browser = chat.site.browser(None)
        page = await browser.get(await chat.link())
    await chat.run()
    assert (await browser.post(page.action, {"token": page.token})).heading == "Look in your chat"
    assert await chat.run() == ["Please approve this on our secure page."]
    own = chat.site.browser()
    done = await own.sign_in(await own.press(await own.get(await chat.link())), "ana")
    assert done.heading == "Approved"
    [said] = await chat.run()
    assert said.startswith("Paid: ")


async def test_a_fresh_link_asked_for_when_nothing_waits_any_more(chat: SiteChat) -> None:
    await chat.says("open bill")
    browser = chat.site.browser()
    page = await browser.press(await browser.get(await chat.link()), "no")
    await chat.run()
    await chat.says("open nothing of the kind")
    await browser.post(page.action, {"token": page.token})
    [said] = await chat.run()
    assert said.startswith("That link is over")


async def test_42_a_fresh_link_is_not_sent_for_a_forged_form(chat: SiteChat) -> None:
    await chat.says("open bill")
    browser = chat.site.browser(None)
    page = await browser.get(await chat.link())
    for token, headers in (("A" * 43, {}), (page.token, {"Sec-Fetch-Site": "cross-site"})):
        forged = await browser.post(page.action, {"token": token}, headers=headers)
        assert forged.heading == "Please open this again"
    assert await chat.run() == []


async def test_03_undone_from_the_page_that_made_it(chat: SiteChat) -> None:
    await chat.says("open bill")
    browser = chat.site.browser()
    page = await browser.sign_in(await browser.press(await browser.get(await chat.link())), "ana")
    await chat.run()
    # Not from another browser, and not by a forged form.
    action = page.action
    stranger = chat.site.browser("dl_tom")
    assert (await stranger.post(action, {"token": page.token})).heading == "Please open this again"
    assert len(await chat.site.links()) == 1
    undone = await browser.post(action, {"token": page.token})
    assert undone.heading == "The connection is undone"
    assert await chat.site.links() == []
    assert await chat.run() == ["I've disconnected that account from this chat, as you asked on our page."]
    assert (await chat.site.standing()).level is Assurance.ANYONE


# What providers tell


async def test_40_refresh_reuse_is_told_in_the_chat(chat: SiteChat) -> None:
    await linked(chat)
    site_, [old] = chat.site, await chat.site.store.query("SELECT link, ciphertext FROM token_blob")
    await site_.auth.tokens.refresh(old["link"])
    stolen = site_.auth.vault.open("refresh", old["link"], old["ciphertext"])["token"]
    with pytest.raises(TokenRevoked):
        await site_.auth.providers["larkspur"].refresh(stolen)
    # Nobody asks for anything: the daily look at the token finds out.
    site_.clock.forward(86_400)
    await site_.auth.sweep()
    [said] = await chat.run()
    assert said.startswith("Your sign-in was ended from elsewhere")
    assert (await chat.said())[-1].purpose == "proactive"
    assert await site_.links() == []
    await site_.auth.sweep()
    assert await chat.run() == []
    assert await chat.says("open bill") == [SIGN_IN]


async def test_40_a_provider_that_is_down_proves_nothing_against_a_link(chat: SiteChat) -> None:
    await linked(chat)
    chat.site.clock.forward(86_400)
    chat.site.faults.discovery = "down"
    await chat.site.auth.sweep()
    assert len(await chat.site.links()) == 1
    assert await chat.run() == []
    chat.site.faults.discovery = ""
    chat.site.clock.forward(600)
    before = await chat.site.store.query("SELECT ciphertext FROM token_blob")
    await chat.site.auth.sweep()
    assert await chat.site.store.query("SELECT ciphertext FROM token_blob") != before


# Floods


@pytest.mark.promise("human")
async def test_43_more_than_a_few_links_a_minute_are_refused_with_a_friendly_line(chat: SiteChat) -> None:
    said = [(await chat.says("open bill"))[-1] for _ in range(8)]
    assert said[0] == SIGN_IN
    assert sum("secure page" in one for one in said) == 5
    assert said[-1].startswith("You've asked for several links in a row.")
    assert len(await chat.site.store.query("SELECT id FROM link_txn")) == 5
    # The last link that was sent still works, and a minute later there is another.
    browser = chat.site.browser()
    assert (await browser.get(await chat.link())).heading.startswith("Connect your")
    chat.site.clock.forward(61)
    assert (await chat.says("open bill"))[-1].endswith("then I'll carry on here.")


async def test_43_a_flood_over_fresh_dialogs_ends_each_politely(chat: SiteChat) -> None:
    for n in range(7):
        said = await chat.says("open bill")
        if n < 5:
            browser = chat.site.browser()
            await browser.press(await browser.get(await chat.link()), "no")
            await chat.run()
    assert said == ["You've asked for several links in a row. Please wait a minute, then ask me again."]
    assert await chat.press("Try again") == said
    chat.site.clock.forward(61)
    assert await chat.press("Try again") == [SIGN_IN]


async def test_43_approvals_are_limited_as_well(chat: SiteChat) -> None:
    await linked(chat)
    for _ in range(4):
        assert await chat.says("open closing") == ["Please approve this on our secure page."]
        browser = chat.site.browser()
        await browser.press(await browser.get(await chat.link()), "no")
        await chat.run()
    said = await chat.says("open closing")
    assert said[0].startswith("You've asked for several links in a row.")
    assert len(await chat.site.store.query("SELECT id FROM link_txn")) == 5


@pytest.mark.slow
async def test_43_ten_thousand_link_requests_leave_the_bot_answering_others() -> None:
    async with site() as here:
        flood, other = SiteChat(here), SiteChat(here, Address("larkspur", "webchat", "webchat", "dl_tom"))
        now = here.clock.now()
        for start in range(0, 10_000, 500):
            wave = range(start, start + 500)
            asked = [Inbound(f"f{n}", "message", now, flood.address, text="open bill") for n in wave]
            await here.store.change([], asked)
        await other.take("open bill")
        # As many lanes as there are conversations with something to say: the flood keeps its own.
        flooded, answered = await here.store.claim(8, lease=30)
        assert (flooded.address, answered.address) == (flood.address, other.address)
        following = await flood.turns.one(flooded)
        await other.turns.one(answered)
        assert [one.text for one in await other.said()] == [SIGN_IN]
        for _ in range(300):
            assert following is not None
            following = await flood.turns.one(following)
        rows = await here.store.query("SELECT id FROM link_txn WHERE user_id = 'dl_ana'")
        assert len(rows) == 5
        browser = here.browser("dl_tom")
        assert (await browser.get(await other.link())).heading.startswith("Connect your")
