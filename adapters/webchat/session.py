"""Web sessions: who this browser is, across reloads. The cookie's value is stored as a hash alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from adapters.webchat.keys import fresh, hashed
from adapters.webchat.origins import Origins
from adapters.webchat.settings import WebChatSettings
from bot.model import Address
from bot.ports import Clock, Sql, Store

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """One browser: its user, and the cookie to set."""

    user: str
    cookie: str


class WebSessions:
    """Finds or makes the session behind a request's cookie."""

    def __init__(self, store: Store, clock: Clock, settings: WebChatSettings, origins: Origins) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._origins = origins

    def address(self, user: str, thread: str = "") -> Address:
        """Where this user writes from: always a private chat."""
        return Address(self._settings.brand, self._settings.connection, "webchat", user, "private", thread)

    async def user_of(self, request: web.Request) -> str | None:
        """The user id of this browser's session, None without a live one. Proof of the browser, for linking."""
        value = request.cookies.get(self._name(request))
        if not value:
            return None
        found = await self._store.query(
            "SELECT user_id FROM web_session WHERE id_hash = :hash AND connection = :connection AND expires_at > :now",
            hash=hashed(value),
            connection=self._settings.connection,
            now=self._clock.now().timestamp(),
        )
        return str(found[0]["user_id"]) if found else None

    async def open(self, request: web.Request) -> Session:
        """This browser's session, its life begun anew; a new one where the cookie is absent, unknown or too old."""
        now = self._clock.now().timestamp()
        expires = now + self._settings.session_days * DAY
        user = await self.user_of(request)
        if user is not None:
            value = request.cookies[self._name(request)]
            await self._store.change(
                [
                    Sql(
                        "UPDATE web_session SET last_seen_at = :now, expires_at = :expires WHERE id_hash = :hash",
                        {"now": now, "expires": expires, "hash": hashed(value)},
                    )
                ]
            )
            return Session(user, value)
        value, user = fresh(), "dl_" + secrets.token_hex(16)
        await self._store.change(
            [
                Sql(
                    "INSERT INTO web_session (id_hash, connection, user_id, created_at, last_seen_at, expires_at) "
                    "VALUES (:hash, :connection, :user, :now, :now, :expires)",
                    {
                        "hash": hashed(value),
                        "connection": self._settings.connection,
                        "user": user,
                        "now": now,
                        "expires": expires,
                    },
                )
            ]
        )
        return Session(user, value)

    def remember(self, request: web.Request, response: web.StreamResponse, session: Session) -> None:
        """Set the cookie: not for scripts, not for other sites, and over https bound to this very host."""
        response.set_cookie(
            self._name(request),
            session.cookie,
            max_age=self._settings.session_days * DAY,
            path="/",
            httponly=True,
            secure=self._origins.secure(request),
            samesite="Lax",
        )

    def _name(self, request: web.Request) -> str:
        # Only the prefixed name is read over https: a plain one could be planted by a sibling host (RFC 6265bis
        # §4.1.3).
        return "__Host-parley" if self._origins.secure(request) else "parley"
