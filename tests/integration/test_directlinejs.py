"""Microsoft's own client (botframework-directlinejs, in Node) speaks with the endpoint, by WebSocket and by polling."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.model import Choice, Outbound
from bot.ports import Store
from bot.store.sqlite import open_sqlite
from tests.contract.chat_site import HandClock, Site, answer, close_site, open_site

FOLDER = Path(__file__).parent / "directline"
pytestmark = pytest.mark.node


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    missing = "node" if shutil.which("node") is None else None
    if missing is None and not (FOLDER / "node_modules" / "botframework-directlinejs").is_dir():
        missing = "the packages of tests/integration/directline (npm ci)"
    if missing and os.environ.get("PARLEY_REQUIRE_ALL") == "1":
        pytest.fail(f"{missing} is missing and PARLEY_REQUIRE_ALL=1")
    if missing:
        pytest.skip(f"{missing} is missing")


class Client:
    """The client's process: tell it what to do, wait for what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []

    def tell(self, command: str, value: Any = None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, "value": value}).encode() + b"\n")

    def post(self, text: str, **more: Any) -> None:
        self.tell("post", {"type": "message", "from": {"id": "me"}, "text": text, **more})

    async def until(self, wanted: Callable[[dict[str, Any]], Any], within: float = 15.0) -> dict[str, Any]:
        """The first line, heard before or from now on, that is wanted; it is not given twice."""
        assert self._process.stdout is not None
        async with asyncio.timeout(within):
            while True:
                for index, line in enumerate(self.heard):
                    if wanted(line):
                        return self.heard.pop(index)
                raw = await self._process.stdout.readline()
                assert raw, f"the client ended; it said {self.heard}"
                self.heard.append(json.loads(raw))

    async def status(self, name: str) -> None:
        await self.until(lambda line: line.get("status") == name)

    async def activity(self, text: str) -> dict[str, Any]:
        line = await self.until(lambda line: line.get("activity", {}).get("text") == text)
        return dict(line["activity"])


@asynccontextmanager
async def client(site: Site, token: str, *, socket: bool) -> AsyncIterator[Client]:
    options = {"domain": site.url("/v3/directline"), "token": token, "webSocket": socket}
    process = await asyncio.create_subprocess_exec(
        "node", "--no-warnings", str(FOLDER / "client.js"), json.dumps(options),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1024 * 1024,
    )  # fmt: skip
    try:
        yield Client(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = open_sqlite(":memory:", log_channels=frozenset({"webchat"}))
    yield opened
    await opened.close()


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    opened = await open_site(store, poll=0.05, clock=HandClock())
    yield opened
    await close_site(opened)


@pytest.mark.parametrize("socket", [True, False], ids=["websocket", "polling"])
async def test_the_client_connects_posts_and_reads(site: Site, socket: bool) -> None:
    opened = await site.session()
    async with client(site, opened["token"], socket=socket) as one:
        await one.status("Online")
        one.post("hello", channelData={"clientActivityID": "c-1"})
        posted = await one.until(lambda line: "posted" in line)
        echo = await one.activity("hello")
        assert echo["id"] == posted["posted"] == f"{opened['conversationId']}|0000001"
        assert echo["channelData"]["clientActivityID"] == "c-1" and echo["from"]["role"] == "user"
        await answer(site.store, Outbound("Cancel?", choices=(Choice("yes", "Yes", "n-1"),), op="q"))
        asked = await one.activity("Cancel?")
        (action,) = asked["suggestedActions"]["actions"]
        one.post("Yes", value=action["value"])
        await one.activity("Yes")
        (claim,) = await site.store.claim(1, lease=10)
        assert (claim.inbound.kind, claim.inbound.data["nonce"]) == ("press", "n-1")
        one.tell("session")
        assert (await one.until(lambda line: "session" in line))["session"]


async def test_after_a_lost_socket_the_client_gets_what_was_said_meanwhile(site: Site) -> None:
    opened = await site.session()
    async with client(site, opened["token"], socket=True) as one:
        await one.status("Online")
        one.post("hello")
        await one.activity("hello")
        await site.chat.sockets.close()
        # Three seconds pass before the client asks for its new stream; it stays "Online" all the while.
        await answer(site.store, Outbound("while you were away"))
        await one.activity("while you were away")
        one.post("thanks")
        await one.activity("thanks")
        assert [line for line in one.heard if line.get("activity", {}).get("text") == "hello"] == []


async def test_an_expired_token_is_told_as_expired(site: Site) -> None:
    opened = await site.session()
    async with client(site, opened["token"], socket=False) as one:
        await one.status("Online")
        site.clock.move(minutes=31)
        await one.status("ExpiredToken")


async def test_a_refused_post_reaches_the_client_as_an_error_and_it_goes_on(site: Site) -> None:
    opened = await site.session()
    async with client(site, opened["token"], socket=True) as one:
        await one.status("Online")
        one.post("x" * 16_001)
        assert (await one.until(lambda line: "refused" in line))["refused"] == 413
        one.post("shorter")
        await one.activity("shorter")


async def test_a_site_with_its_secret_gives_its_customer_a_token_that_the_client_can_use(site: Site) -> None:
    _, given, _ = await site.call("POST", "/tokens/generate", "site-secret-of-the-tests", json={"user": {"id": "dl_7"}})
    async with client(site, given["token"], socket=True) as one:
        await one.status("Online")
        one.post("hello")
        assert (await one.activity("hello"))["from"]["id"] == "dl_7"
