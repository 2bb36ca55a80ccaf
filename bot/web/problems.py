"""What a request can be refused for. The docstring is the message; `status` and `code` are the answer's."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from aiohttp import web

from bot.errors import Permanent


class Refused(Permanent):
    """The request was refused."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BadArgument"

    def __init__(self, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
        """Seconds after which the same request may succeed."""


class BadBody(Refused):
    """The body is not what this address takes."""


class TooLarge(Refused):
    """The body is too large."""

    status = 413
    code = "MessageSizeTooBig"


class Forbidden(Refused):
    """This request is not allowed here."""

    status = 403
    code = "Forbidden"


class NotFound(Refused):
    """There is nothing at this address."""

    status = 404
    code = "NotFound"


class TooMany(Refused):
    """Too many requests; wait a little."""

    status = 429
    code = "TooManyRequests"


class Closing(Refused):
    """The server is restarting; try again in a moment."""

    status = 503
    code = "ServiceUnavailable"


def problem(status: int, code: str, message: str, *, retry_after: float | None = None) -> web.Response:
    """A JSON error: `{"error": {"code", "message"}}`, with Retry-After in whole seconds where one is given."""
    response = web.Response(
        status=status,
        body=msgspec.json.encode({"error": {"code": code, "message": message}}),
        content_type="application/json",
    )
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after + 0.499)))
    return response


def json(value: object, *, status: int = 200) -> web.Response:
    """A JSON answer, never cached."""
    return web.Response(
        status=status,
        body=msgspec.json.encode(value),
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
