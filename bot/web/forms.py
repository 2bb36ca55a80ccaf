"""A form that a browser posted."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from aiohttp.http import HttpProcessingError

from bot.web.problems import BadBody


async def form(request: web.Request) -> Mapping[str, object]:
    """Its fields; a name that comes twice has its first value. Raises `BadBody` for what is no form at all."""
    try:
        return await request.post()
    except (UnicodeDecodeError, LookupError, ValueError, AssertionError, HttpProcessingError, EOFError) as error:
        raise BadBody("It is no form in UTF-8.") from error
