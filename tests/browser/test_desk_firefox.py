"""The desk in Firefox: taken, answered, noted, and what the customer writes appears by itself."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.fake_desk import FakeDesk
from tests.browser.firefox import Firefox, firefox, running
from tests.browser.test_firefox import WHY_NOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
async def desk() -> AsyncIterator[FakeDesk]:
    desk = FakeDesk()
    await desk.start()
    yield desk
    await desk.stop()


async def test_a_conversation_is_taken_answered_and_noted(browser: Firefox, desk: FakeDesk) -> None:
    desk.add("c1")
    desk.line("c1", "customer", "I need a person")
    [page] = await browser.tabs()
    await page.go(f"{desk.url}/desk/login?as=priya")
    await page.shows("Asked for a person", ".queue")
    await page.click(".item")
    await page.shows("I need a person", "[role=log]")
    await page.click("button", "Take it")
    await page.shows("To the customer", ".composer")
    await page.click("textarea")
    await page.write("Hello, I’m Priya.")
    await page.shows("Hello, I’m Priya.", "[role=log]")
    desk.line("c1", "customer", "thank you")
    await page.shows("thank you", "[role=log]")
    await page.click("button", "Private note")
    await page.click("textarea")
    await page.write("all is well")
    await page.shows("only colleagues see it", "[role=log]")
    assert [one["text"] for one in desk.posted("say")] == ["Hello, I’m Priya."]
    assert [one["text"] for one in desk.posted("note")] == ["all is well"]
    assert browser.errors == []
