"""Questions asked in public: one neutral line there, once, and a private way in that only the asker can take.

The question and the private conversation it goes on in are one case, which bears the question's id.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from bot.errors import Conflict, SendPermanent, SendTemporary, SendUncertain
from bot.model import Inbound
from bot.observe import logger
from bot.ports import Clock, Sql, Store

log = logger("parley.public")

LIFE = 24 * 3600.0
"""Seconds in which the private way in works."""
_LEASE = 30.0
_TRIES = 6
_UNCERTAIN = 2
"""How often a line is said whose fate is unknown: once more, for without it nobody finds the way in."""

_KEEP = (
    "INSERT INTO public_ask (id, connection, key, user_id, place, text, locale, held, created_at, expires_at)"
    " VALUES (:id, :connection, :key, :user, :place, :text, :locale, 0, :now, :until)"
    " ON CONFLICT (connection, key) DO NOTHING"
)
_OPEN = (
    "SELECT id, user_id, place, text, locale, tries, held FROM public_ask"
    " WHERE connection = :connection AND held <= :now ORDER BY created_at LIMIT :limit"
)
_HOLD = "UPDATE public_ask SET held = :until, tries = tries + 1 WHERE id = :id AND held = :held"
_ANSWERED = "UPDATE public_ask SET held = NULL, post = :post, answered_at = :now WHERE id = :id"
_AGAIN = "UPDATE public_ask SET held = :at WHERE id = :id"
_GIVEN_UP = "UPDATE public_ask SET held = NULL WHERE id = :id"
_MOVED = "UPDATE public_ask SET place = :place WHERE id = :id"
_ENTER = (
    "UPDATE public_ask SET entered_at = :now, conversation = :conversation WHERE id = :id AND connection = :connection"
    " AND user_id = :user AND expires_at > :now AND entered_at IS NULL"
)
_CASE = (
    "INSERT INTO cases (id, reference, brand, person, conversation, op, origin, cause, summary, opened)"
    " SELECT :id, :reference, c.brand, c.person, c.id, '', 'public', 'public_question', '', :now FROM conversation c"
    " WHERE c.id = :conversation"
)
_UNDER = "UPDATE conversation SET case_id = :id WHERE id = :conversation"
_TEXT = "SELECT text FROM public_ask WHERE id = :id AND connection = :connection AND user_id = :user"


@dataclass(frozen=True, slots=True)
class Ask:
    """A question asked in public. `place` is the platform's own: where to answer. `id` fits a deep link (43 of 64)."""

    id: str
    user: str
    place: Mapping[str, Any]
    text: str = ""
    locale: str | None = None


class Moved(SendTemporary):
    """The place has moved; the answer goes to the new one."""

    def __init__(self, place: Mapping[str, Any]) -> None:
        super().__init__()
        self.place = place


Answer = Callable[[Ask], Awaitable[str]]
"""Says the neutral line; returns the platform's id of it. Raises `Moved` and the channel's send errors."""


class PublicAsks:
    """The public questions of one connection."""

    def __init__(self, store: Store, clock: Clock, connection: str) -> None:
        self._store, self._clock, self._connection = store, clock, connection

    async def keep(
        self, *, key: str, user: str, place: Mapping[str, Any], text: str, locale: str | None = None
    ) -> None:
        """Keep a question durably; the same `key` again changes nothing. Raises `StoreUnavailable`."""
        now = self._clock.now().timestamp()
        values = {
            "id": secrets.token_urlsafe(24),
            "connection": self._connection,
            "key": key,
            "user": user,
            "place": msgspec.json.encode(place).decode(),
            "text": text,
            "locale": locale,
            "now": now,
            "until": now + LIFE,
        }
        await self._store.change([Sql(_KEEP, values)])

    async def answer(self, say: Answer, limit: int = 20) -> int:
        """Answer what has not been answered, each by one worker alone; returns how many were. For a sweep."""
        now = await self._store.database_now()
        rows = await self._store.query(_OPEN, connection=self._connection, now=now, limit=limit)
        return sum([await self._one(row, now, say) for row in rows])

    async def _one(self, row: Mapping[str, Any], now: float, say: Answer) -> bool:
        held = {"id": row["id"], "held": row["held"], "until": now + _LEASE}
        try:
            await self._store.change([Sql(_HOLD, held, rows=1)])
        except Conflict:
            return False
        ask = Ask(row["id"], row["user_id"], msgspec.json.decode(row["place"]), row["text"], row["locale"])
        try:
            post = await say(ask)
        except Moved as moved:
            place = {"id": ask.id, "place": msgspec.json.encode(moved.place).decode()}
            await self._store.change([Sql(_MOVED, place), Sql(_AGAIN, {"id": ask.id, "at": now})])
            return False
        except SendPermanent as error:
            await self._give_up(ask, error)
            return False
        except SendUncertain as error:
            log.warning("neutral line uncertain", connection=self._connection, ask=ask.id[:6], reason=str(error))
            if row["tries"] + 1 < _UNCERTAIN:
                await self._store.change([Sql(_AGAIN, {"id": ask.id, "at": now + _LEASE})])
                return False
            post = ""
        except SendTemporary as error:
            if row["tries"] + 1 >= _TRIES:
                await self._give_up(ask, error)
            else:
                at = now + max(error.retry_after or 0.0, 2.0 ** row["tries"])
                await self._store.change([Sql(_AGAIN, {"id": ask.id, "at": at})])
            return False
        values = {"id": ask.id, "post": post, "now": self._clock.now().timestamp()}
        await self._store.change([Sql(_ANSWERED, values, rows=1)])
        return True

    async def _give_up(self, ask: Ask, error: Exception) -> None:
        log.error("public question not answered", connection=self._connection, ask=ask.id[:6], reason=str(error))
        await self._store.change([Sql(_GIVEN_UP, {"id": ask.id})])

    async def enter(self, id_: str, user: str, inbound: Callable[[str], Inbound], *, accept: bool = True) -> bool:
        """Take the private way in: the question becomes the asker's own message, once; False for everybody else.

        Without `accept` the message is left to be accepted by the caller, now that it stands under the case.
        """
        rows = await self._store.query(_TEXT, id=id_, connection=self._connection, user=user)
        if not rows:
            return False
        question = inbound(str(rows[0]["text"]))
        assert question.address is not None
        conversation = await self._store.conversation_of(question.address)
        now = self._clock.now().timestamp()
        asked = {"id": id_, "connection": self._connection, "user": user, "now": now, "conversation": conversation}
        case = {"id": id_, "reference": _reference(id_), "now": now, "conversation": conversation}
        # The case first, so that the question's own line in the log stands under it.
        changes = [
            Sql(_ENTER, asked, rows=1),
            Sql(_CASE, case, rows=1),
            Sql(_UNDER, {"id": id_, "conversation": conversation}, rows=1),
        ]
        try:
            await self._store.change(changes, [question] if accept else [])
        except Conflict:
            return False
        return True


def _reference(id_: str) -> str:
    """What people call the case: seven letters and digits after Q-, for a question."""
    return "Q-" + base64.b32encode(sha256(id_.encode()).digest()).decode()[:7]
