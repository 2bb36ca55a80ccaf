"""The one boundary of a web request: every failure becomes a clear answer, and none shows a traceback."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from functools import cache
from html import escape

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Counter, Histogram

from bot.errors import SettingsError, Temporary
from bot.observe import REQUEST, logger
from bot.observe.metrics import HTTP_REQUESTS, HTTP_SECONDS
from bot.web.drain import Drain
from bot.web.limiting import STREAMS, Room
from bot.web.problems import BadBody, Closing, Refused, TooLarge, problem

log = logger("parley.web")

EXTRA = web.RequestKey("parley_extra_headers", dict[str, str])
"""Headers that belong on whatever the request is answered with, errors included (CORS)."""

ALWAYS = frozenset({"livez", "readyz", "metrics"})
"""Routes, by name, that answer while draining."""

_WORDS: Mapping[int, str] = {
    400: "That request could not be understood.",
    403: "This page cannot be opened from here.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    413: "That is too large to send.",
    429: "That was a little too fast. Please wait a moment and try again.",
    503: "We are restarting. Please try again in a moment.",
}


def middleware(drain: Drain, room: Room) -> Middleware:
    """Counts, times and bounds each request; logs it by its route's name, never by its address."""

    @web.middleware
    async def boundary(request: web.Request, handler: Handler) -> web.StreamResponse:
        route, method = route_name(request), request.method
        id_ = f"{random.getrandbits(64):016x}"  # Nobody has to be kept from guessing it.
        REQUEST.set(id_)
        began = time.perf_counter()
        counted = not _is_upgrade(request)
        if counted:
            drain.enter()
        try:
            response = await _answer(request, handler, drain, room, route, id_)
        finally:
            if counted:
                drain.leave()
        status, took = response.status, time.perf_counter() - began
        if counted:
            _seconds(route).observe(took)
        _requests(route, method, status).inc()
        level = log.debug if route in ALWAYS else log.info
        level("request", route=route, method=method, status=status, ms=round(took * 1000, 1))
        if EXTRA in request and not response.prepared:
            response.headers.update(request[EXTRA])
        return response

    return boundary


@cache
def _seconds(route: str) -> Histogram:
    """The metric of one route: its look-up by labels takes longer than what it counts."""
    return HTTP_SECONDS.labels(route)


@cache
def _requests(route: str, method: str, status: int) -> Counter:
    return HTTP_REQUESTS.labels(route, method, str(status))


async def _answer(
    request: web.Request, handler: Handler, drain: Drain, room: Room, route: str, id_: str
) -> web.StreamResponse:
    try:
        if route in ALWAYS:
            return await handler(request)
        if drain.draining:
            raise Closing(retry_after=2)
        if route in STREAMS:
            return await handler(request)
        with room:
            return await handler(request)
    except Refused as refused:
        return _say(request, refused.status, refused.code, str(refused), retry_after=refused.retry_after)
    except web.HTTPRequestEntityTooLarge:
        return _say(request, TooLarge.status, TooLarge.code, str(TooLarge()))
    except web.RequestPayloadError:
        # Not packed as its header says. The library would read on, and log the same error as one of ours.
        request.content.feed_eof()
        answer = _say(request, BadBody.status, BadBody.code, f"{BadBody()} It cannot be unpacked.")
        answer.force_close()
        return answer
    except web.HTTPException as raised:
        if raised.status < 400:
            raise
        answer = _say(request, raised.status, raised.reason.replace(" ", ""), _WORDS.get(raised.status, raised.reason))
        if "Allow" in raised.headers:
            answer.headers["Allow"] = raised.headers["Allow"]
        return answer
    except Temporary as error:
        log.warning("unavailable", route=route, exc_info=error)
        return _say(request, 503, "ServiceUnavailable", _WORDS[503] if _wants_page(request) else str(error),
                    retry_after=error.retry_after or 2)  # fmt: skip
    except SettingsError as error:
        log.error("misconfigured", route=route, exc_info=error)
        return _say(request, 500, "Misconfigured", f"This is not set up correctly. Error {id_}.")
    except ConnectionResetError:
        # The client has gone; nobody reads this answer.
        return _say(request, 499, "ClientClosed", "The connection was closed.")
    except Exception as error:  # one request's boundary: any bug here must end as a plain answer with an id to look for
        log.error("request failed", route=route, exc_info=error)
        return _say(request, 500, "InternalError", f"Something went wrong on our side. Error {id_}.")


def route_name(request: web.Request) -> str:
    """The route's name, else its pattern; all unknown addresses share one label."""
    route = request.match_info.route
    if route.name:
        return route.name
    resource = route.resource
    return resource.canonical if resource is not None else "unknown"


def _is_upgrade(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def _wants_page(request: web.Request) -> bool:
    return request.method in ("GET", "HEAD", "POST") and "text/html" in request.headers.get("Accept", "")


def _say(
    request: web.Request, status: int, code: str, message: str, *, retry_after: float | None = None
) -> web.Response:
    if not _wants_page(request):
        return problem(status, code, message, retry_after=retry_after)
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Not this time</title>'
        '<link rel="stylesheet" href="/ui/theme.css"></head><body><main class="plain-page">'
        f"<h1>Not this time</h1><p>{escape(message)}</p></main></body></html>"
    )
    response = web.Response(status=status, text=page, content_type="text/html")
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after + 0.499)))
    return response
