"""What a webhook is told: taken. An empty answer, written in one piece."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

HEAD = web.AppKey("parley_taken_head", str)
"""The answer's head up to its date, with the headers that the application puts on every response."""


def head(headers: Mapping[str, str]) -> str:
    """The value of `HEAD`."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\nDate: "


class Taken(web.Response):
    """An empty 200.

    The library makes a head of each response from a dictionary, in about the time that a message takes to be read and
    counted. All heads of this one are the same but for the date. Where anything is out of the ordinary (an older or
    ending connection, a header of its own) it goes the library's way; a test compares the two.
    """

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write it whole."""
        known = request.app.get(HEAD) if isinstance(request, web.Request) else None
        own = self.prepared or self.headers or self._cookies or self.keep_alive is False
        if known is None or own or request.version != HttpVersion11 or not request.keep_alive:
            return await super().prepare(request)
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("The client has gone.")
        transport.write(f"{known}{rfc822_formatted_time()}\r\n\r\n".encode())
        # What the library asks of a response that was written.
        self._keep_alive = self._eof_sent = True
        return None
