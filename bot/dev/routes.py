"""`/dev/…`: what happened inside, and switches to make things go wrong. Loopback only, and only under `--dev`."""

from __future__ import annotations

import ipaddress
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from bot.dev.traces import Traces
from bot.ports import Store
from bot.web import BadBody, Forbidden, NotFound, json

Save = Callable[[str, str], Awaitable[Path]]
"""Write a conversation (its id) as a transcript of this name; returns the file."""


class Failures(Protocol):
    """A backend's failure switch."""

    mode: Any


class _Mode(msgspec.Struct, forbid_unknown_fields=True):
    mode: str


class _Name(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class DevRoutes:
    """The developer's routes. A request must come from this machine, to a name of it, and not from a foreign page."""

    def __init__(self, store: Store, traces: Traces, failures: Failures | None, save: Save) -> None:
        self._store, self._traces, self._failures, self._save = store, traces, failures, save

    def routes(self) -> list[web.RouteDef]:
        """All of them, each guarded."""
        return [
            web.get("/dev/turns", _guarded(self._turns), name="dev-turns"),
            web.get("/dev/backend", _guarded(self._backend), name="dev-backend"),
            web.post("/dev/backend", _guarded(self._switch), name="dev-switch"),
            web.post("/dev/kill", _guarded(self._kill), name="dev-kill"),
            web.post("/dev/transcript", _guarded(self._transcript), name="dev-transcript"),
        ]

    async def _turns(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isdigit():
            raise BadBody("`after` is a turn's number.")
        return json(await self._traces.read(self._store, int(after)))

    async def _backend(self, request: web.Request) -> web.Response:
        return json({"mode": self._switchable().mode})

    async def _switch(self, request: web.Request) -> web.Response:
        asked = await _body(request, _Mode)
        try:
            self._switchable().mode = asked.mode
        except ValueError as error:
            raise BadBody(str(error)) from None
        return json({"mode": asked.mode})

    async def _kill(self, request: web.Request) -> web.Response:
        # As hard as it gets: nothing is flushed, closed or answered. The supervisor starts the process anew.
        os.kill(os.getpid(), signal.SIGKILL)
        raise Forbidden("This process cannot be killed.")

    async def _transcript(self, request: web.Request) -> web.Response:
        asked = await _body(request, _Name)
        if not re.fullmatch(r"[a-z0-9_-]{1,60}", asked.name):
            raise BadBody("A name has small letters, digits, - and _.")
        if self._traces.latest is None:
            raise NotFound("There is no conversation to save yet.")
        return json({"path": str(await self._save(self._traces.latest, asked.name))})

    def _switchable(self) -> Failures:
        if self._failures is None:
            raise NotFound("The brand's backend has no failure switch.")
        return self._failures


def _guarded(handler: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    async def guarded(request: web.Request) -> web.Response:
        peer = request.remote or ""
        # The Host check keeps a foreign site out that has pointed its own name at this machine (DNS rebinding).
        if not _loopback(peer) or urlsplit(f"//{request.host}").hostname not in ("localhost", "127.0.0.1", "::1"):
            raise Forbidden("This is for the developer at this machine.")
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("This is for the developer's own page.")
        return await handler(request)

    return guarded


def _loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


async def _body(request: web.Request, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.MsgspecError as error:
        raise BadBody(str(error)) from None
