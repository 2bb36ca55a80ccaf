"""Bolt as the one place where both ways in are acknowledged: only after the durable write, never by a listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import Temporary
from bot.observe import logger

log = logger("parley.slack")

Take = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Takes a body durably; returns what its sender alone is shown. Raises `Temporary`."""


class Acknowledger:
    """Bolt's app without a listener, its request verification (ours came first) or its `ssl_check`."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._app = AsyncApp(
            # It makes no call: who we are is asked elsewhere, once.
            client=AsyncWebClient(retry_handlers=[]),
            authorize=_nobody,
            before_authorize=self._before,
            request_verification_enabled=False,
            ssl_check_enabled=False,
            ignoring_self_events_enabled=False,
        )

    async def dispatch(self, body: dict[str, Any]) -> BoltResponse:
        """The answer to a body that is known to be Slack's: 200 once it is durable, 503 while it cannot be."""
        try:
            # Told that it came by the socket, for then Bolt takes a body that is read and checked already.
            request = AsyncBoltRequest(mode="socket_mode", body=body)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            # Bolt reads ids on trust, before anything else; what is odd there is still ours to take or keep.
            return await self._taken(body)
        return await self._app.async_dispatch(request)

    async def _before(self, request: AsyncBoltRequest, next: Callable[[], Awaitable[BoltResponse]]) -> BoltResponse:
        if request.body.get("type") == "url_verification":
            return await next()
        return await self._taken(request.body)

    async def _taken(self, body: Mapping[str, Any]) -> BoltResponse:
        try:
            answer = await self._take(body)
        except Temporary as error:
            # Anything but a 2xx, or no acknowledgement at all, and Slack sends it again.
            log.warning("not acknowledged", reason=str(error))
            return BoltResponse(status=503, body="")
        if not answer:
            return BoltResponse(status=200, body="")
        shown = msgspec.json.encode({"response_type": "ephemeral", "text": answer}).decode()
        return BoltResponse(status=200, body=shown, headers={"content-type": ["application/json"]})


async def _nobody() -> AuthorizeResult:
    """Bolt asks who installed the app before it looks at anything; nothing here depends on it."""
    return AuthorizeResult(enterprise_id=None, team_id=None)
