"""The browser on the other side: its pin, its chat session, and whether a form came from our own page."""

from __future__ import annotations

from hmac import compare_digest

from aiohttp import web

from auth.keys import hashed
from auth.ledger import Txn
from auth.pages.proof import WebProof
from auth.settings import origin

PIN_LIFE = 3600
"""Seconds the pin lives in the browser; a sign-in itself lives much shorter."""


class Browser:
    """Reads and sets what ties a page to one browser."""

    __slots__ = ("_https", "_name", "_origin", "_proof")

    def __init__(self, public_url: str, proof: WebProof) -> None:
        self._origin = origin(public_url)
        self._https = public_url.startswith("https://")
        # The __Host- prefix needs https; browsers do not agree on it for loopback http.
        self._name = "__Host-link" if self._https else "link"
        self._proof = proof

    def cookie(self, request: web.Request) -> str:
        """The pin this browser carries, or "". One that we cannot have made counts as none."""
        pin = request.cookies.get(self._name, "")
        return pin if len(pin) == 43 else ""

    def remember(self, response: web.Response, cookie: str) -> None:
        """Set the pin. Lax, since the sign-in's return is a navigation from another site."""
        response.set_cookie(
            self._name, cookie, max_age=PIN_LIFE, path="/", httponly=True, samesite="Lax", secure=self._https
        )

    def pinned(self, request: web.Request, txn: Txn) -> bool:
        """Whether this is the browser that began the sign-in."""
        pin = self.cookie(request)
        return bool(pin and txn.cookie_hash and compare_digest(hashed(pin), txn.cookie_hash))

    async def elsewhere(self, request: web.Request, txn: Txn) -> bool:
        """Whether this cannot be the browser that chats. Only web chat knows: its session is the browser's own."""
        return txn.channel == "webchat" and await self._proof.user_of(request) != txn.user_id

    async def of_another(self, request: web.Request, txn: Txn) -> bool:
        """Whether somebody else chats in this browser, rather than nobody."""
        return txn.channel == "webchat" and await self._proof.user_of(request) not in (None, txn.user_id)

    def same_site(self, request: web.Request) -> bool:
        """Whether nothing says that a form was sent by another site's page; the form's token is checked besides.

        Under `Referrer-Policy: no-referrer` browsers send `Origin: null` even from our own page, so `Sec-Fetch-Site`
        decides. Browsers from before 2023 may send neither: there the token and the Lax cookies are all there is.
        """
        sent = request.headers.get("Origin")
        if sent not in (None, "null"):
            return sent == self._origin
        return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
