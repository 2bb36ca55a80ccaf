"""Files for one chat: an opaque address, for five minutes, never stored by a browser."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from aiohttp import web

from bot.model import Address, Assurance, File
from bot.ports import Clock, Identity, Sql, Store
from bot.web.problems import NotFound

LIFE = 300.0
"""Seconds an address works."""

OpenFile = Callable[[str, str], Awaitable[bytes]]
"""Reads a file's bytes: (ref, customer reference)."""

SameBrowser = Callable[[web.Request, Address], Awaitable[bool]]
"""Whether this request comes from the browser that the chat is in."""

_KEEP = (
    "INSERT INTO file_handle (handle_hash, conversation, person, ref, name, type, expires_at)"
    " SELECT :hash, id, person, :ref, :name, :type, :until FROM conversation WHERE id = :conversation"
)
_FIND = """
SELECT f.person, f.ref, f.name, f.type, c.brand, c.connection, c.channel, c.kind, c.user_id, c.thread
FROM file_handle f JOIN conversation c ON c.id = f.conversation
WHERE f.handle_hash = :hash AND f.expires_at > :now"""


BY_A_PERSON = "desk:"
"""How the references of files begin that an agent has sent."""


class Gone(NotFound):
    """This file's address no longer works. Ask for the file again in the chat."""


class Downloads:
    """Mints addresses when a file is shown (`FileMinter`) and answers them.

    A file opens only while the chat is still linked to the person it was made for, at the level that reads an account;
    one that an agent sent, in the chat it was sent to.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        open_file: OpenFile,
        same_browser: SameBrowser,
        public_url: str,
    ) -> None:
        self._store, self._clock, self._identity = store, clock, identity
        self._open, self._same_browser, self._public_url = open_file, same_browser, public_url

    async def mint(self, conversation: str, file: File) -> str:
        """A new address for this chat alone; its hash is kept, never the address."""
        handle, now = secrets.token_urlsafe(32), self._clock.now().timestamp()
        values = {
            "hash": _hashed(handle),
            "conversation": conversation,
            "ref": file.ref,
            "name": file.name,
            "type": file.type,
            "until": now + LIFE,
        }
        await self._store.change(
            [Sql("DELETE FROM file_handle WHERE expires_at < :now", {"now": now}), Sql(_KEEP, values, rows=1)]
        )
        return f"{self._public_url}/files/{handle}"

    def routes(self) -> list[web.RouteDef]:
        """`/files/<handle>`."""
        return [web.get("/files/{handle}", self._download, name="file")]

    async def _download(self, request: web.Request) -> web.Response:
        now = self._clock.now()
        rows = await self._store.query(_FIND, hash=_hashed(request.match_info["handle"]), now=now.timestamp())
        if not rows:
            raise Gone
        row = rows[0]
        address = Address(row["brand"], row["connection"], row["channel"], row["user_id"], row["kind"], row["thread"])
        standing = await self._identity.standing(address, now)
        customer = standing.person.customer_ref if standing.person is not None else ""
        if row["ref"].startswith(BY_A_PERSON):
            # Chosen for this chat by whoever holds it: as private as what they write, and no more.
            if row["person"] is not None and (standing.person is None or standing.person.id != row["person"]):
                raise Gone
        elif standing.level < Assurance.KNOWN or standing.person is None or standing.person.id != row["person"]:
            raise Gone
        if address.kind != "private" or not await self._same_browser(request, address):
            raise Gone
        body = await self._open(row["ref"], customer)
        return web.Response(body=body, content_type=row["type"], headers=_headers(row))


def _headers(row: dict[str, Any]) -> dict[str, str]:
    shown = "inline" if row["type"] == "application/pdf" else "attachment"
    return {
        "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(row['name'], safe='')}",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    }


def _hashed(handle: str) -> bytes:
    return sha256(handle.encode()).digest()
