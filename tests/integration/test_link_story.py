"""The whole web story over real HTTP, on both stores: link, read, approve, consume, unlink; with the demo provider."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import BrowserContext, Page, async_playwright

from bot.errors import Conflict
from bot.model import Assurance
from bot.store import open_store
from tests.attacks.site import SHOWN, Site, site
from tests.postgres import fresh_database

Open = Callable[[], AbstractAsyncContextManager[Site]]


@asynccontextmanager
async def on_postgres() -> AsyncIterator[Site]:
    async with fresh_database() as url:
        store = await open_store(url, log_channels=frozenset({"webchat"}))
        async with site(store=store) as here:
            yield here


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def opened(request: pytest.FixtureRequest) -> Open:
    """The site on each store."""
    return on_postgres if request.param == "postgres" else site


@pytest.mark.promise("assured")
async def test_from_a_link_to_a_consumed_approval(opened: Open) -> None:
    async with opened() as here:
        browser = here.browser()
        begun, url = await here.begin()
        assert (await here.standing()).level is Assurance.ANYONE

        asked = await browser.get(url)
        assert (asked.status, asked.heading) == (200, "Connect your Larkspur account to your chat?")
        login = await browser.press(asked)
        done = await browser.sign_in(login, "ana")
        assert done.heading == "Your account is connected"
        assert "ending 01" in done.text
        assert 'href="/chat"' in done.text

        [signal] = await here.signals()
        assert signal["op"] == "op-1"
        assert signal["outcome"]["status"] == "linked"
        standing = await here.standing()
        assert standing.level is Assurance.KNOWN
        assert standing.person is not None and standing.person.customer_ref == "C-1001"
        conversation = await here.store.conversation_of(here.address())
        assert await here.auth.minter.url(begun.transaction, conversation) is None

        # The login is young, so the approval takes one tap after opening its page.
        _, url = await here.begin_step_up()
        page = await browser.get(url)
        assert SHOWN in page.text
        assert ">Approve<" in page.text
        approved = await browser.press(page)
        assert approved.heading == "Approved"
        outcome = (await here.signals())[-1]["outcome"]
        assert outcome["status"] == "approved"
        await here.consume(outcome["grant"], standing)
        with pytest.raises(Conflict):
            await here.consume(outcome["grant"], standing, "key-2")
        assert [what for what, _ in await here.audited()] == [
            "link.begun",
            "link.started",
            "link.done",
            "stepup.begun",
            "stepup.done",
            "stepup.used",
        ]


async def test_an_older_login_signs_in_again_and_approves_with_the_same_tap(opened: Open) -> None:
    async with opened() as here:
        browser = await here.link()
        here.clock.forward(301)
        _, url = await here.begin_step_up()
        page = await browser.get(url)
        assert ">Sign in and approve<" in page.text
        login = await browser.press(page)
        assert "prompt=login" in login.hops[0] and "max_age=300" in login.hops[0]
        done = await browser.sign_in(login, "ana")
        assert done.heading == "Approved"
        assert (await here.signals())[-1]["outcome"]["status"] == "approved"


async def test_behind_a_proxy_that_speaks_https() -> None:
    async with site(public="https://chat.example") as here:
        browser = await here.link()
        pin = browser.set["__Host-link"]
        assert [pin[name] for name in ("secure", "httponly", "samesite", "path", "domain")] == [
            True,
            True,
            "Lax",
            "/",
            "",
        ]
        assert browser.set["demo-idp"]["secure"]
        await here.consume(await here.approve(browser), await here.standing())


async def test_everything_that_ends_a_link(opened: Open) -> None:
    async with opened() as here:
        browser = await here.link("dl_ana", "ana")
        await here.link("dl_ana", "tom", browser)
        assert [row["customer_ref"] for row in await here.links()] == ["C-1002"]
        here.clock.forward(61)
        assert (await here.standing()).level is Assurance.KNOWN
        begun, _ = await here.begin_step_up()
        conversation = await here.store.conversation_of(here.address())
        void = here.auth.login.void(conversation=conversation, transaction=begun.transaction, now=here.clock.now())
        await here.store.change(void)
        await here.begin()
        here.clock.forward(601)
        assert await here.auth.sweep() == 1
        assert await here.auth.tokens.refresh((await here.links())[0]["id"]) is True
        assert await here.auth.tokens.rotate() == 1
        unlink = here.auth.login.unlink(address=here.address(), now=here.clock.now(), reason="customer")
        await here.store.change(unlink)
        assert (await here.standing()).level is Assurance.ANYONE
        await here.auth.sweep()
        assert await here.store.query("SELECT link FROM token_blob") == []
        assert await here.store.query("SELECT person FROM address_of WHERE to_at IS NULL") == []


CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe.min.js"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


async def accessible(context: BrowserContext, page: Page) -> str:
    """The page's heading, after axe found nothing and nothing overflows sideways."""
    session = await context.new_cdp_session(page)
    script = f"{AXE.read_text()}; axe.run().then(found => JSON.stringify(found.violations.map(one => one.id)))"
    found = await session.send("Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True})
    assert found["result"]["value"] == "[]", page.url
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url
    return await page.inner_text("h1")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_in_a_real_browser_without_script(scheme: Literal["light", "dark"]) -> None:
    async with site() as here, async_playwright() as playwright:
        path = str(CHROMIUM) if CHROMIUM.exists() else playwright.chromium.executable_path
        if not Path(path).exists():
            if os.environ.get("PARLEY_REQUIRE_ALL"):
                pytest.fail("no Chromium")
            pytest.skip("no Chromium")
        chromium = await playwright.chromium.launch(executable_path=path, args=QUIET)
        context = await chromium.new_context(viewport={"width": 320, "height": 700}, color_scheme=scheme)
        await context.add_cookies([{"name": "chat", "value": "dl_ana", "url": here.origin}])
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))

        async def press(name: str) -> str:
            async with page.expect_navigation():
                await page.get_by_role("button", name=name, exact=True).click()
            return await accessible(context, page)

        _, url = await here.begin()
        await page.goto(url)
        assert await accessible(context, page) == "Connect your Larkspur account to your chat?"
        assert await press("Continue to sign in") == "Who are you today?"
        assert await press("Ana Bill up £14") == "Your account is connected"
        assert await page.get_by_role("link", name="Back to the chat").get_attribute("href") == "/chat"
        _, url = await here.begin_step_up()
        await page.goto(url)
        assert await accessible(context, page) == "Do you approve this?"
        assert SHOWN in await page.inner_text("main")
        assert await press("Approve") == "Approved"
        _, url = await here.begin_step_up()
        await page.goto(url)
        assert await press("No, don’t do it") == "Nothing was changed"
        assert await press("Send a new link to the chat") == "Look in your chat"
        # A chat that proves nothing in a browser: the code can be selected, and is announced with its label.
        _, url = await here.begin("4711", "telegram")
        await page.goto(url)
        assert await accessible(context, page) == "Connect your Larkspur account to your Telegram chat?"
        assert await press("Continue to sign in") == "Who are you today?"
        assert await press("Ana Bill up £14") == "One more step: type this code in your chat"
        assert len(await page.get_by_label("Your code").input_value()) == 9
        _, url = await here.begin("dl_tom")
        await page.goto(url)
        assert await accessible(context, page) == "This link belongs to another browser"
        await page.goto(f"{here.origin}/link/{'A' * 43}")
        assert await accessible(context, page) == "This link does not work"
        # Nothing broke the pages' own policy; the failures heard are that address and the missing icon.
        assert [one for one in said if not one.startswith("Failed to load resource")] == []
        assert not await page.evaluate("document.scripts.length")
        await chromium.close()
