"""Messenger as a channel: quick replies and link buttons, the 24-hour window, sends reconciled against echoes.

https://developers.facebook.com/docs/messenger-platform/policy/policy-overview (standard messaging and message tags)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from adapters.messenger.echoes import Echoes
from adapters.messenger.errors import OutsideWindow, TokenDead, TooFast
from adapters.messenger.graph import Graph
from adapters.messenger.pause import Pause
from adapters.messenger.shape import LIMITS, message
from adapters.reconcile import settle, tag_for
from adapters.render import Part, Progress, Renderer
from bot.errors import NotPrivate, SendUncertain
from bot.model import Address, Window
from bot.observe import logger
from bot.ports import Capabilities, Clock, OutboxClaim

log = logger("parley.messenger")

FREE = timedelta(hours=24)
PERSON = timedelta(days=7)


class MessengerChannel:
    """One Page."""

    name = "messenger"
    capabilities = Capabilities(
        buttons=LIMITS.buttons, button_label=LIMITS.label, text=LIMITS.text, typing=True, reconciles=True
    )

    def __init__(
        self,
        graph: Graph,
        renderer: Renderer,
        echoes: Echoes,
        clock: Clock,
        pause: Pause,
        *,
        human_agent: bool,
        answering: Callable[[Address], None],
    ) -> None:
        self._graph, self._renderer, self._echoes, self._clock = graph, renderer, echoes, clock
        self._human_agent, self._answering = human_agent, answering
        self.human_agent = human_agent
        """Whether a person may answer after the free window has closed."""
        self._progress, self._pause = Progress(), pause

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Open for 24 hours after the customer's last action; for 7 days a person may still reply, with a tag."""
        if last_inbound is None:
            return "closed"
        passed = now - last_inbound
        return "open" if passed <= FREE else "template_only" if passed <= PERSON else "closed"

    async def send(self, held: OutboxClaim) -> str:
        """Send the parts that have not gone out yet; returns the messages' ids. Raises the channel's send errors."""
        if held.address.kind != "private":
            raise NotPrivate
        kind = self._kind(held)
        await self._pause.check(held)
        self._answering(held.address)
        parts = await self._renderer.parts(held.said, held.conversation)

        async def one(part: Part) -> str:
            tag = tag_for(held, len(self._progress.sent(held)), len(parts))
            made = {**message(part), "metadata": str(tag)}
            answer = await self._graph.send({"recipient": {"id": held.address.user}, **kind, "message": made})
            mid = answer.get("message_id")
            if not isinstance(mid, str) or not mid:
                raise SendUncertain("an answer without a message's id")
            return mid

        try:
            sent = await self._progress.send(held, parts, one)
        except (TooFast, TokenDead) as error:
            if isinstance(error, TokenDead):
                log.error("page token refused", connection=held.address.connection, reason=str(error))
            await self._pause.begin(held, error)
            raise
        await self._pause.end(held)
        return sent

    async def types(self, address: Address) -> None:
        """Show that a person types (`sender_action`), until their message or for 20 seconds."""
        await self._graph.send({"recipient": {"id": address.user}, "sender_action": "typing_on"})

    def _kind(self, held: OutboxClaim) -> Mapping[str, str]:
        """The messaging type. A tag stands only on what a person wrote, and only once the free window has closed."""
        window = self.window(held.last_inbound_at, self._clock.now())
        if window == "open":
            return {"messaging_type": "RESPONSE"}
        by_person = held.purpose == "agent" and held.said.author not in ("", "system")
        if window == "template_only" and by_person and self._human_agent:
            return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        raise OutsideWindow("(not sent)")

    async def find(self, held: OutboxClaim) -> str | None:
        """The ids if echoes tell that all parts went out; else None, and `send` goes on after those that did."""
        found, parts = await self._echoes.of(held)
        return settle(self._progress, held, found, parts)
