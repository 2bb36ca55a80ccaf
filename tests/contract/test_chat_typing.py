"""That somebody writes: told to the other side while a person holds the conversation, kept nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.ports import Sql, Store
from tests.contract.chat_site import Site, close_site, frames, open_site

_HELD = Sql("UPDATE conversation SET party = 'agent'")
_WHEN = "SELECT customer_typed_at FROM socket"
_AGENT = "UPDATE socket SET agent_typed_at = :at"


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    opened = await open_site(store, poll=0.05)
    yield opened
    await close_site(opened)


async def types(site: Site, opened: dict[str, Any]) -> None:
    path = f"/conversations/{opened['conversationId']}/activities"
    status, _, _ = await site.call("POST", path, opened["token"], json={"type": "typing"})
    assert status == 200


async def test_a_customers_typing_is_kept_only_while_a_person_holds_it(site: Site) -> None:
    opened = await site.session()
    await (await site.stream(opened)).close()
    await types(site, opened)
    assert await site.store.query(_WHEN) == [{"customer_typed_at": None}]
    await site.store.change([_HELD])
    await types(site, opened)
    first = site.clock.now().timestamp()
    assert await site.store.query(_WHEN) == [{"customer_typed_at": first}]
    site.clock.move(seconds=0.5)
    await types(site, opened)
    assert await site.store.query(_WHEN) == [{"customer_typed_at": first}]
    site.clock.move(seconds=1)
    await types(site, opened)
    assert await site.store.query(_WHEN) == [{"customer_typed_at": first + 1.5}]
    assert await site.store.entries(opened["conversationId"]) == []


async def test_a_persons_typing_shows_in_the_open_chat_once_and_never_afterwards(site: Site) -> None:
    opened = await site.session()
    before = site.clock.now().timestamp()
    socket = await site.stream(opened)
    await site.say(opened, "hello")
    assert [one["type"] for one in frames(await socket.receive(timeout=15))["activities"]] == ["message"]
    await site.store.change([Sql(_AGENT, {"at": before + 2})])
    shown = frames(await socket.receive(timeout=15))
    (one,) = shown["activities"]
    assert (one["type"], one["from"]["role"], shown["watermark"]) == ("typing", "bot", "1")
    await socket.close()
    # Whoever opens the chat later is not told of what was over before.
    again = await site.stream(opened, "1")
    await site.say(opened, "hello again")
    shown = frames(await again.receive(timeout=15))
    assert [one["type"] for one in shown["activities"]] == ["message"]
    await again.close()
