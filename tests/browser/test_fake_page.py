"""The page of the fake channels in Chromium, over a real process: four chats, their buttons and links, and trouble."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SHOTS = os.environ.get("PARLEY_SHOTS")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    site = Site(tmp_path_factory.mktemp("fake"), "--channels", "fake")
    try:
        await site.start()
        yield site
    finally:
        await site.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def page(site: Site, browser: Browser) -> AsyncIterator[Page]:
    """The page with a customer of its own; afterwards nothing may have been thrown or kept from loading."""
    wrong: list[str] = []
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)
    page = await context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda problem: wrong.append(str(problem)))
    await page.goto(f"http://127.0.0.1:{site.port + 1}/")
    await page.get_by_role("button", name="New customer").click()
    await expect(page.locator(".slack > .log")).to_be_visible()
    yield page
    await context.close()
    assert wrong == []


def log(page: Page, chat: str) -> Locator:
    return page.locator(f".{chat} > .log")


async def says(page: Page, chat: str, text: str) -> None:
    box = page.locator(f".{chat}").get_by_label("Message", exact=True)
    await box.fill(text)
    await box.press("Enter")


async def hears(page: Page, chat: str, text: str) -> None:
    await expect(log(page, chat)).to_contain_text(text, timeout=20_000)


async def test_four_chats_answer_and_their_buttons_and_links_work(page: Page) -> None:
    await page.locator(".telegram").get_by_role("button", name="Start", exact=True).click()
    await page.locator(".messenger").get_by_role("button", name="Get started").click()
    await says(page, "slack", "cancel a direct debit")
    for chat in ("telegram", "messenger"):
        await hears(page, chat, "automated assistant")
    await page.locator(".telegram").get_by_role("button", name="See my bill").click()
    await hears(page, "telegram", "Please sign in on our secure page.")
    assert "/link/" in str(await log(page, "telegram").get_by_role("link").first.get_attribute("href"))
    await hears(page, "slack", "Please sign in on our secure page.")
    async with page.context.expect_page() as opened:
        await log(page, "slack").get_by_role("link", name="Sign in").click()
    signing = await opened.value
    await expect(signing.get_by_role("main")).to_contain_text("Larkspur")
    frame = page.frame_locator(".webchat iframe")
    await expect(frame.get_by_label("Your message")).to_be_visible()
    # Each of the customer's lines says that the server has it.
    await expect(log(page, "messenger").locator(".mine .mark.taken")).to_have_count(1)
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / "four-channels.png"))


async def test_a_platform_that_misbehaves_delays_an_answer_and_loses_none(page: Page) -> None:
    slack = page.locator(".slack")
    await slack.get_by_text("Misbehave").click()
    await slack.get_by_label("To what the bot sends").select_option(label="429: rate limited")
    await slack.get_by_label("Deliver each event twice").check()
    await says(page, "slack", "hello")
    await expect(slack.locator(".met")).to_contain_text("met with it so far")
    await expect(log(page, "slack").locator(".theirs")).to_have_count(0)
    await slack.get_by_label("To what the bot sends").select_option(label="as it should")
    await hears(page, "slack", "automated assistant")
    await expect(log(page, "slack").locator(".theirs")).to_have_count(1)


async def test_a_question_in_public_goes_on_in_private(page: Page) -> None:
    telegram = page.locator(".telegram")
    await telegram.get_by_text("In public").click()
    await telegram.get_by_label("Write in a group").fill("what is my balance?")
    await telegram.get_by_label("Write in a group").press("Enter")
    square = telegram.locator(".square")
    await expect(square).to_contain_text("private chat")
    await square.get_by_role("button").click()
    await hears(page, "telegram", "Please sign in on our secure page.")
    await expect(square.locator(".theirs")).to_have_count(1)


async def test_on_a_phone_there_is_a_tab_for_each(page: Page) -> None:
    await page.set_viewport_size({"width": 375, "height": 740})
    tabs = page.get_by_role("tab")
    await expect(tabs).to_have_text(["Telegram", "Slack", "Messenger", "Web chat"])
    for at, chat in enumerate(("telegram", "slack", "messenger", "webchat")):
        await tabs.nth(at).click()
        for other in ("telegram", "slack", "messenger", "webchat"):
            await expect(page.locator(f".{other}")).to_be_visible(visible=other == chat)
    await tabs.nth(3).press("ArrowRight")
    await expect(tabs.nth(0)).to_be_focused()
    await expect(page.locator(".telegram")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_another_name_for_this_machine_and_another_sites_page_are_refused(page: Page, site: Site) -> None:
    url, asked = f"http://127.0.0.1:{site.port + 1}", page.context.request
    for path in ("/", "/page/state", "/page/page.js"):
        assert (await asked.get(url + path, headers={"Host": "evil.example"})).status == 403
    forged = {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"}
    act = {"chat": "slack", "act": "say", "text": "forged"}
    assert (await asked.post(f"{url}/page/act", headers=forged, data=act)).status == 403
    assert (await asked.post(f"{url}/page/act", form={"act": "new"})).status == 415
    wrong = [{}, {"chat": "x", "act": "say", "text": "y"}, {**act, "act": "fly"}, {**act, "act": "press", "at": 99}]
    for one in wrong:
        assert (await asked.post(f"{url}/page/act", data=one)).status == 400
    await expect(log(page, "slack")).not_to_contain_text("forged")
