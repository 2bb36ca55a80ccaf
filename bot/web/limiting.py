"""What one network address, and all of them together, may ask of this process."""

from __future__ import annotations

import ipaddress

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.observe.metrics import LIMITED
from bot.pace import Pace
from bot.web.problems import Refused, TooMany


class Crowded(Refused):
    """There are too many requests at once; please try again in a moment."""

    status = 503
    code = "ServiceUnavailable"


def sender(request: web.Request, proxies: int) -> str | None:
    """The network address a request came from; None where many may share it: a private network's, perhaps a proxy's.

    With `proxies` in front of us it is the entry of X-Forwarded-For that the outermost of them wrote; whatever stands
    before that is the client's own word.
    """
    if proxies:
        named = [one.strip() for line in request.headers.getall("X-Forwarded-For", []) for one in line.split(",")]
        given = named[-proxies] if len(named) >= proxies else ""
    else:
        given = request.remote or ""
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return None
    if not proxies and not address.is_global:
        return None
    # Whoever has one IPv6 address has a whole /64 of them.
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


STREAMS = frozenset({"desk_events", "directline-stream"})
"""Routes whose answers stay open: a page would hold a place for a whole day. By name, for a header is the client's."""


class Room:
    """At most `limit` requests at once; open sockets, health and figures are not counted. A context manager each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._now = 0

    def __enter__(self) -> None:
        if self._now >= self._limit:
            LIMITED.labels("web", "requests").inc()
            raise Crowded(retry_after=2)
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1


async def from_one_address(request: web.Request, pace: Pace, *, proxies: int, of: tuple[str, str]) -> None:
    """Take one of what the request's network address may ask for; `of`: its labels in the figures. Raises `TooMany`."""
    address = sender(request, proxies)
    taken = await pace.take(address) if address is not None else None
    if taken is not None and taken.wait:
        LIMITED.labels(*of).inc()
        raise TooMany(retry_after=taken.wait)


def per_address(pace: Pace, *, proxies: int) -> Middleware:
    """At the pace that one network address is allowed."""

    @web.middleware
    async def paced(request: web.Request, handler: Handler) -> web.StreamResponse:
        await from_one_address(request, pace, proxies=proxies, of=("link", "pages"))
        return await handler(request)

    return paced


def in_vain_per_address(pace: Pace, *, proxies: int, of: tuple[str, str]) -> Middleware:
    """What one network address asks in vain. Whoever is answered as they want is not counted, however often they ask;
    whoever is refused and refused has to wait, before anything of theirs is looked at."""

    @web.middleware
    async def paced(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = sender(request, proxies)
        if address is None:
            return await handler(request)
        # Refused lately: taken beforehand, so that many at once get through no more than one after the other.
        known = pace.spent(address)
        if known:
            await from_one_address(request, pace, proxies=proxies, of=of)
        try:
            response = await handler(request)
        except Refused:
            if not known:
                await pace.take(address)
            raise
        if response.status >= 400 and not known:
            await pace.take(address)
        return response

    return paced
