"""`app.py run` as an operator meets it: up, down, killed, reloaded, refused."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.dev.scaffold import new_brand

ROOT = Path(__file__).resolve().parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Running:
    """A started `app.py run` and a client for it."""

    process: asyncio.subprocess.Process
    port: int
    client: aiohttp.ClientSession
    config: Path
    log: Path
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def ready(self, within: float = 60.0) -> float:
        """Wait for /readyz; returns the seconds it took."""
        began = time.monotonic()
        while time.monotonic() - began < within:
            with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
                async with self.client.get(f"{self.url}/readyz") as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            if self.process.returncode is not None:
                break
            await asyncio.sleep(0.05)
        raise AssertionError(f"it did not become ready:\n{self.log.read_text()}")

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), 30)

    async def chat(self) -> None:
        """Open a session and its conversation."""
        async with self.client.post(f"{self.url}/chat/session", headers={"Origin": self.url}) as answer:
            assert answer.status == 200, await answer.text()
            self.said = await answer.json()

    async def say(self, text: str) -> int:
        address = f"{self.url}/v3/directline/conversations/{self.said['conversationId']}/activities"
        async with self.client.post(address, json={"type": "message", "text": text}, headers=self._bearer()) as answer:
            return answer.status

    async def insist(self, text: str) -> None:
        """Say it, again while the server is too busy to take it."""
        for _ in range(40):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                if await self.say(text) == 200:
                    return
            await asyncio.sleep(0.5)
        raise AssertionError(f"{text!r} was never taken")

    async def heard(self, wanted: str, within: float = 20.0) -> list[str]:
        """Everything the bot has said, once `wanted` is among it."""
        address = f"{self.url}/v3/directline/conversations/{self.said['conversationId']}/activities"
        began, texts = time.monotonic(), []
        while time.monotonic() - began < within:
            read: dict[str, Any] = {}
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.client.get(address, headers=self._bearer()) as answer:
                    assert answer.status in (200, 503), await answer.text()
                    read = await answer.json()
            if "activities" in read:
                texts = [one.get("text") or "" for one in read["activities"] if one["from"]["role"] == "bot"]
                if any(wanted in text for text in texts):
                    return texts
            await asyncio.sleep(0.1)
        raise AssertionError(f"never said {wanted!r}; said {texts}")

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.said['token']}"}


@contextlib.asynccontextmanager
async def running(folder: Path, *arguments: str, port: int | None = None) -> AsyncIterator[Running]:
    """A brand of its own in `folder`, served."""
    if not (folder / "acme").exists():
        new_brand(folder, "acme")
    config, log, at = folder / "acme" / "config.yml", folder / "log", port or free_port()
    # Words and letters alone: coding every example for the sentence encoder takes longer than any of these tests.
    env = {**CLEAN, "PARLEY_PORT": str(at), "PYTHONUNBUFFERED": "1", "PARLEY_NLU__ENCODER": str(folder / "none")}
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "app.py", "run", "--config", str(config), *arguments,
            cwd=ROOT, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    jar = aiohttp.CookieJar(unsafe=True)
    try:
        async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(5)) as client:
            yield Running(process, at, client, config, log)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for this module, so that its model is trained once."""
    folder = tmp_path_factory.mktemp("run")
    new_brand(folder, "acme")
    return folder


async def test_it_says_where_it_is_answers_and_stops_cleanly(brand: Path) -> None:
    async with running(brand) as site:
        await site.ready()
        await site.chat()
        assert await site.say("hello") == 200
        assert await site.heard("")
        pages = {"/": "Talk to a person", "/livez": "true", "/metrics": "parley_turns", "/chat": "parley-config"}
        for path, wanted in pages.items():
            async with site.client.get(site.url + path) as answer:
                assert answer.status == 200
                assert wanted in await answer.text()
        for path in ("/dev/turns", "/dev/backend", "/chat/assets/dev.js"):
            async with site.client.get(site.url + path) as answer:
                assert answer.status == 404, path
        assert await site.stop() == 0
    said = site.log.read_text()
    assert f"http://127.0.0.1:{site.port}/chat" in said
    assert "Traceback" not in said


async def test_the_other_name_of_this_machine_leads_to_the_one_that_sign_in_uses(brand: Path) -> None:
    async with running(brand) as site:
        await site.ready()
        async with site.client.get(f"http://localhost:{site.port}/chat", allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (302, f"{site.url}/chat")


async def test_a_port_in_use_is_one_clear_line(brand: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        async with running(brand, port=int(taken.getsockname()[1])) as site:
            assert await asyncio.wait_for(site.process.wait(), 30) == 1
            said = site.log.read_text().splitlines()[-1]
    assert re.match(r"Error: The address is taken\. .*PARLEY_PORT=\d+\.", said)


async def test_a_second_process_on_the_same_database_is_refused(brand: Path) -> None:
    async with running(brand) as site:
        await site.ready()
        async with running(brand) as second:
            assert await asyncio.wait_for(second.process.wait(), 60) == 1
        assert "Another process holds this database" in site.log.read_text()
        await site.ready()


@pytest.mark.promise("never-lost")
async def test_killed_under_supervision_it_comes_back_and_the_conversation_goes_on(brand: Path) -> None:
    async with running(brand, "--dev") as site:
        await site.ready()
        await site.chat()
        await site.say("how many calls did i make")
        await site.heard("sign in")
        with pytest.raises(aiohttp.ClientError):
            await site.client.post(f"{site.url}/dev/kill")
        # What is posted between two processes waits for the next one.
        assert await site.say("Talk to a person") == 200
        assert await site.heard("reference")
        async with site.client.get(f"{site.url}/dev/turns?after=0") as answer:
            turns = await answer.json()
        assert turns[-1]["text"] == "Talk to a person"
        assert turns[-1]["route"] == "human"
        assert any("reference" in row["text"] for row in turns[-1]["outbound"])
        async with site.client.post(f"{site.url}/dev/transcript", json={"name": "saved"}) as answer:
            saved = Path((await answer.json())["path"])
        written = saved.read_text()
        assert written.startswith("# Saved\n\n## As it was said\ngiven brand data\n\n> how many calls did i make\n")
        assert "\n> Talk to a person\n" in written
        assert await site.stop() == 0


@pytest.mark.parametrize(
    ("headers", "why"),
    [({"Host": "evil.example"}, "another name"), ({"Sec-Fetch-Site": "cross-site"}, "a foreign page")],
)
async def test_the_developers_routes_are_for_this_machine_alone(brand: Path, headers: dict[str, str], why: str) -> None:
    async with running(brand, "--dev") as site:
        await site.ready()
        for method, path in (("GET", "/dev/turns"), ("GET", "/dev/backend"), ("POST", "/dev/kill")):
            async with site.client.request(method, site.url + path, headers=headers) as answer:
                assert answer.status == 403, (why, path)


async def test_a_changed_text_is_said_within_three_seconds_and_the_conversation_is_kept(brand: Path) -> None:
    async with running(brand, "--reload") as site:
        await site.ready()
        await site.chat()
        await site.say("hello")
        before = await site.heard("")
        texts = site.config.parent / "text" / "en.ftl"
        kept = texts.read_text()
        began = time.monotonic()
        texts.write_text(f"{kept}\nhost-nothing-to-stop = Nothing whatever goes on.\n")
        try:
            while True:
                await asyncio.sleep(0.2)
                with contextlib.suppress(aiohttp.ClientError):
                    await site.say("stop")
                    if any("Nothing whatever" in text for text in await site.heard("")):
                        break
                assert time.monotonic() - began < 20
        finally:
            texts.write_text(kept)
        took = time.monotonic() - began
        after = await site.heard("Nothing whatever")
        assert after[: len(before)] == before
        # On a busy machine it may take longer than the three seconds that are aimed at.
        assert took < 10
        print(f"reload took {took:.1f} s")


async def test_a_new_example_is_read_within_three_seconds(brand: Path) -> None:
    # A new folder is a change by itself.
    (brand / "acme" / "nlu").mkdir(exist_ok=True)
    async with running(brand, "--reload") as site:
        await site.ready()
        await site.chat()
        await site.insist("hello")
        greeting = (await site.heard(""))[-1]
        file = site.config.parent / "nlu" / "nlu_more.yml"
        ups = site.log.read_text().count(" is up:")
        began = time.monotonic()
        file.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - blorp the wibble\n')
        try:
            while site.log.read_text().count(" is up:") == ups:
                await asyncio.sleep(0.05)
                assert time.monotonic() - began < 60
            took = time.monotonic() - began
            await site.insist("blorp the wibble")
            for _ in range(100):
                if (await site.heard("")).count(greeting) == 2:
                    break
                await asyncio.sleep(0.1)
            assert (await site.heard("")).count(greeting) == 2
        finally:
            file.unlink()
        # On a busy machine it may take longer than the three seconds that are aimed at.
        assert took < 30
        print(f"reload took {took:.1f} s")


async def test_broken_code_waits_for_its_mending(brand: Path) -> None:
    async with running(brand, "--reload") as site:
        await site.ready()
        broken = site.config.parent / "dialogs"
        broken.mkdir(exist_ok=True)
        file = broken / "broken.py"
        file.write_text("x = = 1\n")
        try:
            for _ in range(200):
                await asyncio.sleep(0.1)
                if "Waiting for a change." in site.log.read_text():
                    break
            assert "broken.py line 1" in site.log.read_text()
        finally:
            file.unlink()
        await site.ready()
