"""Files that agents send: their type is read from their bytes, their size is capped, and the case keeps them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from secrets import token_hex
from typing import Any

from aiohttp import BodyPartReader, web

from bot.model import File
from bot.ports import Clock, Sql, Store
from bot.web.problems import BadBody, NotFound, TooLarge
from desk.staff import Agent

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
"""How the types we take begin; WebP and plain text are looked at below."""
FETCHED, LOOK = 10.0, 0.5
"""Seconds that an agent's page waits for a file on its way to us, and between two looks."""

_KEEP = (
    "INSERT INTO desk_file (id, item, conversation, person, agent, name, type, size, body, at)"
    " VALUES (:id, :item, :conversation, :person, :agent, :name, :type, :size, :body, :at)"
)
_TAKE = (
    "INSERT INTO desk_file (id, item, conversation, person, name, type, size, body, at)"
    " SELECT :id, '', c.id, c.person, :name, :type, :size, :body, :at FROM conversation c WHERE c.id = :conversation"
)
_OF = "SELECT id, name, type, size FROM desk_file WHERE id = :id AND item = :item"
_BODY = (
    "SELECT f.name, f.type, f.body FROM desk_file f WHERE f.id = :id AND (f.item = :item OR (f.item = ''"
    " AND f.conversation = (SELECT i.conversation FROM desk_item i WHERE i.id = :item)))"
)
_SENT = (
    "SELECT k.name, k.type, k.body, k.state FROM kept_file k JOIN desk_item i ON i.id = :item"
    " WHERE k.id = :id AND (k.conversation = i.conversation OR k.person = i.person)"
)
_ANY = "SELECT body FROM desk_file WHERE id = :id"


def type_of(body: bytes) -> str | None:
    """The type by the bytes themselves, never by what was claimed; None for one that is not taken."""
    for begins, type_ in MAGIC:
        if body.startswith(begins):
            return type_
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return "text/plain" if text.isprintable() or not any(ord(c) < 9 for c in text) else None


class Files:
    """Takes and gives files of the desk."""

    def __init__(self, store: Store, clock: Clock, most: int) -> None:
        self._store, self._clock, self._most = store, clock, most

    async def take(self, request: web.Request, row: Mapping[str, Any], me: Agent) -> File:
        """Keep one uploaded file. Raises `BadBody`, `TooLarge`."""
        if not request.content_type.startswith("multipart/"):
            raise BadBody("A file comes as multipart, in the field `file`.")
        large = request.clone(client_max_size=self._most + 65536)
        part = await (await large.multipart()).next()
        if not isinstance(part, BodyPartReader) or part.name != "file":
            raise BadBody("A file comes as multipart, in the field `file`.")
        body = bytearray()
        while chunk := await part.read_chunk():
            body += chunk
            if len(body) > self._most:
                raise TooLarge(f"At most {self._most // 1_000_000} MB.")
        type_ = type_of(bytes(body))
        if type_ is None or not body:
            raise BadBody("Pictures, PDF and plain text can be sent.")
        # The name is for reading alone: nothing is ever opened by it.
        name = re.split(r"[/\\]|%2[fF]|%5[cC]", part.filename or "")[-1][:120] or "file"
        file = File(f"desk:{token_hex(12)}", name, type_, len(body))
        values = {
            "id": file.ref.removeprefix("desk:"),
            "item": row["id"],
            "conversation": row["conversation"],
            "person": row["person"] or row.get("known"),
            "agent": me.id,
            "name": name,
            "type": type_,
            "size": len(body),
            "body": bytes(body),
            "at": self._clock.now().timestamp(),
        }
        await self._store.change([Sql(_KEEP, values)])
        return file

    async def keep(self, conversation: str, name: str, type_: str, body: bytes) -> str:
        """Keep what a customer sent, for whoever takes the conversation. Raises `BadBody`, `TooLarge`."""
        if len(body) > self._most:
            raise TooLarge(f"At most {self._most // 1_000_000} MB.")
        found = type_of(body)
        if found is None or not body:
            raise BadBody("Pictures, PDF and plain text can be sent.")
        id = token_hex(12)
        values = {
            "id": id,
            "conversation": conversation,
            "name": name[:120],
            "type": found,
            "size": len(body),
            "body": body,
            "at": self._clock.now().timestamp(),
        }
        await self._store.change([Sql(_TAKE, values, rows=1)])
        return f"desk:{id}"

    async def of(self, id: str, case: str) -> File:
        """An uploaded file of this case. Raises `BadBody`."""
        rows = await self._store.query(_OF, id=id, item=case)
        if not rows:
            raise BadBody("That file is not of this conversation.")
        return File(f"desk:{rows[0]['id']}", rows[0]["name"], rows[0]["type"], rows[0]["size"])

    async def show(self, id: str, case: str) -> web.Response:
        """Its bytes, or those of one that the customer sent, to an agent who may see the case. Raises `NotFound`."""
        rows = await self._store.query(_BODY, id=id, item=case) or await self._sent(id, case)
        if not rows:
            raise NotFound
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{_plain(rows[0]["name"])}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return web.Response(body=rows[0]["body"], content_type=rows[0]["type"], headers=headers)

    async def _sent(self, id: str, case: str) -> list[dict[str, Any]]:
        """What the customer sent. While it is still fetched from their platform, whoever opens it waits a little."""
        for _ in range(int(FETCHED / LOOK)):
            rows = await self._store.query(_SENT, id=id, item=case)
            if not rows or rows[0]["state"] != "wanted":
                break
            await asyncio.sleep(LOOK)
        return [row for row in rows if row["state"] == "kept"]

    async def open(self, ref: str) -> bytes:
        """The bytes behind "desk:…", for the customer whose chat it was sent to. Raises `NotFound`."""
        rows = await self._store.query(_ANY, id=ref.removeprefix("desk:"))
        if not rows:
            raise NotFound
        return bytes(rows[0]["body"])


def _plain(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
