"""Files that customers send: fetched with the platform's token, looked at, kept; nothing else is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from adapters import fetching
from adapters.fetching import FileGone, FileTooLarge, ForeignHost, NotFetched, Source, fetch, inside
from adapters.files import KeptFiles, NotTaken, type_of
from bot.errors import StoreUnavailable
from bot.model import Address, Inbound
from bot.observe import heard
from bot.ports import Sql, Store
from tests.contract.rigs import messenger, slack, telegram
from tests.contract.rigs.base import HandClock, edge, memory_store

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
PDF = b"%PDF-1.7 and the rest"


async def kept(store: Store) -> list[dict[str, Any]]:
    return await store.query("SELECT state, why, name, type, size, ref, body FROM kept_file ORDER BY at, id")


# Each platform, with its own token


async def test_a_photo_from_telegram_is_kept_and_its_address_is_not() -> None:
    async with telegram.opened() as rig:
        rig.fake.files["big"] = PNG
        photo = [{"file_id": "big", "file_unique_id": "u", "width": 9, "height": 9, "file_size": len(PNG)}]
        update = rig.fake.chats.says(1001, "", photo=photo, caption="my meter")
        for _ in range(2):
            assert await rig.fake.post(rig.client, update) == 200
        assert await rig.telegram.fetch_files() == 1
        assert await rig.telegram.fetch_files() == 0
        (row,) = await kept(rig.store)
        assert (row["state"], row["type"], row["size"], bytes(row["body"])) == ("kept", "image/png", len(PNG), PNG)
        assert row["ref"] == ""


async def test_a_file_from_slack_is_fetched_with_the_bots_token() -> None:
    async with slack.opened() as rig:
        rig.fake.files["F1"] = PDF
        files = [{"id": "F1", "name": "bill.pdf", "mimetype": "application/pdf", "size": len(PDF)}, {"id": "F2"}]
        said = rig.fake.workspace.says("1001", "here", subtype="file_share", files=files)
        assert await rig.fake.post(said) == 200
        assert await rig.slack.fetch_files() == 1
        rows = {row["name"]: row for row in await kept(rig.store)}
        assert bytes(rows["bill.pdf"]["body"]) == PDF
        # The other one is not there: refused for good, and its reason has nobody's words.
        assert rows["file"]["state"] == "refused"


async def test_a_file_from_messenger_is_fetched_by_its_own_address() -> None:
    async with messenger.opened() as rig:
        rig.fake.files["a.png"] = PNG
        base = f"{rig.messenger.graph.api}/"
        attachments = [
            {"type": "image", "payload": {"url": f"{base}cdn/a.png"}},
            {"type": "image", "payload": {"url": "https://evil.example/a.png"}},
            {"type": "image", "payload": {"url": "http://169.254.169.254/latest/meta-data"}},
        ]
        assert await rig.fake.post(rig.fake.page.says("1001", "", attachments=attachments)) == 200
        assert await rig.messenger.fetch_files() == 1
        assert sorted((row["state"], row["why"]) for row in await kept(rig.store)) == [
            ("kept", ""),
            ("refused", "ForeignHost"),
            ("refused", "ForeignHost"),
        ]


# What is kept


@pytest.mark.parametrize(
    ("body", "type_"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        (b"GIF89a...", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (PDF, "application/pdf"),
        (b"OggS\0", "audio/ogg"),
        (b"\0\0\0 ftypisom", "video/mp4"),
        ("Meter: 4711, naïve".encode(), "text/plain"),
    ],
)
def test_the_type_is_read_from_the_bytes(body: bytes, type_: str) -> None:
    assert type_of(body) == type_


@pytest.mark.parametrize(
    "body",
    [b"", b"MZ\x90\0", b"\x7fELF", b"PK\x03\x04", b" <svg onload=x>", b"<!doctype html>", b"a\0b", b"\xff\xfe\x00"],
)
def test_what_could_run_or_cannot_be_told_is_not_taken(body: bytes) -> None:
    with pytest.raises(NotTaken):
        type_of(body)


@asynccontextmanager
async def files() -> AsyncIterator[tuple[KeptFiles, Store, HandClock]]:
    clock = HandClock()
    async with memory_store(clock) as store:
        yield KeptFiles(store, clock, "page"), store, clock


def sent(clock: HandClock, key: str = "k1", ref: str = "r1") -> Inbound:
    data = {"name": "bill.pdf", "type": "application/pdf", "size": 9, "ref": ref}
    return Inbound(key, "file", clock.now(), Address("larkspur", "page", "messenger", "1001"), data=data)


async def test_nothing_is_noted_of_a_file_that_could_not_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with files() as (keeper, store, clock):

        async def down(*_: object, **__: object) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as patch:
            patch.setattr(type(store), "change", down)
            with pytest.raises(StoreUnavailable):
                await keeper.accept(sent(clock))
        assert await kept(store) == []
        assert (await keeper.accept(sent(clock))).fresh
        assert not (await keeper.accept(sent(clock))).fresh
        assert len(await kept(store)) == 1


async def test_a_platform_that_does_not_answer_is_asked_again_and_then_no_more() -> None:
    async with files() as (keeper, store, clock):
        await keeper.accept(sent(clock))

        async def secretive(ref: str) -> Source:
            raise NotFetched(f"https://example/bot1:TOKEN/{ref}", retry_after=1)

        with heard() as logs:
            for _ in range(8):
                assert await keeper.fetch(secretive) == 0
                await store.change([Sql("UPDATE kept_file SET held = 0 WHERE held IS NOT NULL")])
        (row,) = await kept(store)
        assert (row["state"], row["why"], row["ref"]) == ("refused", "NotFetched", "")
        assert "TOKEN" not in str(logs) + str(row)


# Where files come from


@pytest.mark.parametrize(
    "url",
    [
        "http://files.slack.com/x",
        "https://files.slack.com.evil.example/x",
        "https://evil-slack-files.com/x",
        "https://files.slack.com:8443/x",
        "https://files.slack.com@evil.example/x",
        "https://me@files.slack.com/x",
        "https://127.0.0.1/x",
        "file:///etc/passwd",
        "",
    ],
)
async def test_only_the_platforms_own_hosts_are_asked(url: str) -> None:
    with pytest.raises(ForeignHost):
        await fetch(Source(url, ("files.slack.com", ".slack-files.com")))


async def test_a_platforms_name_that_leads_into_our_network_leads_nowhere() -> None:
    # A name that resolves to this machine stands for one whose owner points it at our network.
    with pytest.raises(NotFetched):
        await fetch(Source("https://localhost/x", ("localhost",)))
    assert inside("http://127.0.0.1:8081") == "127.0.0.1"
    assert inside("https://api.telegram.org") == ""


async def answering(handler: Any, **source: Any) -> bytes:
    async with edge([web.get("/{path:.*}", handler)]) as server:
        return await fetch(Source(str(server.make_url("/x")), (), local="127.0.0.1", **source), most=1000)


async def test_the_token_goes_to_the_first_address_alone() -> None:
    seen: list[tuple[str, str | None]] = []

    async def lead(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("Authorization")))
        if request.path == "/x":
            raise web.HTTPFound("/y")
        return web.Response(body=PNG)

    assert await answering(lead, headers={"Authorization": "Bearer t"}) == PNG
    assert seen == [("/x", "Bearer t"), ("/y", None)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: web.Response(status=404), FileGone),
        (lambda: web.Response(status=503), NotFetched),
        (lambda: web.Response(body=bytes(1001)), FileTooLarge),
        (lambda: web.Response(status=302, headers={"Location": "https://evil.example/"}), ForeignHost),
        (lambda: web.Response(status=302, headers={"Location": "/x"}), FileGone),
    ],
)
async def test_what_a_host_may_answer(answer: Any, error: type[Exception]) -> None:
    async def handler(request: web.Request) -> web.Response:
        found: web.Response = answer()
        return found

    with pytest.raises(error):
        await answering(handler)


async def test_a_body_that_does_not_end_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(bytes(100))
        return response

    with pytest.raises(FileTooLarge):
        await answering(endless)


def test_a_source_shows_no_token() -> None:
    source = Source("https://api.telegram.org/file/bot1:TOKEN/x", ("api.telegram.org",), {"Authorization": "TOKEN"})
    assert "TOKEN" not in repr(source)
    assert fetching.SIZE == 10 * 1024 * 1024
