"""Whose browser this is: the proof that a page is open where the chat is."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web


class WebProof(Protocol):
    """The web chat's own session, which only the browser that chats has."""

    async def user_of(self, request: web.Request) -> str | None:
        """The web chat's user behind this browser's session, or None."""
        ...
