"""A person and a customer who is on a platform: pictures both ways, and who is seen to type."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from tests.contract.rigs import messenger, slack, telegram
from tests.contract.rigs.base import World
from tests.worlds.demo import recogniser
from tests.worlds.desk import Agents, DeskWorld, browser, serving

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
USER = "1001"


@dataclass
class Telegram:
    """Telegram's app, and what it shows."""

    rig: Any

    async def photo(self, body: bytes = PNG, *, fetched: bool = True) -> int:
        self.rig.fake.files["big"] = body
        photo = [{"file_id": "big", "file_unique_id": "u", "width": 9, "height": 9, "file_size": len(PNG)}]
        update = self.rig.fake.chats.says(int(USER), "", photo=photo, caption="my meter")
        status: int = await self.rig.fake.post(self.rig.client, update)
        assert not fetched or await self.rig.telegram.fetch_files() == 1
        return status

    @property
    def typed(self) -> list[Any]:
        return [who for who, _ in self.rig.fake.chats.actions]


@dataclass
class Messenger:
    """Messenger's app, and what it shows."""

    rig: Any

    async def photo(self) -> int:
        self.rig.fake.files["a.png"] = PNG
        attachments = [{"type": "image", "payload": {"url": f"{self.rig.messenger.graph.api}/cdn/a.png"}}]
        status: int = await self.rig.fake.post(self.rig.fake.page.says(USER, "", attachments=attachments))
        assert await self.rig.messenger.fetch_files() == 1
        return status

    @property
    def typed(self) -> list[Any]:
        return [who for who, what in self.rig.fake.page.actions if what == "typing_on"]


@dataclass
class Slack:
    """Slack's app, which shows no typing of bots."""

    rig: Any

    async def photo(self) -> int:
        self.rig.fake.files["F1"] = PNG
        files = [{"id": "F1", "name": "meter.png", "mimetype": "image/png", "size": len(PNG)}]
        status: int = await self.rig.fake.post(
            self.rig.fake.workspace.says(USER, "my meter", subtype="file_share", files=files)
        )
        assert await self.rig.slack.fetch_files() == 1
        return status

    typed = ()


APPS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "telegram": (telegram, Telegram), "messenger": (messenger, Messenger), "slack": (slack, Slack)
}  # fmt: skip


@dataclass
class Scene:
    """A customer on a platform, whom Priya has."""

    world: DeskWorld
    rig: Any
    app: Any
    priya: Agents
    case: str

    async def settled(self) -> None:
        """The turns run, and what was said goes out."""
        await self.world.settle()
        while held := await self.world.store.claim_outbox(8, lease=30):
            for one in held:
                await self.world.store.sent(
                    one, platform_id=await self.rig.channel.send(one), at=self.world.clock.now()
                )

    async def shown(self) -> Any:
        return (await self.rig.shown(user=USER))[-1]


@asynccontextmanager
async def scene(name: str, **settings: Any) -> AsyncIterator[Scene]:
    module, app = APPS[name]
    world = DeskWorld()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        at = World(world.store, world.clock, recogniser().control)
        rig = await stack.enter_async_context(module.opened(at, **settings))
        world.channels[rig.channel.name] = rig.channel
        server = await stack.enter_async_context(serving(world))
        priya = await stack.enter_async_context(browser(server, world, "priya"))
        made = Scene(world, rig, app(rig), priya, "")
        assert await rig.says("talk to a person", user=USER) == 200
        await made.settled()
        (item,) = await world.store.query("SELECT id FROM desk_item")
        made.case = item["id"]
        assert (await priya.post(f"cases/{made.case}/claim"))[0] == 200
        await made.settled()
        yield made


@pytest.mark.parametrize("name", APPS)
async def test_a_picture_reaches_the_agent_and_the_agents_reaches_the_customer(name: str) -> None:
    async with scene(name) as at:
        priya = at.priya
        assert await at.app.photo() == 200
        await at.settled()
        lines = (await priya.get(f"cases/{at.case}"))[1]["lines"]
        [file] = [line["file"] for line in lines if line["kind"] == "file"]
        assert (file["type"], file["size"]) == ("image/png", len(PNG))
        async with priya.session.get(f"{priya.base}{file['url']}") as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
            assert answer.headers["Content-Disposition"].startswith("attachment")

        form = aiohttp.FormData(quote_fields=False)
        form.add_field("file", io.BytesIO(PNG), filename="where to look.png", content_type="image/png")
        upload = f"{priya.base}/desk/api/cases/{at.case}/files"
        async with priya.session.post(upload, data=form, headers={"X-Desk-CSRF": priya.csrf}) as answer:
            made = await answer.json()
        sent = {"key": priya.key(), "text": "It is here.", "file": made["file"]["id"]}
        assert (await priya.post(f"cases/{at.case}/say", sent))[0] == 200
        await at.settled()
        shown = await at.shown()
        assert "It is here." in str([one.text for one in (await at.rig.shown(user=USER))[-2:]])
        [(label, url)] = shown.links
        assert "where to look.png" in f"{label} {shown.text}"
        assert await at.world.site.files.open(url.removeprefix("https://chat.example/files/")) == PNG


async def test_a_picture_on_its_way_is_waited_for() -> None:
    async with scene("telegram") as at:
        await at.app.photo(fetched=False)
        await at.settled()

        async def files() -> list[Any]:
            lines = (await at.priya.get(f"cases/{at.case}"))[1]["lines"]
            return [line["file"] for line in lines if line["kind"] == "file"]

        [waited] = await files()
        assert waited["state"] == "wanted"
        opening = asyncio.create_task(at.priya.session.get(f"{at.priya.base}{waited['url']}"))
        await asyncio.sleep(0.2)
        assert await at.rig.telegram.fetch_files() == 1
        async with await opening as answer:
            assert (answer.status, await answer.read()) == (200, PNG)


async def test_what_is_not_taken_is_said_to_be() -> None:
    async with scene("telegram") as at:
        await at.app.photo(b"MZ\x90\x00", fetched=False)
        await at.settled()
        await at.rig.telegram.fetch_files()
        lines = (await at.priya.get(f"cases/{at.case}"))[1]["lines"]
        [file] = [line["file"] for line in lines if line["kind"] == "file"]
        assert (file["state"], file["url"]) == ("refused", "")
        async with at.priya.session.get(f"{at.priya.base}/desk/api/cases/{at.case}/files/{file['id']}") as answer:
            assert answer.status == 404


async def test_another_conversations_picture_is_nobodys_to_see() -> None:
    async with scene("telegram") as at:
        await at.app.photo()
        await at.settled()
        lines = (await at.priya.get(f"cases/{at.case}"))[1]["lines"]
        [file] = [line["file"] for line in lines if line["kind"] == "file"]
        await at.rig.says("talk to a person", user="2002")
        await at.settled()
        [other] = await at.world.store.query("SELECT id FROM desk_item WHERE state = 'waiting'")
        assert (await at.priya.post(f"cases/{other['id']}/claim"))[0] == 200
        theirs = file["url"].replace(at.case, other["id"])
        async with at.priya.session.get(f"{at.priya.base}{theirs}") as answer:
            assert answer.status == 404


@pytest.mark.parametrize("name", ["telegram", "messenger"])
async def test_who_holds_it_is_seen_to_type(name: str) -> None:
    async with scene(name, typing_after=3600.0) as at:
        viewing = f"cases/{at.case}/viewing"
        assert (await at.priya.post(viewing, {"typing": False}))[0] == 204
        assert list(at.app.typed) == []
        for _ in range(3):
            assert (await at.priya.post(viewing, {"typing": True}))[0] == 204
        assert len(at.app.typed) == 1, "the platform shows it for some seconds"
        await at.priya.post(f"cases/{at.case}/return", {"key": "back-0001", "how": "resume"})
        at.world.site._acting._typing._shown.clear()
        await at.priya.post(viewing, {"typing": True})
        assert len(at.app.typed) == 1, "only whoever holds the conversation is seen to type"


async def test_where_the_platform_refuses_it_nothing_is_shown_and_nothing_fails() -> None:
    async with scene("messenger", typing_after=3600.0) as at:
        at.world.clock.move(at.rig.closes * 1.1)
        assert await at.priya.sign_in("priya") == 303
        assert (await at.priya.post(f"cases/{at.case}/viewing", {"typing": True}))[0] == 204
        assert at.app.typed == [], "after 24 hours nothing may be sent"
    async with scene("telegram", typing_after=3600.0) as at:
        at.rig.fault("gone")
        assert (await at.priya.post(f"cases/{at.case}/viewing", {"typing": True}))[0] == 204


async def test_slack_shows_none_and_nothing_fails() -> None:
    async with scene("slack") as at:
        assert (await at.priya.post(f"cases/{at.case}/viewing", {"typing": True}))[0] == 204


@pytest.mark.promise("silent")
@pytest.mark.parametrize("name", ["telegram", "messenger"])
async def test_the_bot_is_not_seen_to_type_while_a_person_holds_it(name: str) -> None:
    async with scene(name, typing_after=0.05) as at:
        before = len(at.app.typed)
        for text in ("are you there?", "cancel my direct debit"):
            assert await at.rig.says(text, user=USER) == 200
            # The turn is not run meanwhile: it is a slow one.
            await asyncio.sleep(0.2)
        assert len(at.app.typed) == before
        await at.settled()
        await at.priya.post(f"cases/{at.case}/return", {"key": "back-0001", "how": "resume"})
        await at.settled()
        assert await at.rig.says("hello", user=USER) == 200
        await asyncio.sleep(0.3)
        assert len(at.app.typed) == before + 1
