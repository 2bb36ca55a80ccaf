"""A desk elsewhere: it hears of each hand-over and of every line in order, and tells us by webhook what its people do.

What we send (POST, JSON, `Authorization: Bearer …`; at least once, in order for each conversation, `Idempotency-Key`):
`/conversations/{id}/open` {case, reference, reason, summary, channel, locale}; `/conversations/{id}/entries` {pos,
side, kind, text, at, key}; `/conversations/{id}/close` {why}; each with {conversation}, the id in its address.
What we take (POST /desk/hook): {id, conversation, act: joined | said | note | returned | resolved, name, text, key,
note}; the same `id` again changes nothing. `joined` comes first: until then the bot answers, and what is `said` is not
passed on. Its echoes of our own lines carry our key and are left out.
Both ways `X-Desk-Signature` signs the body and the time of this very try: `desk.signature`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import aiohttp
import msgspec
from aiohttp import web

from bot.audit import audit_row
from bot.errors import Conflict, SettingsError, StoreUnavailable
from bot.model import Inbound
from bot.observe import logger
from bot.ports import Case, Clock, Opened, Sql, Store
from bot.settings import DeskSettings, Settings
from bot.sparing import Sparing
from bot.web.problems import BadBody, Forbidden
from desk import rows, signature
from desk.builtin import BuiltInDesk
from desk.hours import Hours, hours_of
from desk.presence import Seen

log = logger("parley.desk")

BACKOFF = (0.5, 2.0, 10.0, 30.0, 60.0)
"""Seconds before the next try; the last one again and again: a hand-over is never given up."""
TIMEOUT = 10.0
LOOK = 0.5
"""Seconds between looks at what is due."""

_OPEN = (
    "INSERT INTO desk_feed (conversation, reference, person, cases, pos, state, held, at)"
    " VALUES (:conversation, :reference, :person, :cases, 0, 'opening', 0, :at)"
    " ON CONFLICT (conversation) DO UPDATE SET reference = excluded.reference, cases = excluded.cases,"
    " state = CASE WHEN desk_feed.state = 'open' THEN 'open' ELSE 'opening' END, held = 0"
)
_CLOSE = "UPDATE desk_feed SET state = 'closing', why = :why, held = 0 WHERE conversation = :conversation"
_DUE = (
    "SELECT f.*, c.pos AS last FROM desk_feed f JOIN conversation c ON c.id = f.conversation"
    " WHERE (f.held IS NOT NULL AND f.held <= :now) OR (f.held IS NULL AND f.state = 'open' AND c.pos > f.pos)"
    " ORDER BY f.at LIMIT 50"
)
_MOVED = "UPDATE desk_feed SET state = :state, pos = :pos, tries = 0, held = :held WHERE conversation = :conversation"
_AGAIN = "UPDATE desk_feed SET tries = tries + 1, held = :held WHERE conversation = :conversation"

_KEEP = "INSERT INTO seen (connection, key_hash, at) VALUES ('desk-hook', :key_hash, :at) ON CONFLICT DO NOTHING"
_KEPT = "SELECT 1 AS found FROM seen WHERE connection = 'desk-hook' AND key_hash = :key_hash"

ACTS = {"joined": "join", "said": "say", "returned": "return", "resolved": "resolve"}


class _Event(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]
    conversation: str
    act: str
    name: str = ""
    text: str = ""
    key: str = ""
    note: str = ""


class ExternalDesk:
    """Implements `bot.ports.Handoff` over HTTP. It waits whenever its hours are open: who is there, only it knows."""

    def __init__(self, settings: DeskSettings, hours: Hours) -> None:
        if not settings.external.url:
            raise SettingsError("desk.external.url is empty: where is the desk?")
        if not settings.external.secret.get_secret_value():
            raise SettingsError("desk.external.secret is empty: its webhooks could come from anybody.")
        self.settings, self.hours = settings, hours
        self._words = BuiltInDesk(settings, hours)
        self._words.seen = Seen()

    def attended(self, now: datetime) -> bool:
        """Whether its hours are open."""
        return self.hours.is_open(now)

    def opens(self, now: datetime) -> Mapping[str, Any]:
        """When its hours begin next."""
        return self._words.opens(now)

    def open(self, case: Case, now: datetime) -> Opened:
        """The hand-over joins the feed in the turn's own transaction; it is sent afterwards."""
        told = {
            "case": case.id,
            "reference": case.reference,
            "reason": case.reason,
            "summary": case.summary,
            "channel": case.channel,
            "locale": case.locale,
        }
        values = {
            "conversation": case.conversation,
            "reference": case.reference,
            "person": case.person,
            "cases": msgspec.json.encode(told).decode(),
            "at": now.timestamp(),
        }
        waits = self.attended(now)
        text, more = self._words.promise(now) if waits else self._words.absence(now)
        return Opened((Sql(_OPEN, values),), waits, text, {**more, "reference": case.reference})

    def rated(self, case: str, score: int | None, now: datetime) -> tuple[Sql, ...]:
        """That desk asks by itself."""
        return ()

    def close(self, conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
        """It is told that the customer waits no longer, unless for another of their cases."""
        return (Sql(f"{_CLOSE} AND NOT {rows.OWED}", {"conversation": conversation, "why": why}),)


class Feed:
    """Sends the feed: each conversation in order, with retries, never two sends at once for one of them."""

    def __init__(self, store: Store, clock: Clock, settings: DeskSettings, session: aiohttp.ClientSession) -> None:
        self._store, self._clock, self._session = store, clock, session
        self._at = settings.external.url
        self._token = settings.external.token.get_secret_value()
        self._secret = settings.external.secret.get_secret_value().encode()

    async def once(self) -> int:
        """Send what is due; returns how many conversations were served."""
        now = await self._store.database_now()
        due = await self._store.query(_DUE, now=now)
        await asyncio.gather(*(self._serve(row) for row in due))
        return len(due)

    async def _serve(self, row: dict[str, Any]) -> None:
        conversation, pos, state = row["conversation"], int(row["pos"]), row["state"]
        try:
            if state == "opening":
                await self._post(conversation, "open", msgspec.json.decode(row["cases"]), f"open:{row['reference']}")
            if state in ("opening", "open"):
                pos = await self._entries(conversation, pos)
                state = "open"
            else:
                await self._post(conversation, "close", {"why": row["why"]}, f"close:{row['reference']}")
                state = "closed"
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("desk does not answer", error=type(error).__name__)
            held = await self._store.database_now() + BACKOFF[min(row["tries"], len(BACKOFF) - 1)]
            if pos != row["pos"]:
                values = {"conversation": conversation, "state": row["state"], "pos": pos, "held": held}
                await self._store.change([Sql(_MOVED, values)])
            await self._store.change([Sql(_AGAIN, {"conversation": conversation, "held": held})])
            return
        moved = {"conversation": conversation, "state": state, "pos": pos, "held": None}
        await self._store.change([Sql(_MOVED + " AND state = :was", {**moved, "was": row["state"]})])

    async def _entries(self, conversation: str, after: int) -> int:
        pos = after
        for entry in await self._store.entries(conversation, after=after, limit=200):
            if entry.kind in ("message", "press", "file", "withheld"):
                told = {
                    "pos": entry.pos,
                    "side": entry.side,
                    "kind": entry.kind,
                    "text": str(entry.body.get("text", "")),
                    "at": entry.at.isoformat(),
                    "key": f"{conversation}:{entry.pos}",
                }
                await self._post(conversation, "entries", told, f"{conversation}:{entry.pos}")
            pos = entry.pos
        return pos

    async def _post(self, conversation: str, what: str, body: dict[str, Any], key: str) -> None:
        # What is in the address alone would not be signed.
        raw = msgspec.json.encode({"conversation": conversation, **body})
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            signature.HEADER: signature.signed(self._secret, raw, self._clock.now()),
        }
        async with asyncio.timeout(TIMEOUT):
            async with self._session.post(
                f"{self._at}/conversations/{conversation}/{what}", data=raw, headers=headers
            ) as answer:
                if answer.status == 409:
                    return  # It has this already.
                answer.raise_for_status()


class FeedWorker:
    """Sends the feed until it is stopped."""

    def __init__(self, store: Store, clock: Clock, settings: DeskSettings) -> None:
        self._store, self._clock, self._settings = store, clock, settings
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stop`."""
        async with aiohttp.ClientSession() as session:
            feed = Feed(self._store, self._clock, self._settings, session)
            while not self._stopping.is_set():
                try:
                    await feed.once()
                except StoreUnavailable as error:
                    log.error("store unavailable", error=str(error))
                try:
                    await asyncio.wait_for(self._stopping.wait(), LOOK)
                except TimeoutError:
                    continue

    async def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()


class Hook:
    """Takes what the desk's people do."""

    def __init__(self, store: Store, clock: Clock, settings: DeskSettings) -> None:
        self._store, self._clock = store, clock
        self._secret = settings.external.secret.get_secret_value().encode()
        self._strangers = Sparing("desk")

    def routes(self) -> list[web.RouteDef]:
        """`POST /desk/hook`."""
        return [web.post("/desk/hook", self.take, name="desk_hook")]

    async def take(self, request: web.Request) -> web.Response:
        """Accept one event, once. Answered only when it is written; anything else is tried again by the desk."""
        raw, now = await request.read(), self._clock.now()
        wrong = signature.wrong(self._secret, raw, request.headers.get(signature.HEADER, ""), now)
        if wrong:
            if self._strangers.may():
                await self._store.change([audit_row(what="desk.refused", at=now, detail={"why": f"hook-{wrong}"})])
            raise Forbidden(
                f"Its time is more than {signature.TOLERANCE:.0f} seconds from ours: each try is signed anew."
                if wrong == "time"
                else "This does not come from the desk."
            )
        try:
            event = msgspec.json.decode(raw, type=_Event)
        except (msgspec.DecodeError, msgspec.ValidationError) as bad:
            raise BadBody(str(bad)) from None
        if event.key.startswith(f"{event.conversation}:"):
            return web.Response(status=200)  # An echo of a line we sent there.
        if event.act == "note":
            return web.Response(status=200)
        if event.act not in ACTS:
            raise BadBody("There is no such act.")
        # Also what is no inbound happens once: a late "resolved" must not end what was asked for since.
        kept = {"key_hash": hashlib.sha256(f"{event.conversation}:{event.id}".encode()).digest()}
        changes = [Sql(_KEEP, {**kept, "at": now.timestamp()}, rows=1)]
        inbound = Inbound(
            key=f"desk-hook:{event.id}",
            kind="agent",
            at=now,
            conversation=event.conversation,
            text=event.text,
            data={"act": ACTS[event.act], "name": event.name, "note": event.note},
        )
        if event.act in ("returned", "resolved"):
            changes.append(Sql(_CLOSE, {"conversation": event.conversation, "why": event.act}))
            changes.append(rows.cases_closed(event.conversation, event.act, now))
        try:
            await self._store.change(changes, [inbound])
        except Conflict:
            if not await self._store.query(_KEPT, **kept):
                raise BadBody("There is no such conversation.") from None
        return web.Response(status=200)


def build(settings: Settings) -> ExternalDesk:
    """For `desk.handoff` in the configuration."""
    return ExternalDesk(settings.desk, hours_of(settings.desk))
