"""Telegram put together from what the composition gives: its edge, its channel, its workers."""

from __future__ import annotations

import hmac

import msgspec
from aiohttp import web
from telegram.helpers import create_deep_linked_url

from adapters.atwork import AtWork
from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.files import KeptFiles
from adapters.intake import ControlRule, Intake
from adapters.public import Ask, Moved, PublicAsks
from adapters.render import ENGLISH, FileMinter, LinkMinter, Opens, Part, Renderer, Words
from adapters.telegram.channel import TelegramChannel
from adapters.telegram.client import Client
from adapters.telegram.connecting import connect
from adapters.telegram.errors import ChatMoved
from adapters.telegram.indicator import Typing
from adapters.telegram.polling import Poller
from adapters.telegram.settings import TelegramSettings
from adapters.telegram.shape import LIMITS
from adapters.telegram.updates import Updates
from adapters.unlinks import Unlinks
from bot.observe.metrics import REFUSED
from bot.pace import Pace
from bot.ports import Clock, Redactor, Store
from bot.serving import Every, Worker
from bot.web import BadBody, Forbidden, Taken

HEADER = "X-Telegram-Bot-Api-Secret-Token"


class SecretWrong(Forbidden):
    """This did not come from Telegram: the secret token is missing or wrong."""


class NotAnUpdate(BadBody):
    """This is not an update."""


class Telegram:
    """One bot. `routes()` go into the application, `workers()` run beside it, `channel` is what delivery sends by."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: TelegramSettings,
        control: ControlRule,
        links: LinkMinter,
        unlinks: Unlinks,
        files: FileMinter | None = None,
        redactor: Redactor | None = None,
        words: Words = ENGLISH,
    ) -> None:
        self._settings = settings
        self._secret = settings.secret.encode()
        self.client = Client(settings)
        self._typing = Typing(self.client, settings.typing_after, AtWork(store))
        self._asks = PublicAsks(store, clock, settings.connection)
        self._closures = Closures(store, clock, settings.connection, settings.words.closure)
        self._files = KeptFiles(store, clock, settings.connection)
        pace = Pace(store, "telegram", rate=settings.sends, burst=settings.sends, secret=self._secret)
        self.channel = TelegramChannel(self.client, Renderer(LIMITS, links, files, words), self._typing.end, pace)
        self._updates = Updates(
            settings=settings,
            store=store,
            clock=clock,
            client=self.client,
            intake=Intake(store, control, "telegram", redactor, self._files),
            asks=self._asks,
            closures=self._closures,
            letters=DeadLetters(store, clock),
            typing=self._typing,
            unlinks=unlinks,
        )

    def routes(self) -> list[web.RouteDef]:
        """The webhook, where updates come by it."""
        if self._settings.mode == "polling":
            return []
        return [web.post(self._settings.path, self._receive, name="telegram-updates")]

    def workers(self) -> dict[str, Worker]:
        """The poller, where updates are fetched; and whoever answers in groups."""
        workers: dict[str, Worker] = {
            "telegram-groups": Every(1.0, "telegram-groups", self.answer_in_groups),
            "telegram-closures": Every(5.0, "telegram-closures", self.close_in_groups),
            "telegram-files": Every(2.0, "telegram-files", self.fetch_files),
        }
        if self._settings.mode == "polling":
            workers["telegram-polling"] = Poller(self.client, self._updates)
        return workers

    async def _receive(self, request: web.Request) -> web.Response:
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        # The body is not signed, so this secret is all the proof there is.
        if not hmac.compare_digest(given, self._secret):
            REFUSED.labels("telegram", "secret").inc()
            raise SecretWrong
        try:
            raw = msgspec.json.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotAnUpdate from error
        if not isinstance(raw, dict) or type(raw.get("update_id")) is not int:
            raise NotAnUpdate
        await self._updates.take(raw)
        return Taken()

    async def answer_in_groups(self) -> int:
        """Say the neutral line wherever the bot was spoken to in public; returns how many were answered."""
        return await self._asks.answer(self._answer)

    async def close_in_groups(self) -> int:
        """Offer closing lines to askers who are quiet, and say those that are wanted; returns how many were said."""
        await self._closures.offer(self._privately)
        return await self._closures.say(self._in_public, self._privately)

    async def _privately(self, ask: Ask, part: Part) -> str:
        return await self.client.say(int(ask.user), part)

    async def _in_public(self, ask: Ask, part: Part) -> str:
        place = ask.place
        return await self.client.say(
            int(place["chat"]), part, thread=place.get("thread"), reply_to=place.get("message")
        )

    async def fetch_files(self) -> int:
        """Fetch what customers sent; returns how many files were kept."""
        return await self._files.fetch(self.client.file)

    async def _answer(self, ask: Ask) -> str:
        me = await self.client.me()
        way_in = create_deep_linked_url(me.username, ask.id if ask.user else None)
        words = self._settings.words
        part = Part(words.in_public, links=(Opens(words.way_in, way_in),))
        place = ask.place
        try:
            return await self.client.say(
                int(place["chat"]), part, thread=place.get("thread"), reply_to=place.get("message")
            )
        except ChatMoved as moved:
            # Messages keep no id across the move, so the line stands by itself.
            raise Moved({"chat": moved.chat, "thread": None, "message": None}) from moved

    async def check(self) -> str:
        """The readiness check: who the bot is, and so that its token works. Raises `Temporary`."""
        me = await self.client.me()
        return f"@{me.username}, {self._settings.mode}"

    async def connect(self, public_url: str) -> list[str]:
        """Set this bot up; what there is to know, a line each. Raises `SettingsError` and the client's errors."""
        return await connect(self.client, self._settings, public_url)

    async def close(self) -> None:
        """Finish what is under way and close the connections. After delivery has stopped."""
        await self._typing.close()
        await self._updates.close()
        await self.client.close()
