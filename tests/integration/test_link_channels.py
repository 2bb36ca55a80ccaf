"""The whole story on Telegram, Slack and Messenger against their strict fakes: link by a code, read, approve, done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.model import Address, Assurance
from tests.attacks.chat import SHOWN, SiteChat
from tests.attacks.site import Site, site
from tests.attacks.test_codes import code_on
from tests.attacks.test_in_chat import GREETED
from tests.contract.rigs import messenger, slack, telegram
from tests.contract.rigs.base import World

RIGS: dict[str, Any] = {"telegram": telegram, "slack": slack, "messenger": messenger}


def intake_of(rig: Any) -> Any:
    """The rig's intake, whichever channel it is of."""
    channel = next(getattr(rig, name) for name in RIGS if hasattr(rig, name))
    inside = getattr(channel, "_updates", None) or channel._events
    return inside._intake


@asynccontextmanager
async def channel(here: Site, name: str) -> AsyncIterator[tuple[Any, SiteChat]]:
    """A channel on the site's own store, its links minted and its codes taken out by the site's identity."""
    chat = SiteChat(here)
    async with RIGS[name].opened(World(here.store, here.clock, chat.rules.control)) as rig:
        object.__setattr__(intake_of(rig), "redactor", here.auth.redactor)
        rig.links.url = here.auth.minter.url
        yield rig, chat


async def exchanged(rig: Any, chat: SiteChat) -> list[str]:
    """Run the turns and send what they say; what the customer's app shows by now."""
    await chat.run()
    while held := await chat.site.store.claim_outbox(8, lease=30):
        for one in held:
            sent = await rig.channel.send(one)
            await chat.site.store.sent(one, platform_id=sent, at=chat.site.clock.now())
    return [shown.text for shown in await rig.shown()]


@pytest.mark.promise("assured")
@pytest.mark.parametrize("name", sorted(RIGS))
async def test_the_story_on_a_channel_that_proves_nothing_in_a_browser(name: str) -> None:
    async with site() as here, channel(here, name) as (rig, chat):
        assert await rig.says("open closing") == 200
        [row] = await here.store.query("SELECT connection, user_id, thread FROM conversation")
        chat.address = Address("larkspur", row["connection"], name, row["user_id"], thread=row["thread"])
        shown = await exchanged(rig, chat)
        url = await chat.link()
        # The customer's app shows the very address that was minted for this chat.
        buttons = [address for one in await rig.shown() for _, address in one.links]
        assert url in buttons or any(url in text for text in shown)
        browser = here.browser(None)
        page = await browser.get(url)
        assert f"your {name.capitalize()} chat" in page.text
        code = code_on(await browser.sign_in(await browser.press(page), "ana"))
        assert await rig.says(f"{code.lower()}") == 200
        shown = await exchanged(rig, chat)
        assert any(GREETED in text for text in shown)
        standing = await here.auth.identity.standing(chat.address, here.clock.now())
        assert standing.level is Assurance.KNOWN
        # The approval: exact words on the page, one effect, told in the chat.
        page = await browser.get(await chat.link())
        assert "Close M1" in page.text
        assert (await browser.press(page)).heading == "Approved"
        shown = await exchanged(rig, chat)
        assert any("Paid: close-M1" in text for text in shown)
        assert sum(chat.bank.executed.values()) == 1
        assert await rig.says("open bill") == 200
        assert any(SHOWN in text for text in await exchanged(rig, chat))
        held = str(await here.store.query("SELECT text, data FROM inbound"))
        assert code not in held and code.lower() not in held
