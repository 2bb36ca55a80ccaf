"""Addresses that are made when a message is sent, and never stored."""

from __future__ import annotations

from typing import Protocol

from bot.model import File


class LinkMinter(Protocol):
    """Turns a link transaction's id into the address of our page."""

    async def url(self, transaction: str, conversation: str) -> str | None:
        """The page's URL; None where the transaction has ended, is too old, or is another conversation's."""
        ...


class FileMinter(Protocol):
    """Turns a file's reference into an address for this chat alone."""

    async def mint(self, conversation: str, file: File) -> str:
        """An opaque, short-lived URL."""
        ...


class NoLinks:
    """For a composition without pages to link to: every link shows as expired."""

    async def url(self, transaction: str, conversation: str) -> str | None:
        """None: there is no page."""
        return None
