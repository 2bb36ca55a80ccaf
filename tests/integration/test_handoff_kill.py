"""kill -9 while somebody waits, while an agent has it, after it was given back: everybody sees the same afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from tests.browser.site import Site
from tests.postgres import fresh_database

pytestmark = [pytest.mark.long]


class Customer:
    """A customer at the web chat, by Direct Line."""

    def __init__(self, site: Site, session: aiohttp.ClientSession) -> None:
        self.site, self.session = site, session
        self.token = self.conversation = ""
        self.heard: list[str] = []
        self.watermark = ""

    async def begin(self) -> None:
        async with self.session.post(f"{self.site.url}/chat/session", headers={"Origin": self.site.url}) as answer:
            self.token = (await answer.json())["token"]
        bearer = {"Authorization": f"Bearer {self.token}"}
        async with self.session.post(f"{self.site.url}/v3/directline/conversations", headers=bearer) as answer:
            made = await answer.json()
            self.conversation, self.token = made["conversationId"], made.get("token", self.token)

    @property
    def _at(self) -> str:
        return f"{self.site.url}/v3/directline/conversations/{self.conversation}/activities"

    async def says(self, text: str) -> None:
        body = {"type": "message", "from": {"id": "me"}, "text": text, "locale": "en-GB"}
        async with self.session.post(self._at, json=body, headers={"Authorization": f"Bearer {self.token}"}) as answer:
            assert answer.status == 200, await answer.text()

    async def log(self) -> list[str]:
        """Every line of the chat, both sides'."""
        async with self.session.get(self._at, headers={"Authorization": f"Bearer {self.token}"}) as answer:
            assert answer.status == 200, await answer.text()
            found = (await answer.json())["activities"]
        return [one["text"] for one in found if one["type"] == "message"]

    async def until(self, words: str) -> list[str]:
        """The log, once it holds these words."""
        async with asyncio.timeout(30):
            while True:
                lines = await self.log()
                if any(words in line for line in lines):
                    return lines
                await asyncio.sleep(0.1)


class Agent:
    """An agent at the real desk, through the built-in provider."""

    def __init__(self, site: Site, session: aiohttp.ClientSession) -> None:
        self.site, self.session, self.csrf = site, session, ""

    async def sign_in(self, sub: str) -> None:
        async with self.session.get(f"{self.site.url}/desk") as answer:
            at = answer.url
        assert urlsplit(str(at)).path == "/idp/authorize"
        async with self.session.post(at, data={"sub": sub}) as answer:
            assert answer.status == 200
        self.csrf = (await self.get("me"))["csrf"]

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.site.url}/desk/api/{path}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        at, headers = f"{self.site.url}/desk/api/{path}", {"X-Desk-CSRF": self.csrf}
        async with self.session.post(at, json=body or {}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def seen(self, case: str) -> tuple[Any, list[tuple[str, str]]]:
        """The case's item, and its lines as they read."""
        whole = await self.get(f"cases/{case}")
        keep = ("case", "state", "reason", "who", "holder", "since", "mine", "reference", "urgency")
        lines = [(line["side"], line["text"]) for line in whole["lines"] if line["kind"] != "receipt"]
        return {name: whole["item"][name] for name in keep}, lines


@asynccontextmanager
async def browsers(site: Site) -> AsyncIterator[tuple[Customer, Agent]]:
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as one,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as two,
    ):
        yield Customer(site, one), Agent(site, two)


@pytest.mark.promise("never-lost", "silent", "human")
async def test_kill_in_each_state_and_everybody_sees_the_same(tmp_path: Path) -> None:
    await _kill_in_each_state(Site(tmp_path))


@pytest.mark.promise("never-lost", "silent", "human")
@pytest.mark.postgres
async def test_kill_in_each_state_on_postgresql(tmp_path: Path) -> None:
    async with fresh_database() as url:
        await _kill_in_each_state(Site(tmp_path, store=url))


async def _kill_in_each_state(site: Site) -> None:
    try:
        await site.start()
        async with browsers(site) as (customer, agent):
            await customer.begin()
            await agent.sign_in("agent-priya")

            # Waiting. The desk's own round sees within a second or two that somebody is there.
            await asyncio.sleep(2.5)
            await customer.says("talk to a person")
            before = await customer.until("I've asked a colleague to join you here")
            case = (await agent.get("queue"))["waiting"][0]["case"]
            shown = await agent.seen(case)
            await _killed(site)
            assert await customer.log() == before
            assert await agent.seen(case) == shown
            assert [one["case"] for one in (await agent.get("queue"))["waiting"]] == [case]

            # Held.
            await agent.post(f"cases/{case}/claim")
            await agent.post(f"cases/{case}/say", {"key": "k-hello-1", "text": "Hello, I'm Priya."})
            await agent.post(f"cases/{case}/note", {"key": "k-note-01", "text": "sounds calm"})
            await customer.until("Hello, I'm Priya.")
            await customer.says("my bill is odd")
            before, shown = await customer.until("my bill is odd"), await agent.seen(case)
            await _killed(site)
            assert await customer.log() == before
            assert await agent.seen(case) == shown
            assert (await agent.get("queue"))["mine"][0]["unread"] == 1
            # The bot stays silent after the restart, and a repeated request changes nothing.
            await customer.says("hello?")
            await agent.post(f"cases/{case}/say", {"key": "k-hello-1", "text": "Hello, I'm Priya."})
            await agent.post(f"cases/{case}/say", {"key": "k-hello-2", "text": "Still here."})
            after = await customer.until("Still here.")
            assert after == [*before, "hello?", "Still here."]

            # Given back.
            await agent.post(f"cases/{case}/return", {"key": "k-back-01", "how": "resume"})
            before = await customer.until("has handed you back")
            await _killed(site)
            assert await customer.log() == before
            assert (await agent.get("queue"))["counts"] == {"waiting": 0, "held": 0, "snoozed": 0, "mine": 0}
            await customer.says("hello")
            assert len(await customer.until("Larkspur")) > len(before)
        assert await _rows(site, "SELECT state, ended_why, times FROM desk_item") == [("ended", "returned", 1)]
        assert await _rows(site, "SELECT party FROM conversation") == [("bot",)]
    finally:
        await site.stop()


async def _rows(site: Site, sql: str) -> list[tuple[Any, ...]]:
    """What the engine's database holds, whichever it is."""
    if not site.store.startswith("postgres"):
        return site.rows(sql)
    connection = await asyncpg.connect(site.store)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def _killed(site: Site) -> None:
    await site.kill()
    await site.start()
