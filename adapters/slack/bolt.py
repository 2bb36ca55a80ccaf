"""Bolt as the one place where both ways in are acknowledged: only after the durable write, never by a listener."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import Temporary
from bot.observe import logger

log = logger("parley.slack")

Take = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Takes a body durably; returns what its sender alone is shown. Raises `Temporary`."""


class Acknowledger(AsyncMiddleware):
    """Bolt's app with this as its first step, and without listeners, `ssl_check` or verification (ours came first).

    A step of this kind is given the request as it is; for a plain function Bolt would read the body on trust first.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._app = AsyncApp(
            # Without a name Bolt reads the source of every caller to make one up. It sets the level of the logger of
            # that name, so that must be none of ours.
            name="slack-bolt",
            # It makes no call: who we are is asked elsewhere, once.
            client=AsyncWebClient(retry_handlers=[]),
            authorize=_nobody,
            before_authorize=self,
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

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, next: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        """Answer the request here, but for the challenge with which Slack checks our address."""
        if req.body.get("type") == "url_verification":
            return await next()
        return await self._taken(req.body)

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
