"""The second brand's page in Chromium: its name, colours, words and sign-in, and a reading recorded once."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, expect

from tests.brands.energy_brand import free_port, make, provider, readings
from tests.brands.serving import Served, serving
from tests.browser.launched import launched

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EMBER = "rgb(163, 52, 31)"
EMBER_DARK = "rgb(255, 181, 159)"
SHOTS = os.environ.get("PARLEY_SHOTS")


@pytest_asyncio.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with launched() as browser:
        yield await browser.new_context(viewport={"width": 480, "height": 800}, locale="en-GB", color_scheme="light")


@pytest_asyncio.fixture
async def config(tmp_path: Path) -> AsyncIterator[Path]:
    """The brand's configuration, with its identity provider up on a port of its own."""
    port, issuer = free_port(), free_port()
    config = make(tmp_path, f"http://127.0.0.1:{issuer}")
    async with provider(issuer, f"http://127.0.0.1:{port}"):
        (config.parent / "port").write_text(str(port), "utf-8")
        yield config


@pytest_asyncio.fixture
async def site(config: Path) -> AsyncIterator[Served]:
    async with serving(config, port=int((config.parent / "port").read_text("utf-8"))) as site:
        await site.ready()
        yield site


async def say(page: Page, text: str) -> None:
    box = page.get_by_label("Your message")
    await box.fill(text)
    await box.press("Enter")


async def hears(page: Page, text: str) -> None:
    await expect(page.get_by_role("log")).to_contain_text(text, timeout=15_000)


async def sign_in(page: Page, person: str) -> None:
    """On a narrow screen the sign-in stays in the one tab, and its last page leads back."""
    await page.get_by_role("link", name="Sign in").last.click()
    await expect(page.locator("body")).to_contain_text("Hearth Energy")
    here = page.url
    await page.get_by_role("button", name="Continue to sign in").click()
    await expect(page.get_by_role("button", name=person)).to_be_visible()
    # The brand's own provider: another server than the chat's.
    assert re.match(r"http://127\.0\.0\.1:\d+/", page.url)
    assert page.url.split("/")[2] != here.split("/")[2]
    await page.get_by_role("button", name=person).click()
    await expect(page.get_by_role("heading", name="Your account is connected")).to_be_visible()
    await page.get_by_role("link", name="Back to the chat").click()


def effects(config: Path) -> list[tuple[str, str]]:
    db = sqlite3.connect(f"{(config.parent / 'var' / 'hearth.db').as_uri()}?mode=ro", uri=True)
    with closing(db):
        return db.execute("SELECT function, status FROM effect").fetchall()


@pytest.mark.promise("effects-once")
async def test_its_name_colours_and_words_show_and_a_reading_is_recorded_once(
    context: BrowserContext, site: Served, config: Path
) -> None:
    page = await context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    await page.goto(f"{site.url}/chat")
    await expect(page).to_have_title(re.compile("Hearth Energy"))
    await expect(page.get_by_role("heading", name="Hearth Energy")).to_be_visible()
    starter = page.get_by_role("button", name="Send a meter reading")
    await expect(starter).to_be_visible()
    assert "Larkspur" not in await page.content()
    await expect(starter).to_have_css("color", EMBER)
    await page.emulate_media(color_scheme="dark")
    await expect(starter).to_have_css("color", EMBER_DARK)
    await page.emulate_media(color_scheme="light")

    await say(page, "hello")
    await hears(page, "Hello from Hearth Energy. I'm an automated assistant, and I take meter readings.")
    await say(page, "i've read my meter")
    await hears(page, "Please sign in on our secure page")
    await sign_in(page, "Ida")
    await hears(page, "Only the five black digits")
    await say(page, "04821")
    await hears(page, "Record 04821 for meter HE-77? The last reading was 04800.")
    assert readings(config) == []
    await page.get_by_role("button", name="Yes, record it").last.click()
    await hears(page, "Recorded: 04821. Your reference is MR-0001.")
    await say(page, "what did you do for me?")
    await hears(page, "web chat: a reading of 04821 was recorded. Reference MR-0001.")
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / "second-brand.png"))

    assert readings(config) == [("MR-0001", "HE-77", "04821")]
    assert effects(config) == [("Meters.submit", "done")]
    assert (await page.get_by_role("log").inner_text()).count("Recorded: 04821") == 1
    assert wrong == []
    assert "Traceback" not in site.said()


async def test_another_brands_home_page_and_files_are_its_own(site: Served) -> None:
    status, home = await site.ask("GET", "/")
    assert status == 200
    assert "Hearth Energy" in home
    assert "Larkspur" not in home
    # Nothing of its folder but its look is shown to the world.
    for path in ("config.yml", "brand.yml", "services/meters.py", "text/en.ftl", "../config.yml", "var/secret"):
        assert (await site.ask("GET", f"/brand/{path}"))[0] == 404, path
    # No provider of the demo's is here.
    assert (await site.ask("GET", "/idp/.well-known/openid-configuration"))[0] == 404
