"""What a brand says of itself on each page: its small print, and the picture that stands for it."""

from __future__ import annotations

import pytest

from adapters.webchat.page import PageConfig, document
from auth.pages.render import Renderer
from bot.settings import Brand, DeskSettings, Settings
from bot.web.home import DEMO, Welcome, page, welcome_of

LINES = ("Acme & Sons is a trading name.", "We never ask for a <password>.")


@pytest.fixture
def settings() -> Settings:
    return Settings(brand=Brand(id="acme", name="Acme", legal=LINES))


def test_the_chat_page_is_told_the_small_print(settings: Settings) -> None:
    assert '"legal":"Acme & Sons is a trading name.\\nWe never ask for a \\u003cpassword>."' in document(
        PageConfig(settings.brand_view)
    )


def test_the_sign_in_pages_show_it_each_line_for_itself(settings: Settings) -> None:
    shown = Renderer(settings.brand_view).end("approved").text or ""
    assert '<p class="legal">Acme &amp; Sons is a trading name.</p>' in shown
    assert '<p class="legal">We never ask for a &lt;password&gt;.</p>' in shown
    assert "legal" not in (Renderer({"name": "Acme"}).end("approved").text or "")


@pytest.mark.parametrize(("logo", "icon"), [("/brand/logo.svg", "/brand/logo.svg"), ("", "data:,")])
def test_the_first_page_names_its_icon(logo: str, icon: str) -> None:
    assert f'<link rel="icon" href="{icon}">' in page(Welcome("Acme", {}, (), logo=logo))


def test_the_demo_sign_in_says_that_it_lets_anybody_in(settings: Settings) -> None:
    ana = [{"name": "Ana", "story": "My bill is up."}]
    settings = settings.model_copy(update={"desk": DeskSettings(handoff="desk.builtin:build")})
    with_it, without = welcome_of(settings, ana), welcome_of(settings, [])
    assert f"Sign in as ({DEMO}):" in with_it.lines()
    assert "anybody may be anybody" in page(with_it)
    assert with_it.addresses["desk"].endswith("/desk")
    assert "desk" not in without.addresses
    assert "anybody" not in page(without)
