"""The link story in Firefox, over plain http on this machine: open page, bill, sign in, bill shown."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.firefox import Firefox, firefox, running
from tests.browser.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WHY_NOT = "there is no Firefox (apt-get install firefox-esr, or PARLEY_FIREFOX=/path)"


@pytest_asyncio.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Firefox]:
    program = firefox()
    if program is None:
        if os.environ.get("PARLEY_REQUIRE_ALL") == "1":
            pytest.fail(WHY_NOT)
        pytest.skip(WHY_NOT)
    async with running(program, tmp_path) as browser:
        yield browser


@pytest_asyncio.fixture
async def site(browser: Firefox, tmp_path: Path) -> AsyncIterator[Site]:
    """A real process, started only where there is a Firefox to look at it."""
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


async def test_a_bill_is_shown_once_its_customer_has_signed_in(browser: Firefox, site: Site) -> None:
    [chat] = await browser.tabs()
    await chat.go(f"{site.url}/chat")
    await chat.shows("Larkspur Mobile")
    await chat.click("textarea")
    await chat.write("why is my bill higher?")
    await chat.shows("Please sign in on our secure page", "[role=log]")
    # Nothing of the account is said before.
    assert "£" not in await chat.text("[role=log]")
    await chat.click("[role=log] a", "Sign in")

    sign_in = await browser.new_tab([chat])
    await sign_in.shows("Continue to sign in")
    await sign_in.click("button", "Continue to sign in")
    await sign_in.shows("Who are you today?")
    await sign_in.click("button", "Ana")
    await sign_in.shows("Your account is connected")

    said = await chat.shows("£14.20 more than September: £9.00 roaming in Spain", "[role=log]", within=10)
    assert said.count("£14.20 more") == 1
    # The browser keeps the conversation across a reload, and is still the one that signed in.
    await chat.reload()
    await chat.shows("£14.20 more than September", "[role=log]")
    await chat.click("textarea")
    await chat.write("thanks")
    await chat.shows("You're welcome.", "[role=log]")
    assert site.rows("SELECT COUNT(*) FROM link_txn WHERE purpose = 'link'") == [(1,)]
    assert browser.errors == []
