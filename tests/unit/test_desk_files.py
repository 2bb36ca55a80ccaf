"""Files that agents send: what they are, and who can open them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.model import Address, File, Inbound
from bot.ports import Sql
from bot.web import Drain, Health, build_app
from bot.web.downloads import Downloads
from bot.web.problems import BadBody, NotFound
from desk.files import Files, type_of
from tests.worlds.desk import DeskWorld


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a....", "image/gif"),
        (b"RIFF....WEBPVP8 ", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
        ("Liebe Grüße\n".encode(), "text/plain"),
        (b"MZ\x90\x00\x03\x00\x00", None),
        (b"\x00\x01\x02", None),
        (b"\xff\xfe\x00a", None),
    ],
)
def test_a_file_is_what_its_bytes_say(body: bytes, type_: str | None) -> None:
    assert type_of(body) == type_


@pytest.fixture
async def opened() -> AsyncIterator[Any]:
    """A file sent to a chat, a way to open it from a browser, and whether that browser is the chat's own."""
    world = DeskWorld(["customer C-1001"])
    here = {"same": True}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(world.close)
        files = Files(world.store, world.clock, 1000)

        async def open_file(ref: str, customer: str) -> bytes:
            return await files.open(ref)

        async def same(request: web.Request, address: Address) -> bool:
            return here["same"]

        downloads = Downloads(world.store, world.clock, world.login, open_file, same, "http://chat.example")
        app = build_app(routes=downloads.routes(), health=Health({}, drain=Drain()), drain=Drain())
        server = await stack.enter_async_context(TestServer(app))
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def send(address: Address) -> str:
            await world.store.accept(Inbound(f"m {address.user}", "message", world.clock.now(), address, text="hello"))
            await world.settle()
            id = await world.store.conversation_of(address)
            values = {"id": "f1" + address.user, "item": "i", "conversation": id, "agent": "a", "body": b"%PDF-1.7"}
            await world.store.change(
                [
                    Sql(
                        "INSERT INTO desk_file (id, item, conversation, agent, name, type, size, body, at)"
                        " VALUES (:id, :item, :conversation, :agent, 'letter.pdf', 'application/pdf', 8, :body, 0)",
                        values,
                    )
                ]
            )
            made = await downloads.mint(id, File(f"desk:{values['id']}", "letter.pdf", "application/pdf", 8))
            return made.replace("http://chat.example", str(server.make_url("")).rstrip("/"))

        async def get(url: str) -> tuple[int, bytes]:
            async with session.get(url) as answer:
                return answer.status, await answer.read()

        yield world, here, send, get


async def test_the_customer_opens_it_without_an_account(opened: Any) -> None:
    world, here, send, get = opened
    url = await send(world.address())
    assert await get(url) == (200, b"%PDF-1.7")
    here["same"] = False
    assert (await get(url))[0] == 404
    here["same"] = True
    world.clock.move(timedelta(minutes=6))
    assert (await get(url))[0] == 404


@pytest.mark.promise("private")
async def test_nobody_opens_it_in_a_group_or_after_the_chat_has_changed_hands(opened: Any) -> None:
    world, _, send, get = opened
    group = await send(replace(world.address("bo"), kind="group"))
    assert (await get(group))[0] == 404
    await world.login.know(world.address(), "C-1001")
    await world.says("what is my balance")
    assert (await world.store.query("SELECT person FROM conversation WHERE user_id = 'ana'"))[0]["person"]
    url = await send(world.address())
    assert (await get(url))[0] == 200
    await world.login.know(world.address(), "C-1002")
    assert (await get(url))[0] == 404


async def test_what_a_customer_sends_is_kept_for_whoever_takes_the_conversation(opened: Any) -> None:
    world, *_ = opened
    await world.says("talk to a person")
    conversation = await world.store.conversation_of(world.address())
    ref = await world.site.files.keep(conversation, "bill.pdf", "text/html", b"%PDF-1.7 mine")
    shown = await world.site.files.show(ref.removeprefix("desk:"), await world.case())
    assert (shown.body, shown.content_type) == (b"%PDF-1.7 mine", "application/pdf")
    with pytest.raises(NotFound):
        await world.site.files.show(ref.removeprefix("desk:"), "another case")
    with pytest.raises(BadBody):
        await world.site.files.keep(conversation, "x.pdf", "application/pdf", b"MZ\x90\x00")
