"""A customer in one window, two agents in two others, over a real process: handed over, seen by both, taken by one,
answered, helped with what only the customer may approve, and back where the dialog stood."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.site import Site, allowed
from tests.browser.test_desk import RECORD
from tests.browser.test_story import approve, hears, say, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SHOTS = os.environ.get("PARLEY_SHOTS")
NOTE = "sounds worried, go gently zebra"


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


async def window(browser: Browser, width: int = 1280, height: int = 860) -> BrowserContext:
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    context.set_default_timeout(15_000)
    await context.add_init_script(RECORD)
    return context


async def at_desk(browser: Browser, site: Site, name: str) -> Page:
    page = await (await window(browser)).new_page()
    await page.goto(f"{site.url}/desk")
    await page.get_by_role("button", name=name).click()
    await expect(page.get_by_role("navigation", name="Queue")).to_be_visible()
    return page


async def picture(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


async def preview(window: Locator) -> str:
    """The very line that the customer will read."""
    line = window.locator("[data-preview]")
    await expect(line).not_to_be_empty()
    return (await line.inner_text()).strip()


async def all_read(site: Site) -> None:
    """The desk knows that whoever holds it has read what the customer wrote."""
    unread = (
        "SELECT 1 FROM desk_item i JOIN entry e ON e.conversation = i.conversation"
        " WHERE i.state <> 'ended' AND e.side = 'customer' AND e.pos > i.seen_pos"
    )
    async with asyncio.timeout(30):
        while site.rows(unread):  # noqa: ASYNC110  (another process writes it; nobody tells)
            await asyncio.sleep(0.1)


async def _first_told(page: Page) -> float:
    """When the page first told the desktop, in epoch seconds."""
    async with asyncio.timeout(15):
        while not (told := await page.evaluate("window.told")):
            await page.wait_for_timeout(20)
    return float(told[0]["at"]) / 1000


@pytest.mark.promise("silent")
async def test_handed_over_helped_and_back_where_it_stood(browser: Browser, site: Site) -> None:
    priya, tom = await at_desk(browser, site, "Priya Shah"), await at_desk(browser, site, "Tom Reed")
    await expect(priya.locator(".queue")).to_contain_text("All quiet")
    customer = await (await window(browser, 700, 860)).new_page()
    await customer.goto(f"{site.url}/chat")
    await say(customer, "why is my bill higher?")
    tab = await sign_in(customer, "Ana")
    await tab.close()
    await hears(customer, "£14.20 more than September")
    await say(customer, "unlink")
    await hears(customer, "Unlink this chat from your account?")

    # Tom is still wrapping up, so it is Priya's. She is told within a second of its standing in the queue.
    await tom.get_by_label("Your status").select_option("wrapping_up")
    await expect(tom.locator(".status.wrapping_up")).to_be_visible()
    await say(customer, "talk to a person")
    told = await _first_told(priya)
    ((opened,),) = site.rows("SELECT opened_at FROM desk_item")
    assert 0 < told - opened < allowed(1)
    await hears(customer, "I've asked a colleague to join you here")
    shown = str(await priya.evaluate("JSON.stringify(window.told)"))
    assert "Ana" not in shown
    assert "talk to a person" not in shown

    # Both look; one takes it.
    for page in (priya, tom):
        await page.bring_to_front()
        await page.locator(".queue .item", has_text="Asked for a person").click()
        await expect(page.locator(".talk-head")).to_contain_text("Asked for a person")
    await expect(tom.locator(".collision")).to_contain_text("Priya Shah")
    await expect(priya.locator(".collision")).to_contain_text("Tom Reed")
    await expect(priya.locator(".log")).to_contain_text("why is my bill higher?")
    await expect(priya.locator(".summary li")).to_have_count(3)
    await picture(priya, "desk-story-1-waiting")
    await priya.bring_to_front()
    await priya.keyboard.press("c")
    await hears(customer, "Priya from Larkspur Mobile has joined")
    # Only once her page has it, too, is what she types hers to write: it puts her into the box.
    await expect(priya.locator("#text")).to_be_focused()
    await expect(tom.locator(".talk-head")).to_have_count(0)
    await expect(tom.locator(".queue")).to_contain_text("With colleagues")
    assert site.rows("SELECT state, COUNT(*) FROM desk_item GROUP BY state") == [("held", 1)]

    # A note that only colleagues see, a reply, and the customer's answer.
    await priya.keyboard.press("Escape")
    await expect(priya.locator("#text")).not_to_be_focused()
    await priya.keyboard.press("n")
    await expect(priya.locator(".composer.note #text")).to_be_focused()
    await priya.keyboard.type(NOTE)
    await priya.keyboard.press("Enter")
    await expect(priya.locator(".said.private")).to_contain_text(NOTE)
    await priya.get_by_role("button", name="Reply", exact=True).click()
    await expect(priya.locator(".composer:not(.note) #text")).to_be_focused()
    await priya.keyboard.type("Hello Ana, I’m Priya. Which one is it about?")
    await priya.keyboard.press("Enter")
    await priya.get_by_role("dialog").get_by_role("button", name="Send to the customer").click()
    await hears(customer, "Hello Ana, I’m Priya.")
    # Each sees that the other writes.
    await customer.get_by_label("Your message").press_sequentially("the bro")
    await expect(priya.locator(".typing-line")).to_have_text("The customer is typing…")
    await priya.bring_to_front()
    await priya.locator("#text").click()
    await priya.locator("#text").press_sequentially("One moment, please", delay=200)
    await expect(priya.locator("#text")).to_have_value("One moment, please")
    await expect(customer.locator(".dots")).to_be_visible()
    await priya.locator("#text").fill("")
    await say(customer, "the broadband one please")
    await expect(priya.locator(".said.customer").last).to_contain_text("the broadband one please")
    assert "Cancel the Direct Debit for" not in await customer.get_by_role("log").inner_text()

    # A dialog offered with its answers filled in; the change is the customer's own to approve.
    await priya.keyboard.press("Escape")
    await priya.keyboard.press("o")
    offer = priya.get_by_role("dialog", name="Offer a dialog to the customer")
    await offer.get_by_role("combobox", name="Dialog").select_option("cancel_direct_debit")
    await offer.get_by_label("Service").fill("broadband")
    await picture(priya, "desk-story-2-offer")
    await offer.get_by_role("button", name="Offer it").click()
    await customer.get_by_role("button", name="Start").last.click()
    await hears(customer, "Cancel the Direct Debit for Home broadband")
    await customer.get_by_role("button", name="Yes, cancel it").last.click()
    tab = await approve(customer)
    await tab.get_by_role("button", name="Approve").click()
    await expect(tab.get_by_role("link", name="Back to the chat")).to_be_visible()
    await tab.close()
    await hears(customer, "Your reference is DD-")
    await hears(customer, "the person you were talking to")
    ((reference,),) = site.rows("SELECT reference FROM effect WHERE status = 'done'")
    await expect(priya.get_by_role("region", name="About this conversation")).to_contain_text(reference)
    await picture(priya, "desk-story-3-done")
    await picture(customer, "desk-story-4-customer")

    # Back to the bot, with the very line that was shown before; the dialog goes on where it stood.
    await priya.keyboard.press("Escape")
    await priya.keyboard.press("b")
    back = priya.get_by_role("dialog", name="Back to the bot")
    line = await preview(back)
    await picture(priya, "desk-story-5-back")
    await back.get_by_role("button", name="Hand back").click()
    await expect(priya.locator(".queue")).to_contain_text("All quiet")
    goes_on = re.compile(f"{re.escape(line)}.*Unlink this chat from your account", re.DOTALL)
    await expect(customer.get_by_role("log")).to_contain_text(goes_on)
    await say(customer, "no")
    await hears(customer, "the chat stays linked")
    said = await customer.get_by_role("log").inner_text()
    assert NOTE not in said
    assert site.rows("SELECT COUNT(*) FROM outbound WHERE body LIKE '%zebra%'") == [(0,)]
    assert site.rows("SELECT COUNT(*) FROM entry WHERE body LIKE '%zebra%'") == [(0,)]
    assert site.rows("SELECT COUNT(*) FROM desk_note WHERE text LIKE '%zebra%'") == [(1,)]
    for page in (priya, tom, customer):
        await page.context.close()


async def take(page: Page, reason: str) -> None:
    """Open what waits for this reason, and take it."""
    await page.bring_to_front()
    await page.locator(".queue .item", has_text=reason).first.click()
    await page.get_by_role("button", name="Take it").first.click()
    await expect(page.locator("#text")).to_be_focused()


@pytest.mark.long
async def test_acts_files_a_colleague_and_the_leads_page(browser: Browser, site: Site) -> None:
    priya, amara = await at_desk(browser, site, "Priya Shah"), await at_desk(browser, site, "Amara Cole")
    await amara.get_by_label("Your status").select_option("wrapping_up")
    customer = await (await window(browser, 700, 860)).new_page()
    await customer.goto(f"{site.url}/chat")
    await say(customer, "why is my bill higher?")
    await (await sign_in(customer, "Ana")).close()
    await hears(customer, "£14.20 more than September")
    await say(customer, "talk to a person")
    await hears(customer, "I've asked a colleague")
    await take(priya, "Asked for a person")

    # A file up and out, and one sentence from the saved replies.
    letter = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear Ana, as we said."}
    await priya.get_by_label("Attach a file").set_input_files(letter)
    await expect(priya.locator(".chips")).to_contain_text("letter.txt")
    await priya.locator("#text").fill("Here it is in writing.")
    await priya.keyboard.press("Enter")
    await expect(customer.get_by_role("link", name="letter.txt")).to_be_visible()
    await priya.keyboard.press("Escape")
    await priya.keyboard.press("?")
    await priya.get_by_role("button", name="Saved replies").click()
    await priya.get_by_role("button", name="Add a saved reply").click()
    await priya.get_by_label("Short name").fill("sorry")
    await priya.get_by_label("Title").fill("An apology")
    await priya.get_by_label("Text").fill("I’m sorry, {first}. Your reference is {reference}.")
    await priya.get_by_role("button", name="Save", exact=True).click()
    await expect(priya.get_by_role("dialog")).to_contain_text("/sorry")
    await priya.keyboard.press("Escape")
    await priya.keyboard.press("/")
    await priya.keyboard.type("so")
    await priya.keyboard.press("Enter")
    await priya.keyboard.type("Ana")
    await priya.keyboard.press("Enter")
    await hears(customer, "I’m sorry, Ana. Your reference is LM-")

    # A credit within the limit is done; one above it is the lead's to approve.
    for amount, button in (("5", "Do it"), ("25", "Ask a lead")):
        await priya.get_by_role("button", name="Goodwill credit").click()
        await priya.get_by_label("Amount in pounds").fill(amount)
        await priya.get_by_label("Why").fill("A long wait")
        await priya.get_by_role("button", name=button).click()
        await expect(priya.get_by_role("dialog")).to_have_count(0)
    await hears(customer, "A credit of £5.00 is on your account")
    await amara.get_by_role("link", name="Figures").click()
    await amara.get_by_role("button", name="Approve / Decline").click()
    await expect(amara.get_by_role("dialog")).to_contain_text("Goodwill credit, £25.00")
    await amara.get_by_role("button", name="Approve", exact=True).click()
    await hears(customer, "A credit of £25.00 is on your account")
    await expect(priya.get_by_role("region", name="About this conversation")).to_contain_text("Approved by Amara Cole")
    assert site.rows("SELECT amount, status FROM desk_act ORDER BY asked_at") == [(500, "done"), (2500, "done")]
    await expect(amara.locator(".tile").nth(1)).to_contain_text("1")
    await picture(amara, "desk-story-6-figures")
    await priya.bring_to_front()

    # Killed and started again: everybody sees what they saw, and half a sentence is still there.
    await expect(priya.locator(".log")).to_contain_text("A credit of £25.00 is on your account")
    before = await priya.locator(".said .bubble").all_inner_texts()
    await priya.locator("#text").fill("half a sentence")
    await site.kill()
    await expect(priya.locator(".notices")).to_contain_text("Reconnecting")
    await site.start()
    await say(customer, "are you there?")
    await expect(priya.locator(".said.customer").last).to_contain_text("are you there?", timeout=40_000)
    await expect(priya.locator(".notices")).not_to_contain_text("Reconnecting")
    await expect(priya.locator(".said .bubble")).to_have_count(len(before) + 1)
    assert await priya.locator(".said .bubble").all_inner_texts() == [*before, "are you there?"]
    await expect(priya.locator("#text")).to_have_value("half a sentence")
    await priya.locator("#text").fill("")

    # Put aside, taken up again, passed on with a note, and resolved by the colleague.
    # What had not been read would bring it back at once.
    await priya.bring_to_front()
    await all_read(site)
    await priya.locator("#text").focus()
    await priya.keyboard.press("Escape")
    await priya.keyboard.press("z")
    await priya.get_by_role("dialog").get_by_role("button", name="Snooze").click()
    await expect(priya.locator(".notices")).to_contain_text("Snoozed until")
    await priya.keyboard.press("z")
    await expect(priya.locator("#text")).to_be_visible()
    await priya.keyboard.press("t")
    window_ = priya.get_by_role("dialog", name="Transfer")
    await window_.get_by_label("Amara Cole").check()
    await window_.get_by_label("Note for whoever takes it").fill(NOTE)
    line = await preview(window_)
    await window_.get_by_role("button", name="Transfer").click()
    await hears(customer, line)
    await amara.bring_to_front()
    await amara.get_by_role("link", name="Conversations").click()
    await expect(amara.locator(".queue .item", has_text="For you")).to_be_visible()
    await take(amara, "Asked for a person")
    await expect(amara.locator(".said.private")).to_contain_text(NOTE)
    await hears(customer, "Amara from Larkspur Mobile has joined")
    await amara.keyboard.press("Escape")
    await amara.keyboard.press("e")
    line = await preview(amara.get_by_role("dialog"))
    assert "Amara" in line
    await amara.get_by_role("dialog").get_by_role("button", name="Resolve").click()
    await hears(customer, line)
    await expect(amara.locator(".queue")).to_contain_text("All quiet")
    assert NOTE not in await customer.get_by_role("log").inner_text()
    for page in (priya, amara, customer):
        await page.context.close()
