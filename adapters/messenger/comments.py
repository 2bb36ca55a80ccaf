"""A comment or post on the Page: one private reply to whoever wrote it, and one neutral line for all to see.

https://developers.facebook.com/docs/messenger-platform/discovery/private-replies
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.messenger.errors import AlreadyAnswered, Busy
from adapters.messenger.graph import Graph
from adapters.messenger.reading import WAY_IN
from adapters.messenger.settings import MessengerSettings
from adapters.messenger.shape import message, with_buttons
from adapters.public import Ask
from adapters.render import Part
from bot.errors import SendPermanent, SendUncertain
from bot.observe import logger

log = logger("parley.messenger")


class Comments:
    """Answers on one Page."""

    def __init__(self, graph: Graph, settings: MessengerSettings) -> None:
        self._graph, self._settings = graph, settings

    async def answer(self, ask: Ask) -> str:
        """Answer privately, then in public. Returns the neutral line's id. Raises `SendTemporary`, `SendPermanent`."""
        try:
            return await self._answer(ask)
        except SendUncertain as error:
            # Each step can be done again: the platform refuses a second private reply, and our line is looked for.
            raise Busy(error.detail) from error

    async def _answer(self, ask: Ask) -> str:
        target, kind = str(ask.place["target"]), str(ask.place["kind"])
        words = self._settings.words
        reached = await self._privately(ask, target, kind)
        # Asked first, since the platform takes the same line twice: nobody is answered a second time in public.
        earlier = await self._ours(target)
        if earlier:
            return earlier
        line = words.in_public if reached else words.in_public_alone
        answer = await self._graph.post(f"{target}/comments", {"message": line})
        return str(answer.get("id", ""))

    async def _privately(self, ask: Ask, target: str, kind: str) -> bool:
        """The one private reply that Messenger allows; False where it does not reach this person."""
        words = self._settings.words
        way_in = {"type": "postback", "title": words.go_on, "payload": f"{WAY_IN}{ask.id}:{ask.user}"}
        reply = {
            "recipient": {f"{kind}_id": target},
            "messaging_type": "RESPONSE",
            "message": with_buttons(words.in_private, [way_in]),
        }
        try:
            await self._graph.send(reply)
        except AlreadyAnswered:
            return True
        except SendPermanent as error:
            log.warning("no private reply", connection=self._settings.connection, reason=str(error))
            return False
        return True

    async def privately(self, ask: Ask, part: Part) -> str:
        """Say something in the asker's own thread; the message's id. Raises the channel's send errors."""
        said = {"recipient": {"id": ask.user}, "messaging_type": "RESPONSE", "message": message(part)}
        return str((await self._graph.send(said)).get("message_id", ""))

    async def in_public(self, ask: Ask, part: Part) -> str:
        """Say something below the comment or post; the new comment's id. Raises as above."""
        said = await self._graph.post(f"{ask.place['target']}/comments", {"message": part.text})
        return str(said.get("id", ""))

    async def _ours(self, target: str) -> str:
        """A comment of the Page's own below this one."""
        below = await self._graph.get(f"{target}/comments", fields="id,from", limit="100")
        found = below.get("data")
        for one in found if isinstance(found, list) else ():
            author = one.get("from") if isinstance(one, Mapping) else None
            if isinstance(author, Mapping) and str(author.get("id")) == self._settings.page:
                return str(one.get("id", ""))
        return ""
