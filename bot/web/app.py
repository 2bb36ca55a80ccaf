"""The one aiohttp application: neighbours' routes behind one boundary, one body cap, one set of headers, one drain."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.web import boundary
from bot.web.drain import Drain
from bot.web.health import Health
from bot.web.limiting import Room
from bot.web.taken import HEAD, head

BODY = 256 * 1024
"""Bytes of a request's body at most, decompressed."""

REQUESTS = 2000
"""Requests at once."""

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
    requests: int = REQUESTS,
    guards: Iterable[tuple[Collection[str], Middleware]] = (),
    subapps: Iterable[tuple[str, web.Application]] = (),
) -> web.Application:
    """The application. `https`: the public address is https, so say that it always will be (HSTS). `requests`: how
    many at once. `guards`: what stands before the routes of some names, or patterns where they have none; before all
    routes it would cost every request.

    Run it with `access_log=None`: the boundary logs each request by its route's name, without its address.
    """
    every = {**HEADERS, **(HSTS if https else {})}
    app = web.Application(middlewares=[boundary.middleware(drain, Room(requests))], client_max_size=body)
    app[HEAD] = head(every)
    guarded: Iterable[web.AbstractRouteDef] = [*health.routes(), *routes]
    for names, guard in guards:
        guarded = [_behind(guard, route) if _label(route) in names else route for route in guarded]
    app.add_routes(guarded)
    for prefix, inner in subapps:
        app.add_subapp(prefix, inner)

    async def headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in every.items():
            response.headers.setdefault(name, value)
        # Names the library and its version to whoever scans for known holes.
        response.headers.popall("Server", None)

    app.on_response_prepare.append(headers)
    return app


def _label(route: web.AbstractRouteDef) -> str:
    return (route.kwargs.get("name") or route.path) if isinstance(route, web.RouteDef) else ""


def _behind(guard: Middleware, route: web.AbstractRouteDef) -> web.AbstractRouteDef:
    assert isinstance(route, web.RouteDef)
    return web.route(route.method, route.path, partial(guard, handler=route.handler), **route.kwargs)
