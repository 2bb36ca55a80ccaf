"""One way in for both modes: an update is durable before Telegram may forget it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.intake import Intake
from adapters.public import PublicAsks
from adapters.telegram.client import Client
from adapters.telegram.errors import Unreadable
from adapters.telegram.indicator import Typing
from adapters.telegram.reading import Asked, Closing, Entered, Left, Pressed, Reader, Said
from adapters.telegram.settings import TelegramSettings
from adapters.unlinks import Unlinks
from bot.errors import ParleyError
from bot.ports import Clock, Store


class Updates:
    """Takes updates of one bot."""

    def __init__(
        self,
        *,
        settings: TelegramSettings,
        store: Store,
        clock: Clock,
        client: Client,
        intake: Intake,
        asks: PublicAsks,
        closures: Closures,
        letters: DeadLetters,
        typing: Typing,
        unlinks: Unlinks,
    ) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._client, self._intake, self._asks, self._closures = client, intake, asks, closures
        self._letters, self._typing, self._unlinks = letters, typing, unlinks
        self._reader = Reader(settings)
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, raw: Mapping[str, Any]) -> None:
        """Take one update durably; the same one again changes nothing. Raises `StoreUnavailable`, `Temporary`."""
        if _in_group(raw):
            # Only there our own name matters; nobody's private message waits for it.
            await self._client.me()
        try:
            event = self._reader.read(raw, self._client.known, self._clock.now())
        except Unreadable as error:
            await self._letters.keep(
                channel="telegram",
                connection=self._settings.connection,
                reason=error.detail,
                body=msgspec.json.encode(raw),
            )
            return
        match event:
            case Said(inbounds):
                fresh = [(await self._intake.take(inbound)).fresh for inbound in inbounds]
                if any(fresh) and inbounds[0].address is not None:
                    self._typing.begin(inbounds[0].address)
            case Pressed(query, inbound):
                if inbound is not None and (await self._intake.take(inbound)).fresh and inbound.address is not None:
                    self._typing.begin(inbound.address)
                self._later(self._client.pressed(query, "" if inbound is not None else self._settings.words.not_yours))
            case Closing(query, user, pressed):
                await self._closures.decide(pressed, user)
                self._later(self._client.pressed(query))
            case Entered():
                await self._enter(event)
            case Asked():
                place = {"chat": event.chat, "thread": event.thread, "message": event.message}
                await self._asks.keep(key=event.key, user=event.user, place=place, text=event.text, locale=event.locale)
            case Left(address):
                rows = self._unlinks.unlink(address=address, now=self._clock.now(), reason="blocked")
                await self._store.change(list(rows))

    async def _enter(self, event: Entered) -> None:
        inbound = event.inbound
        assert inbound.address is not None
        if not await self._asks.enter(
            event.payload, inbound.address.user, lambda text: replace(inbound, text=text or inbound.text)
        ):
            # Somebody else's link, an old one, or a second tap: the chat opens all the same, with nothing of theirs.
            await self._intake.take(inbound)
        self._typing.begin(inbound.address)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what the platform need not wait for, and what may fail without harm."""
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Finish what is under way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _in_group(raw: Mapping[str, Any]) -> bool:
    message = raw.get("message")
    chat = message.get("chat") if isinstance(message, Mapping) else None
    return isinstance(chat, Mapping) and chat.get("type") in ("group", "supergroup")


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ParleyError:
        # A spinner that goes on by itself after a while; the press itself was taken.
        return
