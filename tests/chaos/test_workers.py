"""Several workers on one port and one PostgreSQL: any of them takes anything, and all are replaced without a loss."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml

from benchmarks._chaos.chats import TelegramChat, WebchatChat
from benchmarks._chaos.customer import CANCEL, DEPOSIT, Customer, Tally
from benchmarks._chaos.site import Site
from benchmarks._chaos.visitor import Visitor
from benchmarks._chaos.world import World
from benchmarks.chaos import customers, personas
from bot.store import open_store
from tests.browser.site import free_port
from tests.postgres import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

BRAND = Path(__file__).resolve().parents[2] / "benchmarks" / "_chaos" / "brand"


@asynccontextmanager
async def served(folder: Path, workers: int = 3, *, demo: bool = False) -> AsyncIterator[tuple[Site, World, str]]:
    """A site of several workers over a copy of the brand, and its world."""
    shutil.copytree(BRAND, folder / "brand")
    async with fresh_database() as url:
        site = Site(folder, port=free_port(), workers=workers)
        async with World(site.url, personas(4)).open() as world:
            site.configure(url, world.url, customers(4), seed="1", harm=0.0)
            settings = yaml.safe_load((folder / "config.yml").read_text())
            settings["brand"]["folder"] = str(folder / "brand")
            if demo:
                settings["identity"] = {"demo": True, "personas": ".people:personas", "requests": 1000}
                people = [
                    f"Persona({one['sub']!r}, {one['name']!r}, '', {one['customer_ref']!r})" for one in personas(4)
                ]
                lines = ["from backends.demo import Persona", "", "", "def personas(settings, clock):"]
                (folder / "brand" / "people.py").write_text(
                    "\n".join([*lines, f"    return ({', '.join(people)})", ""])
                )
            (folder / "config.yml").write_text(yaml.safe_dump(settings))
            await world.set_webhook(site.telegram_secret)
            try:
                await site.start()
                yield site, world, url
            finally:
                code = await site.stop()
        assert code == 0, (folder / "site.err").read_text()[-3000:]


_PEOPLE = f"    return tuple(Persona(**one) for one in {personas(4)!r})\n"


def scattered() -> aiohttp.ClientSession:
    """A browser that opens a connection for each request, so that they fall to whichever worker is free."""
    connector = aiohttp.TCPConnector(force_close=True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True))


async def test_a_customer_of_the_demo_sign_in_is_served_by_all_of_them(tmp_path: Path) -> None:
    async with served(tmp_path, demo=True) as (site, _, url):
        tally = Tally()
        async with scattered() as client:
            chat = WebchatChat(site.url, client, 1, "C-0001")
            customer = Customer(chat, Visitor(client, "sub-1"), tally, itertools.count(1), random.Random(1))
            await chat.open()
            for errand in (DEPOSIT, CANCEL):
                await asyncio.wait_for(customer.do(errand), 40)
            victim = min(site.ready)
            site.signal(victim, signal.SIGKILL)
            await asyncio.wait_for(customer.do(DEPOSIT), 60)
            await site.whole(30)
            await chat.close()
        assert dict(tally.done) == {"deposit": 2, "cancel": 1}
        assert tally.stuck == []
        assert victim not in site.ready
        store = await open_store(url)
        rows = await store.query("SELECT status, COUNT(*) AS n FROM effect GROUP BY status")
        await store.close()
        assert [(row["status"], row["n"]) for row in rows] == [("done", 3)]


async def test_a_rolling_restart_to_a_newer_dialog_loses_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, workers=2) as (site, world, _):
        tally = Tally()
        async with AsyncExitStack() as stack:
            browsers = [await stack.enter_async_context(scattered()) for _ in range(4)]
            chats = [
                TelegramChat(world.telegram, world.feed, one, 100 + n, f"C-{n:04}") for n, one in enumerate(browsers)
            ]
            visitors = [Visitor(one, f"sub-{n}") for n, one in enumerate(browsers)]
            lanes = [
                Customer(chat, visitor, tally, itertools.count(1000 * n + 1), random.Random(n))
                for n, (chat, visitor) in enumerate(zip(chats, visitors, strict=True))
            ]
            # Everybody is asked how much by the old release, and answers the new one.
            await asyncio.gather(*(_begun(lane) for lane in lanes))
            before = set(site.ready)
            _release(tmp_path / "brand")
            site.renew()
            sent = 0
            async with asyncio.timeout(60):
                while before & set(await _alive(before)) or len(set(site.ready) - before) < 2:
                    # Messages go on being taken and answered while workers are replaced.
                    await chats[0].say("thanks")
                    sent += 1
                    await asyncio.sleep(0.2)
            await asyncio.gather(*(chat.say(str(7000 + n)) for n, chat in enumerate(chats)))
            await _all_hear(chats, "Put in")
            for chat in chats:
                await chat.say("make a deposit")
            await _all_hear(chats, "And how many pence")
        assert sent > 0
        assert all(sum("Put in" in one.text for one in chat.diary.shown) == 1 for chat in chats)


async def _begun(lane: Customer) -> None:
    await lane.chat.open()
    await lane.chat.say("make a deposit")
    async with asyncio.timeout(40):
        while True:
            shown = await lane.chat.diary.inbox.get()
            if "How many pence" in shown.text:
                return
            if shown.urls:
                code = await lane.visitor.follow(shown.urls[-1])
                assert code is not None
                await lane.chat.say(code)


async def _all_hear(chats: list[TelegramChat], words: str) -> None:
    async with asyncio.timeout(30):
        for chat in chats:
            while not any(words in one.text for one in chat.diary.shown):
                await chat.diary.inbox.get()


def _release(brand: Path) -> None:
    """Version 2 of the dialog asks in other words; version 1 is kept for whom it has asked."""
    dialog = brand / "dialogs" / "deposit.py"
    first = dialog.read_text()
    (brand / "dialogs" / "retired").mkdir()
    kept = first.replace("from ..services", "from ...services")
    (brand / "dialogs" / "retired" / "deposit_v1.py").write_text(kept)
    second = first.replace('intents=["deposit"]', 'version=2, intents=["deposit"]').replace(
        '"deposit.ask"', '"deposit.anew"'
    )
    dialog.write_text(second)
    with (brand / "text" / "en.ftl").open("a") as texts:
        texts.write("\ndeposit-anew = And how many pence today?\n    .hint = Only digits, please.\n")


async def _alive(pids: set[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]
