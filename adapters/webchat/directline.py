"""The Direct Line 3.0 endpoint, as its browser clients use it, on the one log.

Contract: "Key concepts in the Bot Framework Direct Line API 3.0" and its API reference (learn.microsoft.com).
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import hdrs, web

from adapters.webchat import upload
from adapters.webchat.activities import Shaper, activity_id
from adapters.webchat.incoming import locale_of, parse
from adapters.webchat.intake import Intake
from adapters.webchat.keys import derive
from adapters.webchat.origins import Origins
from adapters.webchat.paces import Paces
from adapters.webchat.problems import (
    BadActivity,
    BadWatermark,
    Ended,
    FilesNotTaken,
    OtherConversation,
    SecretWrong,
    TokenMissing,
)
from adapters.webchat.session import WebSessions
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.stream import Sockets, StreamTokens
from adapters.webchat.tokens import Grant, Tokens
from bot.observe.metrics import REFUSED
from bot.ports import Sql, Store
from bot.web import EXTRA, BadBody, Refused, json

PREFIX = "/v3/directline"
PAGE = 500
"""Entries in one answer to a poll."""

_USER = re.compile(r"dl_[A-Za-z0-9._@:-]{1,60}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class DirectLine:
    """The calls under `/v3/directline`."""

    def __init__(
        self,
        *,
        store: Store,
        settings: WebChatSettings,
        origins: Origins,
        tokens: Tokens,
        sessions: WebSessions,
        intake: Intake,
        shaper: Shaper,
        streams: StreamTokens,
        sockets: Sockets,
        paces: Paces,
        files: upload.FileKeeper | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._origins = origins
        self._tokens = tokens
        self._sessions = sessions
        self._intake = intake
        self._shaper = shaper
        self._streams = streams
        self._sockets = sockets
        self._paces = paces
        self._files = files
        self._session_key = derive(settings.secret, "session-id")

    def routes(self) -> list[web.RouteDef]:
        """The routes, each answering only pages of origins that may ask."""
        one = PREFIX + "/conversations/{conversation}"
        return [
            web.options(PREFIX + "/{rest:.*}", self._guard(self._preflight), name="directline-preflight"),
            web.post(PREFIX + "/tokens/generate", self._guard(self._generate), name="directline-generate"),
            web.post(PREFIX + "/tokens/refresh", self._guard(self._refresh), name="directline-refresh"),
            web.get(PREFIX + "/session/getsessionid", self._guard(self._session_id), name="directline-session"),
            web.post(PREFIX + "/conversations", self._guard(self._start), name="directline-start"),
            web.get(one, self._guard(self._reconnect), name="directline-reconnect"),
            web.post(one + "/activities", self._guard(self._post), name="directline-post"),
            web.get(one + "/activities", self._guard(self._get), name="directline-get"),
            web.post(one + "/upload", self._guard(self._upload), name="directline-upload"),
            web.get(one + "/stream", self._guard(self._stream), name="directline-stream"),
        ]

    def _guard(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                request[EXTRA] = self._origins.cors(request)
                return await handler(request)
            except Refused as refused:
                REFUSED.labels("webchat", refused.code).inc()
                raise

        return guarded

    async def _preflight(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    # Tokens

    async def _generate(self, request: web.Request) -> web.Response:
        given = _bearer(request)
        known = [hmac.compare_digest(given.encode(), secret.encode()) for secret in self._settings.site_secrets]
        if not any(known) or hdrs.ORIGIN in request.headers:
            raise SecretWrong
        body = await _object(request)
        user = body.get("user")
        user_id = user.get("id") if isinstance(user, dict) else None
        if user_id is None:
            user_id = "dl_" + secrets.token_hex(16)
        if not isinstance(user_id, str) or not _USER.fullmatch(user_id):
            raise BadBody("user.id begins with dl_ and has letters, digits and . _ @ : - alone.")
        trusted = body.get("trustedOrigins", [])
        if not isinstance(trusted, list) or not all(isinstance(origin, str) for origin in trusted):
            raise BadBody("trustedOrigins is a list of origins.")
        # A conversation of its own for each token, as the service gives; its links still hang on the user.
        thread = secrets.token_hex(8)
        conversation = await self._store.conversation_of(self._sessions.address(user_id, thread))
        return json(self._granted(Grant(user_id, conversation, thread, tuple(trusted))))

    async def _refresh(self, request: web.Request) -> web.Response:
        return json(self._granted(self._grant(request)))

    async def _session_id(self, request: web.Request) -> web.Response:
        user = await self._sessions.user_of(request)
        of = user.encode() if user else secrets.token_bytes(16)
        request[EXTRA]["Access-Control-Allow-Credentials"] = "true"
        return json({"sessionId": hmac.digest(self._session_key, of, "sha256").hex()[:32]})

    # Conversations

    async def _start(self, request: web.Request) -> web.Response:
        grant = self._grant(request)
        await self._paces.opens(request)
        locale = locale_of((await _object(request)).get("locale"))
        known = await self._store.query(
            "SELECT c.id AS id, s.conversation AS started FROM conversation c "
            "LEFT JOIN socket s ON s.conversation = c.id WHERE c.id = :id",
            id=grant.conversation,
        )
        if not known:
            raise Ended
        if locale is not None:
            await self._store.change(
                [
                    Sql(
                        "UPDATE conversation SET locale = :locale WHERE id = :id AND locale IS NULL",
                        {"locale": locale, "id": grant.conversation},
                    )
                ]
            )
        url = await self._stream_url(request, grant, 0)
        return json({**self._granted(grant), "streamUrl": url}, status=200 if known[0]["started"] else 201)

    async def _reconnect(self, request: web.Request) -> web.Response:
        grant = self._grant(request)
        await self._exists(grant)
        url = await self._stream_url(request, grant, _watermark(request))
        return json({**self._granted(grant), "streamUrl": url})

    async def _post(self, request: web.Request) -> web.Response:
        grant = self._grant(request)
        posted = parse(await request.read(), self._settings)
        if posted.typing:
            await self._intake.types(grant)
        if posted.silent:
            return json({"id": f"{grant.conversation}|{secrets.token_hex(4)}"})
        await self._paces.posts(grant.user)
        pos = await self._intake.take(grant, posted)
        return json({"id": activity_id(grant.conversation, pos)})

    async def _upload(self, request: web.Request) -> web.Response:
        grant = self._grant(request)
        if self._files is None:
            raise FilesNotTaken
        await self._paces.uploads(request, grant.user)
        posted, files = await upload.read(request, self._settings)
        pos = await self._intake.take_files(grant, posted, files, self._files)
        return json({"id": activity_id(grant.conversation, pos)})

    async def _get(self, request: web.Request) -> web.Response:
        grant = self._grant(request)
        position = _watermark(request)
        activities: list[Any] = []
        more = True
        # A page of entries that are all somebody else's business is passed over, so that no answer seems the last.
        while more and not activities:
            entries = await self._store.entries(grant.conversation, after=position, limit=PAGE)
            activities = await self._shaper.activities(entries, grant.user, typing=False)
            position = entries[-1].pos if entries else position
            more = len(entries) == PAGE
        if not activities:
            await self._exists(grant)
        return json({"activities": activities, "watermark": str(position)})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        conversation = request.match_info["conversation"]
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise BadBody("This address takes WebSockets alone.")
        self._sockets.admit(request)
        lease = await self._streams.redeem(conversation, request.query.get("t", ""))
        found = await self._store.query("SELECT user_id FROM conversation WHERE id = :id", id=conversation)
        if not found:
            raise Ended
        return await self._sockets.serve(request, lease, str(found[0]["user_id"]))

    # Shared

    def _grant(self, request: web.Request) -> Grant:
        """What the request's token allows, for this origin and this path's conversation."""
        grant = self._tokens.read(_bearer(request))
        self._origins.trusted(request, grant.origins)
        if request.match_info.get("conversation", grant.conversation) != grant.conversation:
            raise OtherConversation
        return grant

    def _granted(self, grant: Grant) -> dict[str, Any]:
        return {
            "conversationId": grant.conversation,
            "token": self._tokens.mint(grant),
            "expires_in": self._tokens.seconds,
        }

    async def _exists(self, grant: Grant) -> None:
        if not await self._store.query("SELECT id FROM conversation WHERE id = :id", id=grant.conversation):
            raise Ended

    async def _stream_url(self, request: web.Request, grant: Grant, watermark: int) -> str:
        token = await self._streams.issue(grant.conversation, watermark)
        base = "ws" + self._origins.base(request).removeprefix("http")
        return f"{base}{PREFIX}/conversations/{grant.conversation}/stream?t={token}"


def _bearer(request: web.Request) -> str:
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise TokenMissing
    return token.strip()


def _watermark(request: web.Request) -> int:
    given = request.query.get("watermark", "")
    if given in ("", "null", "undefined"):
        return 0
    if not (given.isascii() and given.isdigit() and len(given) <= 15):
        raise BadWatermark
    return int(given)


async def _object(request: web.Request) -> dict[str, Any]:
    body = await request.read()
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadActivity("It is not JSON.") from error
    if not isinstance(value, dict):
        raise BadBody("It is a JSON object.")
    return value
