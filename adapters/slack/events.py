"""Whatever Slack sends, by either way in: durable before it is acknowledged, each once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.intake import Intake
from adapters.public import Ask, PublicAsks
from adapters.render import Part
from adapters.slack.client import Client
from adapters.slack.errors import Unreadable
from adapters.slack.reading import Alarm, Asked, Closing, Foreign, Gone, Reader, Said
from adapters.slack.settings import SlackSettings
from adapters.unlinks import Unlinks
from bot.errors import SendUncertain
from bot.model import Inbound
from bot.observe import logger
from bot.observe.metrics import REFUSED
from bot.ports import Clock, Store

log = logger("parley.slack")

_LINKED = "SELECT user_id FROM identity_link WHERE connection = :connection AND revoked_at IS NULL"


class Events:
    """Takes what concerns one workspace."""

    def __init__(
        self,
        *,
        settings: SlackSettings,
        clock: Clock,
        client: Client,
        intake: Intake,
        asks: PublicAsks,
        closures: Closures,
        letters: DeadLetters,
        store: Store,
        unlinks: Unlinks,
    ) -> None:
        self._settings, self._clock, self._client = settings, clock, client
        self._intake, self._asks, self._closures, self._letters = intake, asks, closures, letters
        self._store, self._unlinks = store, unlinks
        self._reader = Reader(settings)

    async def take(self, body: Mapping[str, Any]) -> str:
        """Take a body; the same event again changes nothing. Returns what its sender alone is shown, mostly nothing.

        Raises `StoreUnavailable`, and `Temporary` while Slack has not told us which workspace is ours.
        """
        me = await self._client.me()
        try:
            event = self._reader.read(body, me, self._clock.now())
        except Unreadable as error:
            await self._keep(body, error.detail)
            return ""
        match event:
            case Said(inbounds, answer):
                for inbound in inbounds:
                    await self._intake.take(inbound)
                return answer
            case Asked():
                place = {"channel": event.channel, "ts": event.ts}
                await self._asks.keep(key=event.key, user=event.user, place=place, text=event.text)
            case Closing(user, pressed):
                await self._closures.decide(pressed, user)
            case Gone(address):
                await self._store.change(self._unlinks.unlink(address=address, now=self._clock.now(), reason="left"))
            case Foreign():
                log.warning("somebody of another workspace", connection=self._settings.connection)
                REFUSED.labels("slack", "other_workspace").inc()
            case Alarm(kind):
                log.error("slack tells", connection=self._settings.connection, kind=kind)
                if kind in ("app_uninstalled", "tokens_revoked"):
                    await self._unlink_all(kind)
        return ""

    async def _unlink_all(self, why: str) -> None:
        """The workspace has taken its trust back: whoever was linked there proves themselves anew."""
        linked = await self._store.query(_LINKED, connection=self._settings.connection)
        for row in linked:
            address = self._reader.address(row["user_id"])
            await self._store.change(self._unlinks.unlink(address=address, now=self._clock.now(), reason=why))

    async def answer(self, ask: Ask) -> str:
        """Take a public question into the asker's direct messages, and say the neutral line in its thread."""
        inbound = Inbound(
            key=f"ask:{ask.id}",
            kind="message",
            at=self._clock.now(),
            address=self._reader.address(ask.user),
            text=ask.text or self._settings.hello,
            locale=ask.locale,
        )
        # The case first; the same inbound again changes nothing, so that a sweep that died here is made good.
        await self._asks.enter(ask.id, ask.user, lambda _: inbound, accept=False)
        await self._intake.take(inbound)
        try:
            return await self._client.say(
                str(ask.place["channel"]), Part(self._settings.words.in_public), thread=str(ask.place["ts"])
            )
        except SendUncertain as error:
            # The asker has their answer either way, and the same line twice in public is worse than none.
            log.warning("neutral line uncertain", connection=self._settings.connection, reason=str(error))
            return ""

    async def _keep(self, body: Mapping[str, Any], reason: str) -> None:
        await self._letters.keep(
            channel="slack",
            connection=self._settings.connection,
            reason=reason or "unreadable",
            body=msgspec.json.encode(body),
        )
