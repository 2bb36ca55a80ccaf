"""A request's body."""

from __future__ import annotations

from aiohttp import web

from bot.web.problems import TooLarge


async def whole_body(request: web.Request) -> bytes:
    """All of it, once. Raises `TooLarge`.

    A webhook's has nearly always come with its head: then it is taken as it lies there.
    """
    content = request.content
    if not content.is_eof():
        return await request.read()
    found = content.read_nowait()
    if len(found) > request.client_max_size:
        raise TooLarge
    return found
