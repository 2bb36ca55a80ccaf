"""Files that customers send: fetched from their platform, looked at for type and size, kept for a person."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from adapters.fetching import Source, fetch
from bot.errors import Conflict, Permanent, Temporary
from bot.model import Accepted, Inbound
from bot.observe import logger
from bot.ports import Clock, Sql, Store

log = logger("parley.files")

REF = "file:"
"""Begins the `ref` of a file that is kept, or is to be; its id follows."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
)
_CONTROL = re.compile(r"[^\t\n\f\r\x20-\x7e\x80-\U0010ffff]")
_LEASE = 60.0
_TRIES = 6

_WANT = (
    "INSERT INTO kept_file (id, connection, conversation, person, name, type, size, ref, state, held, at)"
    " SELECT :id, :connection, c.id, c.person, :name, :type, :size, :ref, 'wanted', 0, :now FROM conversation c"
    " WHERE c.id = :conversation ON CONFLICT (id) DO NOTHING"
)
_OPEN = (
    "SELECT id, ref, tries, held FROM kept_file WHERE connection = :connection AND held <= :now"
    " ORDER BY at LIMIT :limit"
)
_HOLD = "UPDATE kept_file SET held = :until, tries = tries + 1 WHERE id = :id AND held = :held"
_AGAIN = "UPDATE kept_file SET held = :at WHERE id = :id"
_KEPT = (
    "UPDATE kept_file SET state = 'kept', held = NULL, ref = '', body = :body, type = :type, size = :size"
    " WHERE id = :id"
)
_NOT_KEPT = "UPDATE kept_file SET state = 'refused', held = NULL, ref = '', why = :why WHERE id = :id"

Opener = Callable[[str], Awaitable[Source]]
"""Where the file behind a platform's reference is. Raises the channel's errors."""


class NotTaken(Permanent):
    """The file is of a kind that is not taken."""


def type_of(body: bytes) -> str:
    """The type by the bytes, never by what was claimed. Raises `NotTaken`."""
    for begins, type_ in _MAGIC:
        if body.startswith(begins):
            return type_
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    if body[4:8] == b"ftyp":
        return "video/mp4"
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotTaken from error
    # Markup would be run by whatever opens it.
    if not body or _CONTROL.search(text) or text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise NotTaken
    return "text/plain"


def claimed_size(given: object) -> int:
    """Bytes, as a platform says; 0 where that is no number that a file can have."""
    return given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**53 else 0


class KeptFiles:
    """The files of one connection."""

    def __init__(self, store: Store, clock: Clock, connection: str) -> None:
        self._store, self._clock, self._connection = store, clock, connection

    async def accept(self, inbound: Inbound) -> Accepted:
        """Accept a file's inbound and note that it is to be fetched, in one transaction. Raises `StoreUnavailable`.

        Its `ref`, which may hold the platform's address of the file, is kept out of the log.
        """
        assert inbound.address is not None
        data, ref = dict(inbound.data), str(inbound.data.get("ref", ""))
        if not ref:
            return await self._store.accept(inbound)
        id_ = sha256(f"{self._connection}\0{inbound.key}".encode()).hexdigest()[:24]
        conversation = await self._store.conversation_of(inbound.address)
        wanted = {
            "id": id_,
            "connection": self._connection,
            "conversation": conversation,
            "name": str(data.get("name", "file"))[:200],
            "type": str(data.get("type", ""))[:100],
            "size": int(data.get("size", 0)),
            "ref": ref,
            "now": self._clock.now().timestamp(),
        }
        taken = replace(inbound, data={**data, "ref": f"{REF}{id_}"})
        (accepted,) = await self._store.change([Sql(_WANT, wanted)], [taken])
        return accepted

    async def fetch(self, opener: Opener, limit: int = 5) -> int:
        """Fetch what is wanted, each by one worker alone; returns how many were kept. For a sweep."""
        now = await self._store.database_now()
        rows = await self._store.query(_OPEN, connection=self._connection, now=now, limit=limit)
        return sum([await self._one(row, now, opener) for row in rows])

    async def _one(self, row: Mapping[str, Any], now: float, opener: Opener) -> bool:
        try:
            await self._store.change(
                [Sql(_HOLD, {"id": row["id"], "held": row["held"], "until": now + _LEASE}, rows=1)]
            )
        except Conflict:
            return False
        try:
            body = await fetch(await opener(str(row["ref"])))
            type_ = type_of(body)
        except Permanent as error:
            await self._refused(row["id"], error)
            return False
        except Temporary as error:
            if row["tries"] + 1 >= _TRIES:
                await self._refused(row["id"], error)
            else:
                wait = max(error.retry_after or 0.0, 5.0 * 3.0 ** row["tries"])
                await self._store.change([Sql(_AGAIN, {"id": row["id"], "at": now + wait})])
            return False
        await self._store.change([Sql(_KEPT, {"id": row["id"], "body": body, "type": type_, "size": len(body)})])
        return True

    async def _refused(self, id_: str, error: Exception) -> None:
        # Only the error's name: a platform's words may quote an address with a token.
        why = type(error).__name__
        log.warning("a customer's file was not kept", connection=self._connection, file=id_[:6], why=why)
        await self._store.change([Sql(_NOT_KEPT, {"id": id_, "why": why})])
