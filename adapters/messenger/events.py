"""Everything in a webhook's body, durable before Meta is answered: every entry and every item, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import msgspec

from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.intake import Intake
from adapters.messenger.echoes import Echoes
from adapters.messenger.errors import Unreadable
from adapters.messenger.indicator import Typing
from adapters.messenger.reading import Asked, Closing, Echoed, Entered, Event, Linking, Reader, Said
from adapters.messenger.settings import MessengerSettings
from adapters.public import PublicAsks
from adapters.unlinks import Unlinks
from bot.model import Address
from bot.observe import logger
from bot.observe.metrics import REFUSED
from bot.ports import Clock, Sql, Store

log = logger("parley.messenger")


class LinkCodes(Protocol):
    """Whoever gives out codes for Messenger's own account linking."""

    async def linked(self, *, address: Address, code: str, now: datetime) -> Sequence[Sql] | None:
        """Rows to write for a code that was given out and is live; None for any other. A hint, never a proof."""
        ...


class Events:
    """Takes the events of one Page."""

    def __init__(
        self,
        *,
        settings: MessengerSettings,
        store: Store,
        clock: Clock,
        intake: Intake,
        asks: PublicAsks,
        closures: Closures,
        letters: DeadLetters,
        echoes: Echoes,
        typing: Typing,
        unlinks: Unlinks,
        codes: LinkCodes | None,
    ) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._intake, self._asks, self._closures, self._letters = intake, asks, closures, letters
        self._echoes, self._typing = echoes, typing
        self._unlinks, self._codes = unlinks, codes
        self._reader = Reader(settings)

    async def take(self, body: Mapping[str, Any]) -> None:
        """Take a whole body; the same one again changes nothing. Raises `StoreUnavailable`."""
        entries = body.get("entry")
        if body.get("object") != "page" or not isinstance(entries, list):
            await self._keep(body, "not a page's event")
            return
        for kind, item in _in_order([found for entry in entries for found in self._items(entry)]):
            try:
                event = self._read(kind, item)
            except Unreadable as error:
                await self._keep(item, error.detail)
            else:
                await self._event(event)

    def _read(self, kind: str, item: object) -> Event:
        if kind == "messaging":
            return self._reader.message(item)
        if kind == "changes":
            return self._reader.change(item)
        raise Unreadable("an entry that is none")

    def _items(self, entry: object) -> list[tuple[str, object]]:
        """The entry's items. What stands in `standby` is another app's conversation and is left to it."""
        if not isinstance(entry, Mapping):
            return [("odd", entry)]
        if str(entry.get("id")) != self._settings.page:
            log.warning("event of another page", connection=self._settings.connection)
            REFUSED.labels("messenger", "other_page").inc()
            return []
        found: list[tuple[str, object]] = []
        for kind in ("messaging", "changes"):
            items = entry.get(kind)
            if isinstance(items, list):
                found += [(kind, item) for item in items]
            elif items is not None:
                found.append(("odd", entry))
        return found

    async def _event(self, event: Event) -> None:
        match event:
            case Said(inbounds):
                fresh = [(await self._intake.take(inbound)).fresh for inbound in inbounds]
                if any(fresh) and inbounds[0].address is not None:
                    self._typing.begin(inbounds[0].address)
            case Echoed(tag, mid):
                await self._echoes.note(tag, mid)
            case Entered():
                await self._enter(event)
            case Closing(user, pressed):
                await self._closures.decide(pressed, user)
            case Asked():
                place = {"target": event.target, "kind": event.kind}
                await self._asks.keep(key=event.key, user=event.user, place=place, text=event.text)
            case Linking():
                await self._linking(event)

    async def _enter(self, event: Entered) -> None:
        inbound = event.inbound
        assert inbound.address is not None
        # The button stands only in the thread that the private reply opened, so its press proves who asked.
        if not await self._asks.enter(event.ask, event.user, lambda text: replace(inbound, text=text or inbound.text)):
            await self._intake.take(inbound)
        self._typing.begin(inbound.address)

    async def _linking(self, event: Linking) -> None:
        now = self._clock.now()
        if event.code is None:
            await self._store.change(list(self._unlinks.unlink(address=event.address, now=now, reason="unlinked")))
            return
        rows = await self._codes.linked(address=event.address, code=event.code, now=now) if self._codes else None
        if rows is None:
            log.warning("account linking with an unknown code", connection=self._settings.connection)
            REFUSED.labels("messenger", "unknown_code").inc()
        elif rows:
            await self._store.change(list(rows))

    async def _keep(self, item: object, reason: str) -> None:
        body = msgspec.json.encode(item)
        await self._letters.keep(
            channel="messenger", connection=self._settings.connection, reason=reason or "unreadable", body=body
        )


def _in_order(items: list[tuple[str, object]]) -> list[tuple[str, object]]:
    """By the time of each, where that can be told: a batch may hold a person's messages in any order."""

    def when(item: tuple[str, object]) -> int:
        stamp = item[1].get("timestamp") if isinstance(item[1], Mapping) else None
        return stamp if isinstance(stamp, int) else 0

    return sorted(items, key=when)
