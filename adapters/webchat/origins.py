"""Whose pages may speak to us, and under which address we are reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from adapters.webchat.problems import ForeignOrigin

CORS = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, x-ms-bot-agent, x-requested-with",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "600",
}
"""What Direct Line's browser clients ask for in a preflight."""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Origins:
    """Our own origin and the allow-list of others."""

    def __init__(self, public_url: str = "", others: Sequence[str] = ()) -> None:
        self._public = _origin(public_url) if public_url else ""
        self._others = frozenset(_origin(other) for other in others)
        self._local = not self._public or _loopback(urlsplit(self._public).netloc)

    def base(self, request: web.Request) -> str:
        """Where this customer reaches us. A public address of our own always wins over what the request claims."""
        if self._public and not (self._local and _loopback(request.host)):
            return self._public
        return f"{request.scheme}://{request.host}".lower()

    def secure(self, request: web.Request) -> bool:
        """Whether the customer's browser reaches us by https."""
        return self.base(request).startswith("https://")

    def own(self, request: web.Request) -> bool:
        """Whether our own page sent this: every sign of its origin that is there says so, and at least one is there.

        `Sec-Fetch-Site` (Fetch Metadata, W3C) cannot be set by a page; `Origin` (RFC 6454) neither.
        """
        site = request.headers.get("Sec-Fetch-Site")
        origin = request.headers.get(hdrs.ORIGIN)
        if site is not None and site != "same-origin":
            return False
        if origin is not None and origin.lower() != self.base(request):
            return False
        return site is not None or origin is not None

    def cors(self, request: web.Request) -> dict[str, str]:
        """The headers that let this request's page read the answer; none for our own servers' calls.

        Raises `ForeignOrigin` for a page of an origin that is not allowed.
        """
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None:
            return {"Vary": "Origin"}
        if origin.lower() != self.base(request) and origin.lower() not in self._others:
            raise ForeignOrigin
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin", **CORS}

    @staticmethod
    def trusted(request: web.Request, origins: Sequence[str]) -> None:
        """Raises `ForeignOrigin` if the token names its pages' origins and this page's is not one of them."""
        origin = request.headers.get(hdrs.ORIGIN)
        if origins and origin is not None and origin.lower() not in {_origin(each) for each in origins}:
            raise ForeignOrigin
