"""Whose browser this is: the proof that a page is open where the chat is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from aiohttp import web


class WebProof(Protocol):
    """The web chat's own session, which only the browser that chats has."""

    async def user_of(self, request: web.Request) -> str | None:
        """The web chat's user behind this browser's session, or None."""
        ...


@runtime_checkable
class Hint(Protocol):
    """What a channel's own app tells about the account in it: enough to contradict a sign-in, never to prove one."""

    async def user_of(self, token: str) -> str | None:
        """The account behind a token of the app (Messenger's `account_linking_token`), or None where it is not said."""
        ...
