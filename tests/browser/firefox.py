"""Firefox, driven over WebDriver BiDi (w3.org/TR/webdriver-bidi), which it speaks by itself: as little of it as a test
needs, with real clicks and keys."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

QUIET = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "intl.accept_languages": "en-GB, en",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,none/v1",
    "toolkit.telemetry.enabled": False,
}
"""A fresh profile's settings: nothing is asked of the world, and nobody is greeted."""

_LAST = """(css, text) => {
  const found = [...document.querySelectorAll(css)].filter((one) => one.textContent.includes(text)).at(-1) ?? null;
  found?.scrollIntoView({ block: "center" });
  return found;
}"""
_ENTER = "\ue007"


def firefox() -> str | None:
    """Where Firefox is."""
    named = os.environ.get("PARLEY_FIREFOX")
    return named or next((found for name in ("firefox-esr", "firefox") if (found := shutil.which(name))), None)


class FirefoxRefused(Exception):
    """Firefox answered a command with an error."""


class Firefox:
    """A browser. `errors` are what its pages' scripts have thrown or logged as errors."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self.errors: list[str] = []
        self.reader = asyncio.create_task(self._read())

    async def call(self, method: str, **params: Any) -> Any:
        """One command's result. Raises `FirefoxRefused`."""
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        try:
            async with asyncio.timeout(30):
                return await self._waiting[number]
        finally:
            del self._waiting[number]

    async def tabs(self) -> list[Tab]:
        """The open tabs, oldest first."""
        tree = await self.call("browsingContext.getTree", maxDepth=0)
        return [Tab(self, one["context"]) for one in tree["contexts"]]

    async def new_tab(self, known: Sequence[Tab], within: float = 15.0) -> Tab:
        """The tab that was opened since, by a page."""
        async with asyncio.timeout(within):
            while True:
                for tab in await self.tabs():
                    if tab.id not in {one.id for one in known}:
                        return tab
                await asyncio.sleep(0.05)

    async def _read(self) -> None:
        async for message in self._socket:
            said = message.json()
            if said["type"] == "event":
                if said["params"].get("level") == "error":
                    self.errors.append(str(said["params"].get("text")))
                continue
            future = self._waiting.get(said.get("id", 0))
            if future is None or future.done():
                continue
            if said["type"] == "success":
                future.set_result(said["result"])
            else:
                future.set_exception(FirefoxRefused(f"{said['error']}: {said['message']}"))


class Tab:
    """One tab of it."""

    def __init__(self, browser: Firefox, id: str) -> None:
        self.browser, self.id = browser, id

    async def go(self, url: str) -> None:
        """Open an address."""
        await self.browser.call("browsingContext.navigate", context=self.id, url=url, wait="complete")

    async def reload(self) -> None:
        """Load the page anew."""
        await self.browser.call("browsingContext.reload", context=self.id, wait="complete")

    async def text(self, css: str = "body") -> str:
        """What is written in the first such element; "" while there is none."""
        found = await self._run("(css) => document.querySelector(css)?.innerText ?? ''", css)
        return str(found.get("value", ""))

    async def shows(self, wanted: str, css: str = "body", within: float = 20.0) -> str:
        """The element's text, once it has this in it."""
        said = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while True:
                    # A page that is being left has nothing to say for a moment.
                    with suppress(FirefoxRefused):
                        said = await self.text(css)
                        if wanted in said:
                            return said
                    await asyncio.sleep(0.05)
        raise AssertionError(f"never showed {wanted!r}; shows {said!r}")

    async def click(self, css: str, text: str = "", within: float = 15.0) -> None:
        """Click the last such element with this text, as a hand would."""
        async with asyncio.timeout(within):
            while True:
                found = await self._run(_LAST, css, text)
                if found.get("type") == "node":
                    break
                await asyncio.sleep(0.05)
        origin = {"type": "element", "element": {"sharedId": found["sharedId"]}}
        moves = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": origin},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._act({"type": "pointer", "id": "mouse", "actions": moves})

    async def write(self, text: str) -> None:
        """Type into what has the focus, and press Enter."""
        keys = [{"type": kind, "value": key} for key in (*text, _ENTER) for kind in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keyboard", "actions": keys})

    async def _act(self, source: dict[str, Any]) -> None:
        await self.browser.call("input.performActions", context=self.id, actions=[source])

    async def _run(self, function: str, *arguments: str) -> dict[str, Any]:
        answer = await self.browser.call(
            "script.callFunction",
            functionDeclaration=function,
            arguments=[{"type": "string", "value": one} for one in arguments],
            target={"context": self.id},
            awaitPromise=False,
        )
        if answer["type"] != "success":
            raise FirefoxRefused(str(answer.get("exceptionDetails", {}).get("text")))
        result: dict[str, Any] = answer["result"]
        return result


@asynccontextmanager
async def running(program: str, folder: Path) -> AsyncIterator[Firefox]:
    """Firefox without a window, with a fresh profile in `folder`."""
    profile = folder / "profile"
    profile.mkdir()
    prefs = "".join(f"user_pref({_js(name)}, {_js(value)});\n" for name, value in QUIET.items())
    (profile / "user.js").write_text(prefs, "utf-8")
    process = await asyncio.create_subprocess_exec(
        program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0", "about:blank",
        env={**os.environ, "HOME": str(folder), "MOZ_CRASHREPORTER_DISABLE": "1"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    draining: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"BiDi listening on (ws://\S+)", line := await process.stderr.readline())):
                assert line, "Firefox ended before it could be spoken to"
        draining = asyncio.create_task(_drain(process.stderr))
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{found[1].decode()}/session", max_msg_size=0) as socket,
        ):
            browser = Firefox(socket)
            await browser.call("session.new", capabilities={})
            await browser.call("session.subscribe", events=["log.entryAdded"])
            yield browser
            browser.reader.cancel()
    finally:
        if draining is not None:
            draining.cancel()
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 20)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass


def _js(value: str | bool) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
