"""The closing line below a question asked in public: offered in private, said once, and only if its asker says yes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.public import LIFE, Ask
from adapters.render import Button, Part
from bot.errors import Conflict, SendPermanent, SendTemporary, SendUncertain
from bot.observe import logger
from bot.ports import Clock, Sql, Store

log = logger("parley.public")

YES, NO = "close:", "leave:"
"""Begin what the offer's two buttons send; the question's id follows."""
QUIET = 600.0
"""Seconds without a word of the asker's after which their matter counts as done."""
_LEASE = 30.0

# Nothing is offered while a person has the chat or is still to come, nor twice.
_READY = (
    "SELECT a.id, c.user_id, a.place FROM public_ask a JOIN conversation c ON c.id = a.conversation"
    " WHERE a.connection = :connection AND a.closure IS NULL AND a.answered_at IS NOT NULL AND a.entered_at > :recent"
    " AND c.last_inbound_at < :quiet AND c.party = 'bot' AND c.done = c.seq AND c.out_due IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM cases k WHERE k.conversation = c.id AND k.closed IS NULL AND k.id <> a.id)"
    " ORDER BY a.entered_at LIMIT :limit"
)
_OFFERED = "UPDATE public_ask SET closure = 'offered' WHERE id = :id AND closure IS NULL"
_NOT_YET = "UPDATE public_ask SET closure = NULL WHERE id = :id AND closure = 'offered'"
_DECIDED = (
    "UPDATE public_ask SET closure = :closure, closure_held = :held WHERE id = :id AND connection = :connection"
    " AND closure = 'offered' AND conversation IN (SELECT c.id FROM conversation c WHERE c.user_id = :user)"
)
_WANTED = (
    "SELECT a.id, c.user_id, a.place, a.closure_held FROM public_ask a JOIN conversation c ON c.id = a.conversation"
    " WHERE a.connection = :connection AND a.closure = 'wanted' AND a.closure_held <= :now LIMIT :limit"
)
_HOLD = "UPDATE public_ask SET closure_held = :until WHERE id = :id AND closure = 'wanted' AND closure_held = :held"
_ENDED = "UPDATE public_ask SET closure = :closure, closure_held = NULL WHERE id = :id"
_CLOSE = "UPDATE cases SET closed = :now, outcome = :outcome WHERE id = :id AND closed IS NULL"
_ANY_OLD = "SELECT id FROM cases WHERE origin = 'public' AND closed IS NULL AND opened < :long_ago LIMIT 1"
_OLD = (
    "UPDATE cases SET closed = :now, outcome = 'nothing said in public' WHERE origin = 'public' AND closed IS NULL"
    " AND opened < :long_ago"
)


@dataclass(frozen=True, slots=True)
class ClosureWords:
    """What is asked in private, and the one line for all to see: never whether somebody is a customer."""

    offer: str = "Shall I add below your question, where others can read it, that we have talked in private?"
    yes: str = "Yes, say so"
    no: str = "No, leave it"
    in_public: str = "We have talked about this in a private chat."
    added: str = "I have added it there."


Do = Callable[[Ask, Part], Awaitable[str]]
"""Says a part to the asker in private, or where they asked. Raises the channel's send errors."""


class Closures:
    """The closing lines of one connection."""

    def __init__(self, store: Store, clock: Clock, connection: str, words: ClosureWords) -> None:
        self._store, self._clock, self._connection, self.words = store, clock, connection, words

    async def offer(self, privately: Do, limit: int = 20) -> int:
        """Offer it to those who have been answered and are quiet; returns to how many. For a sweep."""
        now = self._clock.now().timestamp()
        long_ago = now - 2 * LIFE
        # Asked first: an idle sweep writes nothing.
        if await self._store.query(_ANY_OLD, long_ago=long_ago):
            await self._store.change([Sql(_OLD, {"now": now, "long_ago": long_ago})])
        given = {"connection": self._connection, "recent": now - LIFE, "quiet": now - QUIET, "limit": limit}
        return sum([await self._offer(row, privately) for row in await self._store.query(_READY, **given)])

    async def _offer(self, row: Mapping[str, Any], privately: Do) -> bool:
        ask, words = _ask(row), self.words
        buttons = (Button(words.yes, f"{YES}{ask.id}"), Button(words.no, f"{NO}{ask.id}"))
        try:
            await self._store.change([Sql(_OFFERED, {"id": ask.id}, rows=1)])
            await privately(ask, Part(words.offer, buttons=buttons))
        except Conflict:
            return False
        except SendTemporary:
            await self._store.change([Sql(_NOT_YET, {"id": ask.id})])
            return False
        except (SendPermanent, SendUncertain) as error:
            # Nobody is asked twice; without an answer nothing is said.
            log.warning("closing line perhaps not offered", connection=self._connection, reason=str(error))
            return False
        return True

    async def decide(self, pressed: str, user: str) -> bool:
        """Take the asker's answer, once; False for a button that is none of theirs, or answered already."""
        yes = pressed.startswith(YES)
        id_, now = pressed.partition(":")[2], self._clock.now().timestamp()
        values = {"id": id_, "connection": self._connection, "user": user}
        decided = {**values, "closure": "wanted" if yes else "not_said", "held": 0.0 if yes else None}
        changes = [Sql(_DECIDED, decided, rows=1)]
        if not yes:
            changes.append(Sql(_CLOSE, {"id": id_, "now": now, "outcome": "nothing said in public"}))
        try:
            await self._store.change(changes)
        except Conflict:
            return False
        return True

    async def say(self, in_public: Do, privately: Do, limit: int = 20) -> int:
        """Say it where it is wanted; returns how many were said. For a sweep."""
        now = await self._store.database_now()
        rows = await self._store.query(_WANTED, connection=self._connection, now=now, limit=limit)
        return sum([await self._say(row, now, in_public, privately) for row in rows])

    async def _say(self, row: Mapping[str, Any], now: float, in_public: Do, privately: Do) -> bool:
        ask, closure, outcome = _ask(row), "said", "said in public"
        held = {"id": ask.id, "held": row["closure_held"], "until": now + _LEASE}
        try:
            await self._store.change([Sql(_HOLD, held, rows=1)])
            await in_public(ask, Part(self.words.in_public))
        except Conflict:
            return False
        except SendTemporary:
            return False
        except SendPermanent as error:
            log.warning("closing line refused", connection=self._connection, reason=str(error))
            closure, outcome = "not_said", "nothing said in public"
        except SendUncertain as error:
            # The same line twice in public is worse than none.
            log.warning("closing line uncertain", connection=self._connection, reason=str(error))
        at = self._clock.now().timestamp()
        ended = Sql(_ENDED, {"id": ask.id, "closure": closure})
        await self._store.change([ended, Sql(_CLOSE, {"id": ask.id, "now": at, "outcome": outcome})])
        if closure != "said":
            return False
        try:
            await privately(ask, Part(self.words.added))
        except (SendTemporary, SendPermanent, SendUncertain) as error:
            # They can see it where they asked.
            log.warning("asker not told", connection=self._connection, reason=str(error))
        return True


def about_closing(pressed: str) -> bool:
    """Whether this is one of the offer's buttons."""
    return pressed.startswith((YES, NO))


def _ask(row: Mapping[str, Any]) -> Ask:
    # Who they are in private: the same person may have another id where they asked.
    return Ask(row["id"], row["user_id"], msgspec.json.decode(row["place"]))
