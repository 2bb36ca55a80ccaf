"""Codes, social logins, logout, limits and retention on both stores: every statement there is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.model import Address, Assurance
from bot.store import open_store
from tests.attacks.chat import SHOWN, SIGN_IN, SiteChat
from tests.attacks.site import Site, site
from tests.attacks.test_codes import another, code_on
from tests.attacks.test_in_chat import GREETED
from tests.attacks.test_notices import logout, signed
from tests.attacks.test_social import bound, with_facebook
from tests.postgres import fresh_database

SOCIAL: dict[str, dict[str, Any]] = {"facebook": {}}


@asynccontextmanager
async def on_postgres() -> AsyncIterator[Site]:
    async with fresh_database() as url:
        store = await open_store(url, log_channels=frozenset({"webchat"}))
        async with site(store=store, social=SOCIAL) as here:
            yield here


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def here(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with on_postgres() if request.param == "postgres" else site(social=SOCIAL) as made:
        yield made


@pytest.mark.promise("assured")
async def test_a_code_from_asking_to_reading(here: Site) -> None:
    chat = SiteChat(here, Address("larkspur", "telegram", "telegram", "4711"))
    assert await chat.says("open bill") == [SIGN_IN]
    browser = here.browser(None)
    page = await browser.get(await chat.link())
    login = await browser.post(page.action, {"token": page.token, "provider": "larkspur"})
    code = code_on(await browser.sign_in(login, "ana"))
    assert len(await chat.says(another(code))) == 1
    assert await chat.says(code, key="twice") == [GREETED, SHOWN]
    assert await chat.says(code, key="twice") == []
    [row] = await here.store.query("SELECT code_tries, state FROM link_txn")
    assert (row["code_tries"], row["state"]) == (1, "done")


@pytest.mark.promise("assured")
async def test_a_social_login_bound_used_and_signed_out(here: Site) -> None:
    browser = await bound(here)
    here.clock.forward(13 * 3600)
    assert (await with_facebook(here, browser)).heading == "Your account is connected"
    assert (await here.standing()).level is Assurance.KNOWN
    here.clock.forward(86_400)
    await here.auth.sweep()
    assert (await logout(here, await signed(here))).status == 200
    assert await here.links() == []
    assert await here.notices() == ["host.unlinked-signed-out"]
    await here.auth.sweep()
    assert await here.store.query("SELECT link FROM token_blob") == []


async def test_a_fresh_link_an_undone_one_and_what_is_forgotten(here: Site) -> None:
    chat = SiteChat(here)
    await chat.says("open bill")
    stranger = here.browser(None)
    page = await stranger.get(await chat.link())
    assert (await stranger.post(page.action, {"token": page.token})).heading == "Look in your chat"
    assert await chat.run() == [SIGN_IN]
    browser = here.browser()
    page = await browser.get(await chat.link())
    login = await browser.post(page.action, {"token": page.token, "provider": "larkspur"})
    done = await browser.sign_in(login, "ana")
    assert await chat.run() == [GREETED, SHOWN]
    assert (await browser.post(done.action, {"token": done.token})).heading == "The connection is undone"
    assert await here.links() == []
    assert len(await chat.run()) == 1
    for _ in range(4):
        await chat.says("open bill")
    assert (await chat.says("open bill"))[-1].startswith("You've asked for several links in a row.")
    here.clock.forward(91 * 86_400)
    await here.auth.sweep()
    await here.auth.sweep()
    assert len(await here.store.query("SELECT id FROM link_txn")) <= 1
