"""Slack as a channel: direct messages alone, in blocks, reconciled by the metadata that our messages carry."""

from __future__ import annotations

from datetime import datetime

from adapters.reconcile import settle, tag_for
from adapters.render import Part, Progress, Renderer
from adapters.slack.client import Client
from adapters.slack.errors import ScopeMissing, TokenDead
from adapters.slack.shape import LIMITS
from bot.errors import NotPrivate, SendPermanent, SendTemporary, SendUncertain
from bot.model import Window
from bot.observe import logger
from bot.ports import Capabilities, OutboxClaim

log = logger("parley.slack")


class SlackChannel:
    """One workspace. Slack shows no typing for ordinary bots."""

    name = "slack"
    capabilities = Capabilities(buttons=LIMITS.buttons, button_label=LIMITS.label, text=LIMITS.text, reconciles=True)

    def __init__(self, client: Client, renderer: Renderer) -> None:
        self._client, self._renderer = client, renderer
        self._progress = Progress()

    def window(self, last_inbound: datetime | None, now: datetime) -> Window:
        """Open: a bot may write at any time to the members of its workspace."""
        return "open"

    async def send(self, held: OutboxClaim) -> str:
        """Send the parts that have not gone out yet; returns the messages' ts. Raises the channel's send errors."""
        if held.address.kind != "private":
            raise NotPrivate
        try:
            channel = await self._client.chat_with(held.address.user)
            parts = await self._renderer.parts(held.said, held.conversation)

            async def one(part: Part) -> str:
                tag = tag_for(held, len(self._progress.sent(held)), len(parts))
                return await self._client.say(channel, part, thread=held.address.thread, tag=tag)

            return await self._progress.send(held, parts, one)
        except TokenDead as error:
            log.error("bot token refused", connection=held.address.connection, reason=str(error))
            raise

    async def find(self, held: OutboxClaim) -> str | None:
        """The ts if all parts stand in the chat; else None, and `send` goes on after those that do."""
        try:
            channel = await self._client.chat_with(held.address.user)
            seen = await self._client.tagged(channel, held.address.thread, held.created_at)
        except (SendPermanent, ScopeMissing) as error:
            # Without the scope to read, nobody can tell: at least once.
            log.warning("cannot look for what was sent", connection=held.address.connection, reason=str(error))
            return None
        except SendTemporary as error:
            # Later, and until then it stays uncertain.
            raise SendUncertain(error.detail) from error
        row = held.conversation, held.seq, held.n
        found = {tag.part: ts for tag, ts in seen if (tag.conversation, tag.seq, tag.n) == row}
        parts = max((tag.parts for tag, _ in seen if (tag.conversation, tag.seq, tag.n) == row), default=0)
        return settle(self._progress, held, found, parts)
