"""Socket Mode: no public address needed. Slack sends again whatever is not acknowledged.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.response import BoltResponse
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from adapters.slack.client import Client, translated
from bot.errors import ParleyError, Temporary
from bot.observe import logger

log = logger("parley.slack")

_PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
Dispatch = Callable[[dict[str, Any]], Awaitable[BoltResponse]]


class SocketReader:
    """A worker that keeps a socket to Slack open and answers what comes, one after the other."""

    def __init__(self, client: Client, app_token: str, dispatch: Dispatch) -> None:
        self._client, self._app_token, self._dispatch = client, app_token, dispatch
        self._stopping = asyncio.Event()
        self._one = asyncio.Lock()

    async def run(self) -> None:
        """Read until `stop`."""
        # Made here, for it starts its own tasks and connections at once.
        socket = SocketModeClient(self._app_token, web_client=self._client.web)
        socket.socket_mode_request_listeners.append(self._requested)
        try:
            if await self._opened(socket):
                await self._stopping.wait()
        finally:
            await _closed(socket)

    async def _opened(self, socket: SocketModeClient) -> bool:
        """Connect, trying until it works; the library itself connects anew whenever the socket breaks later."""
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._client.me()
                async with translated():
                    # Asked here first: the library would try for ever, and never say that the token is wrong.
                    socket.wss_uri = await socket.issue_new_wss_url()
                await socket.connect()  # type: ignore[no-untyped-call]
                return True
            except ParleyError as error:
                asked = error.retry_after if isinstance(error, Temporary) else None
                pause = max(asked or 0.0, _PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                log.warning("socket not opened", reason=str(error), again_in=pause)
                await self._wait(pause)
        return False

    async def _requested(self, socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        # The library begins with each message as it comes; the lock lets them end in that order too.
        async with self._one:
            began = time.time()
            response = await self._dispatch(request.payload)
            await send_async_response(socket, request, response, began)

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def stop(self) -> None:
        """Read no more."""
        self._stopping.set()


async def _closed(socket: SocketModeClient) -> None:
    if socket.current_session is not None:
        await socket.close()  # type: ignore[no-untyped-call]
        return
    # Its own way of closing needs a session.
    socket.closed = True
    socket.message_processor.cancel()
    await socket.aiohttp_client_session.close()
