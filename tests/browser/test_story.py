"""The main job, as a customer does it: a bill asked and a Direct Debit cancelled in the web chat, whatever happens to
the page and the process meanwhile."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.site import Site, allowed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SHOTS = os.environ.get("PARLEY_SHOTS")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def context(browser: Browser) -> BrowserContext:
    return await browser.new_context(viewport={"width": 1000, "height": 900}, locale="en-GB")


@pytest_asyncio.fixture(loop_scope="module")
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path, "--dev")
    await site.start()
    yield site
    await site.stop()


async def say(page: Page, text: str) -> None:
    box = page.get_by_label("Your message")
    await box.fill(text)
    await box.press("Enter")


async def hears(page: Page, text: str, *, within: float = 15_000) -> None:
    await expect(page.get_by_role("log")).to_contain_text(text, timeout=within)


async def picture(page: Page, name: str) -> None:
    if SHOTS:
        # The chat alone, without the developer's pane beside it.
        chat = page.locator("parley-chat")
        shown = chat if await chat.count() else page
        await shown.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


async def sign_in(page: Page, persona: str) -> Page:
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Sign in").last.click()
    tab = await opened.value
    await tab.get_by_role("button", name="Continue to sign in").click()
    await tab.get_by_role("button", name=persona).click()
    await expect(tab.get_by_role("heading", name="Your account is connected")).to_be_visible()
    return tab


async def approve(page: Page) -> Page:
    async with page.context.expect_page() as opened:
        await page.get_by_role("link", name="Approve").last.click()
    return await opened.value


@pytest.mark.promise("effects-once")
async def test_the_whole_story(context: BrowserContext, site: Site) -> None:
    await context.clear_cookies()
    page = await context.new_page()
    await page.goto(f"{site.url}/chat")
    await say(page, "why is my bill higher?")
    await hears(page, "Please sign in on our secure page")
    await picture(page, "1-sign-in")
    tab = await sign_in(page, "Ana")
    await picture(tab, "2-connected")
    await tab.close()
    await hears(
        page,
        "£14.20 more than September: £9.00 roaming in Spain 3 to 6 Oct, £5.20 calls outside your plan",
        within=allowed(1.5) * 1000,
    )
    await picture(page, "3-bill")

    await say(page, "cancel the mobile one")
    await hears(page, "Cancel the Direct Debit for Mobile ending 412")
    await page.reload()
    await hears(page, "Cancel the Direct Debit for Mobile ending 412")
    await site.kill()
    await asyncio.sleep(0.3)
    await site.ready()
    await say(page, "ok")
    await hears(page, "press the button, or type exactly")
    assert site.rows("SELECT COUNT(*) FROM effect") == [(0,)]
    await picture(page, "4-confirm")
    await page.get_by_role("button", name="Yes, cancel it").last.click()
    await hears(page, "Please approve this on our secure page")
    tab = await approve(page)
    await expect(tab.get_by_role("heading")).to_be_visible()
    await picture(tab, "5-approve")
    await site.backend("slow")
    await tab.get_by_role("button", name="Approve").click()
    await expect(tab.get_by_role("link", name="Back to the chat")).to_be_visible()
    for _ in range(1000):
        if site.rows("SELECT COUNT(*) FROM effect") == [(1,)]:
            break
        await asyncio.sleep(0.02)
    await site.kill()
    await asyncio.sleep(0.3)
    await site.ready()
    await tab.close()
    await hears(page, "Your reference is DD-", within=60000)
    await picture(page, "6-receipt")

    said = await page.get_by_role("log").inner_text()
    assert said.count("Your reference is DD-") == 1
    assert said.count("Which Direct Debit") <= 1
    assert site.rows("SELECT status FROM effect") == [("done",)]
    assert site.rows(
        "SELECT COUNT(*) FROM audit WHERE what = 'debits.cancel' AND outcome LIKE 'done%'", backend=True
    ) == [(1,)]
    assert site.rows("SELECT COUNT(*) FROM audit WHERE what = 'effect.done'") == [(1,)]
    await say(page, "what did you do for me?")
    await hears(page, "web chat")
    await page.close()


async def test_a_change_of_mind_comes_back_to_the_pick(context: BrowserContext, site: Site) -> None:
    await context.clear_cookies()
    page = await context.new_page()
    await page.goto(f"{site.url}/chat")
    await say(page, "cancel my direct debit")
    tab = await sign_in(page, "Mo")
    await tab.close()
    await hears(page, "Which Direct Debit?")
    await say(page, "hang on, what's my bill?")
    await hears(page, "bill is £")
    await expect(page.get_by_role("log").get_by_text("Which Direct Debit?")).to_have_count(2)
    await say(page, "the broadband one")
    await hears(page, "Cancel the Direct Debit for Home broadband")
    await page.get_by_role("button", name="Yes, cancel it").last.click()
    await hears(page, "Please approve this")
    tab = await approve(page)
    await tab.get_by_role("button", name="Approve").click()
    await expect(tab.get_by_role("link", name="Back to the chat")).to_be_visible()
    await hears(page, "Your reference is DD-", within=allowed(3) * 1000)
    await page.close()
