"""Slack put together from what the composition gives: its edge, its channel, its workers."""

from __future__ import annotations

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response

from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.files import KeptFiles
from adapters.intake import ControlRule, Intake
from adapters.public import Ask, PublicAsks
from adapters.render import ENGLISH, FileMinter, LinkMinter, Part, Renderer, Words
from adapters.slack.bolt import Acknowledger
from adapters.slack.channel import SlackChannel
from adapters.slack.client import Client
from adapters.slack.connecting import connect
from adapters.slack.events import Events
from adapters.slack.requests import Unsigned, Verifier, body_of
from adapters.slack.settings import SlackSettings
from adapters.slack.shape import LIMITS
from adapters.slack.socket import SocketReader
from adapters.unlinks import Unlinks
from bot.observe.metrics import REFUSED
from bot.ports import Clock, Redactor, Store
from bot.serving import Every, Worker


class Slack:
    """One workspace. `routes()` go into the application, `workers()` run beside it, delivery sends by `channel`."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: SlackSettings,
        control: ControlRule,
        links: LinkMinter,
        unlinks: Unlinks,
        files: FileMinter | None = None,
        redactor: Redactor | None = None,
        words: Words = ENGLISH,
    ) -> None:
        self._settings = settings
        self.client = Client(settings)
        self._asks = PublicAsks(store, clock, settings.connection)
        self._closures = Closures(store, clock, settings.connection, settings.words.closure)
        self._files = KeptFiles(store, clock, settings.connection)
        self.channel = SlackChannel(self.client, Renderer(LIMITS, links, files, words))
        self._events = Events(
            settings=settings,
            clock=clock,
            client=self.client,
            intake=Intake(store, control, "slack", redactor, self._files),
            asks=self._asks,
            closures=self._closures,
            letters=DeadLetters(store, clock),
            store=store,
            unlinks=unlinks,
        )
        self._acknowledger = Acknowledger(self._events.take)
        self._verifier = Verifier(settings.signing_secret, clock) if settings.mode == "http" else None

    def routes(self) -> list[web.RouteDef]:
        """Where events, presses and commands are posted, unless they come by the socket."""
        if self._verifier is None:
            return []
        return [web.post(self._settings.path, self._receive, name="slack-events")]

    def workers(self) -> dict[str, Worker]:
        """The socket's reader, where there is one; and whoever answers in channels."""
        workers: dict[str, Worker] = {
            "slack-channels": Every(1.0, "slack-channels", self.answer_in_channels),
            "slack-closures": Every(5.0, "slack-closures", self.close_in_channels),
            "slack-files": Every(2.0, "slack-files", self.fetch_files),
        }
        if self._settings.mode == "socket":
            workers["slack-socket"] = SocketReader(self.client, self._settings.app_token, self._acknowledger.dispatch)
        return workers

    async def _receive(self, request: web.Request) -> web.Response:
        assert self._verifier is not None
        raw = await request.read()
        try:
            self._verifier.check(raw, request.headers)
        except Unsigned:
            REFUSED.labels("slack", "signature").inc()
            raise
        # A retry is taken like any other: the first try may have died, and what was taken is known again.
        response = await self._acknowledger.dispatch(body_of(raw, request.content_type))
        return await to_aiohttp_response(response)

    async def answer_in_channels(self) -> int:
        """Answer wherever the bot was mentioned in public; returns how many were answered."""
        return await self._asks.answer(self._events.answer)

    async def close_in_channels(self) -> int:
        """Offer closing lines to askers who are quiet, and say those that are wanted; returns how many were said."""
        await self._closures.offer(self._privately)
        return await self._closures.say(self._in_public, self._privately)

    async def _privately(self, ask: Ask, part: Part) -> str:
        return await self.client.say(await self.client.chat_with(ask.user), part)

    async def _in_public(self, ask: Ask, part: Part) -> str:
        return await self.client.say(str(ask.place["channel"]), part, thread=str(ask.place["ts"]))

    async def fetch_files(self) -> int:
        """Fetch what members sent; returns how many files were kept."""
        return await self._files.fetch(self.client.file)

    async def check(self) -> str:
        """Who the bot is, and so that its token works. Raises the channel's send errors."""
        me = await self.client.me()
        return f"@{me.name}, {self._settings.mode}"

    async def connect(self, public_url: str) -> list[str]:
        """Check the token; what there is to know and to click, a line each. Raises `SettingsError` and send errors."""
        return await connect(self.client, self._settings, public_url)

    async def close(self) -> None:
        """Finish what is under way and close the connections. After delivery has stopped."""
        await self.client.close()
