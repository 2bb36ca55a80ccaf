"""Commands that write, sent to the process that holds the database: a Unix socket beside it, for its own user alone."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, UnixConnector, web

from bot.errors import ParleyError, Permanent, StoreUnavailable, Temporary
from bot.observe import logger
from bot.store.urls import POSTGRES, sqlite_path

log = logger("parley.commands")

LONGEST = 100
"""Characters of a socket's address that every system takes."""

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Does one command; takes and returns plain JSON. Its errors of our family are told to whoever asked."""


class CommandRefused(Permanent):
    """The running process refused the command."""


class NoAnswer(Temporary):
    """The running process gave no answer; look at whether the command was done before it is given again."""


def socket_of(url: str) -> Path | None:
    """Where the process that holds this database takes commands; None where none is needed, or the path is too long."""
    if url.startswith(POSTGRES) or ":memory:" in url:
        return None
    path = Path(f"{sqlite_path(url)}.sock")
    return path if len(str(path)) <= LONGEST else None


class Commands:
    """Takes commands until it is stopped. A worker of the process that holds the database's lock."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path, self._handlers = path, dict(handlers)
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until `stop`."""
        app = web.Application()
        app.router.add_post("/{command}", self._do)
        runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await runner.setup()
        try:
            await web.SockSite(runner, _listening(self._path)).start()
            await self._stopping.wait()
        finally:
            await runner.cleanup()
            self._path.unlink(missing_ok=True)

    async def stop(self) -> None:
        """Take no more; what is under way ends first."""
        self._stopping.set()

    async def _do(self, request: web.Request) -> web.Response:
        handler = self._handlers.get(request.match_info["command"])
        if handler is None:
            return _said({"error": "It knows no such command: it may be of another release."})
        try:
            return _said({"done": await handler(msgspec.json.decode(await request.read()))})
        except ParleyError as error:
            return _said({"error": str(error)})
        except Exception as error:  # boundary: one command must not end the process that serves customers
            log.error("command failed", command=request.match_info["command"], exc_info=error)
            return _said({"error": f"It failed: {type(error).__name__}. The log has more."})


def _listening(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Ours is the database's lock, so whatever stands here is a dead process's.
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise StoreUnavailable(f"The data folder {path.parent} takes no socket ({error.strerror}).") from error
    finally:
        os.umask(before)
    listening.listen(8)
    listening.setblocking(False)
    return listening


def _said(value: Mapping[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


async def ask(path: Path, command: str, values: Mapping[str, Any], *, within: float = 600.0) -> Any:
    """Have the process that listens at `path` do a command. Raises `CommandRefused`, `NoAnswer`."""
    connector = UnixConnector(str(path))
    try:
        async with (
            ClientSession(connector=connector, timeout=ClientTimeout(total=within)) as session,
            session.post(f"http://parley/{command}", data=msgspec.json.encode(values)) as answer,
        ):
            told = msgspec.json.decode(await answer.read())
    except (TimeoutError, ClientConnectionError, msgspec.DecodeError) as error:
        raise NoAnswer(f"({path}: {type(error).__name__})") from error
    if "error" in told:
        raise CommandRefused(str(told["error"]))
    return told["done"]
