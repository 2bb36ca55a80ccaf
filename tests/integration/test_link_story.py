"""The whole web story over real HTTP: link, read, approve, consume; SQLite in memory and the demo provider."""

from __future__ import annotations

from bot.model import Assurance
from tests.attacks.site import SHOWN, site


async def test_from_a_link_to_a_consumed_approval() -> None:
    async with site() as here:
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
        assert [what for what, _ in await here.audited()] == [
            "link.begun",
            "link.started",
            "link.done",
            "stepup.begun",
            "stepup.done",
            "stepup.used",
        ]


async def test_an_older_login_signs_in_again_and_approves_with_the_same_tap() -> None:
    async with site() as here:
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
