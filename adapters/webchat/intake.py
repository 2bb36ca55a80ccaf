"""From a posted activity to the store: accepted durably before the client hears of it, each once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from adapters.intake import taken
from adapters.webchat.incoming import CLIENT_ID, Posted
from adapters.webchat.problems import Ended
from adapters.webchat.session import WebSessions
from adapters.webchat.tokens import Grant
from adapters.webchat.upload import FileKeeper, Sent
from bot.model import Accepted, Control, Inbound, InboundKind
from bot.ports import Clock, Redactor, Sql, Store

_HEARD = (
    "SELECT s.conversation FROM socket s JOIN conversation c ON c.id = s.conversation WHERE s.conversation = :id"
    " AND c.party = 'agent' AND coalesce(s.customer_typed_at, 0) < :before"
)
_TYPES = (
    "UPDATE socket SET customer_typed_at = :now WHERE conversation = :id AND coalesce(customer_typed_at, 0) < :before"
)

ControlRule = Callable[[str, str | None], Control | None]
"""Reads a rule-level "human" or "stop" from a text: the recogniser's `control`."""


class Intake:
    """Writes what customers post into the store."""

    def __init__(
        self, store: Store, clock: Clock, sessions: WebSessions, control: ControlRule, redactor: Redactor | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._control = control
        self._redactor = redactor

    async def take(self, grant: Grant, posted: Posted) -> int:
        """Accept a message or a press; returns its place in the log. The same client id again returns the first's."""
        key = self._key(grant, posted)
        data: dict[str, Any] = {} if posted.client_id is None else {CLIENT_ID: posted.client_id}
        if posted.nonce is not None:
            return await self._accept(grant, posted, key, "press", {**data, "nonce": posted.nonce}, None)
        return await self._accept(grant, posted, key, "message", data, self._control(posted.text, posted.locale))

    async def types(self, grant: Grant) -> None:
        """The customer writes: told to whoever holds the conversation, at most once a second; else nothing is kept."""
        now = self._clock.now().timestamp()
        values = {"id": grant.conversation, "now": now, "before": now - 1}
        if await self._store.query(_HEARD, id=grant.conversation, before=now - 1):
            await self._store.change([Sql(_TYPES, values)])

    async def take_files(self, grant: Grant, posted: Posted, files: list[Sent], keeper: FileKeeper) -> int:
        """Keep the files and accept them, after the text that came with them; returns the last one's place."""
        key = self._key(grant, posted)
        names = [f"{key}:file{number}" for number in range(len(files))]
        # Kept before anything is accepted, so that what is refused for a file was not heard in part; and kept once.
        found = [await self._at(grant.conversation, name) for name in names]
        refs = [
            await keeper.keep(grant.conversation, file.name, file.type, file.body) if at is None else ""
            for file, at in zip(files, found, strict=True)
        ]
        if posted.text or posted.nonce is not None:
            await self.take(grant, posted)
        pos = 0
        for name, file, at, ref in zip(names, files, found, refs, strict=True):
            data = {"name": file.name, "type": file.type, "size": len(file.body), "ref": ref}
            pos = at or await self._accept(grant, Posted(locale=posted.locale), name, "file", data, None)
        return pos

    def _key(self, grant: Grant, posted: Posted) -> str:
        # Only one conversation's client can ever name its own ids; without one, each post is its own.
        return f"dl:{grant.conversation}:{posted.client_id or uuid.uuid4().hex}"

    async def _accept(
        self, grant: Grant, posted: Posted, key: str, kind: InboundKind, data: dict[str, Any], control: Control | None
    ) -> int:
        inbound = Inbound(
            key=key,
            kind=kind,
            at=self._clock.now(),
            address=self._sessions.address(grant.user, grant.thread),
            text=posted.text,
            data=data,
            locale=posted.locale,
        )
        # A code of another chat that is written here is taken out of the message like one of our own.
        accepted = await self._redactor.take(inbound) if self._redactor is not None else None
        if accepted is None:
            accepted = await self._store.accept(inbound, control)
        taken("webchat", kind, accepted.fresh).inc()
        if accepted.conversation != grant.conversation:
            # The token's conversation was erased, and this address has begun another one.
            raise Ended
        return accepted.pos if accepted.fresh else await self._place(accepted, key)

    async def _place(self, accepted: Accepted, key: str) -> int:
        return await self._at(accepted.conversation, key) or accepted.pos

    async def _at(self, conversation: str, key: str) -> int | None:
        """Where a key's entry stands in the log; None where it does not."""
        found = await self._store.query(
            "SELECT pos FROM entry WHERE conversation = :conversation AND ref = :key AND side = 'customer'",
            conversation=conversation,
            key=key,
        )
        return int(found[0]["pos"]) if found else None
