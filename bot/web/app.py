"""The one aiohttp application: neighbours' routes behind one boundary, one body cap, one set of headers, one drain."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from bot.web import boundary
from bot.web.drain import Drain
from bot.web.health import Health
from bot.web.taken import HEAD, head

BODY = 256 * 1024
"""Bytes of a request's body at most, decompressed."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""On every response, unless its handler set the header itself."""

HSTS = {"Strict-Transport-Security": "max-age=31536000"}


def build_app(
    *,
    routes: Iterable[web.AbstractRouteDef],
    health: Health,
    drain: Drain,
    https: bool = False,
    body: int = BODY,
    subapps: Iterable[tuple[str, web.Application]] = (),
) -> web.Application:
    """The application. `https`: the public address is https, so say that it always will be (HSTS).

    Run it with `access_log=None`: the boundary logs each request by its route's name, without its address.
    """
    every = {**HEADERS, **(HSTS if https else {})}
    app = web.Application(middlewares=[boundary.middleware(drain)], client_max_size=body)
    app[HEAD] = head(every)
    app.add_routes([*health.routes(), *routes])
    for prefix, inner in subapps:
        app.add_subapp(prefix, inner)

    async def headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in every.items():
            response.headers.setdefault(name, value)
        # Names the library and its version to whoever scans for known holes.
        response.headers.popall("Server", None)

    app.on_response_prepare.append(headers)
    return app
