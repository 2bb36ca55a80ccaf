"""Messenger put together from what the composition gives: its edge, its channel, its workers."""

from __future__ import annotations

import hmac

from aiohttp import web

from adapters.atwork import AtWork
from adapters.bodies import json_object
from adapters.closures import Closures
from adapters.deadletters import DeadLetters
from adapters.fetching import Source, inside
from adapters.files import KeptFiles
from adapters.intake import ControlRule, Intake
from adapters.messenger.channel import MessengerChannel
from adapters.messenger.comments import Comments
from adapters.messenger.connecting import connect
from adapters.messenger.echoes import Echoes
from adapters.messenger.events import Events, LinkCodes
from adapters.messenger.graph import Graph
from adapters.messenger.indicator import Typing
from adapters.messenger.pause import Pause
from adapters.messenger.settings import MessengerSettings
from adapters.messenger.shape import LIMITS
from adapters.public import PublicAsks
from adapters.render import ENGLISH, FileMinter, LinkMinter, Renderer, Words
from adapters.unlinks import Unlinks
from bot.errors import ParleyError
from bot.observe.metrics import REFUSED
from bot.ports import Clock, Redactor, Store
from bot.serving import Every, Worker
from bot.web import BadBody, Forbidden

HEADER = "X-Hub-Signature-256"
_CHALLENGE = 512


class SignatureWrong(Forbidden):
    """This did not come from Meta: the signature is missing or wrong."""


class VerifyTokenWrong(Forbidden):
    """This is not Meta setting the webhook: the verify token is missing or wrong."""


class NotAnEvent(BadBody):
    """This is not an event."""


class Messenger:
    """One Page. `routes()` go into the application, `workers()` run beside it, `channel` is what delivery sends by."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: MessengerSettings,
        control: ControlRule,
        links: LinkMinter,
        unlinks: Unlinks,
        codes: LinkCodes | None = None,
        files: FileMinter | None = None,
        redactor: Redactor | None = None,
        words: Words = ENGLISH,
    ) -> None:
        self._settings = settings
        self.graph = Graph(settings)
        self._typing = Typing(self.graph, settings.typing_after, AtWork(store))
        self._asks = PublicAsks(store, clock, settings.connection)
        self._comments = Comments(self.graph, settings)
        self._closures = Closures(store, clock, settings.connection, settings.words.closure)
        self._files = KeptFiles(store, clock, settings.connection)
        echoes = Echoes(store, settings.connection, settings.echo)
        self.channel = MessengerChannel(
            self.graph,
            Renderer(LIMITS, links, files, words),
            echoes,
            clock,
            Pause(store, settings.connection),
            human_agent=settings.human_agent,
            answering=self._typing.end,
        )
        self._events = Events(
            settings=settings,
            store=store,
            clock=clock,
            intake=Intake(store, control, "messenger", redactor, self._files),
            asks=self._asks,
            closures=self._closures,
            letters=DeadLetters(store, clock),
            echoes=echoes,
            typing=self._typing,
            unlinks=unlinks,
            codes=codes,
        )

    def routes(self) -> list[web.RouteDef]:
        """The webhook: GET when Meta sets it, POST with events."""
        path = self._settings.path
        return [
            web.get(path, self._verify, name="messenger-verify"),
            web.post(path, self._receive, name="messenger-events"),
        ]

    def workers(self) -> dict[str, Worker]:
        """Whoever answers comments, and whoever fetches files."""
        return {
            "messenger-comments": Every(1.0, "messenger-comments", self.answer_comments),
            "messenger-closures": Every(5.0, "messenger-closures", self.close_comments),
            "messenger-files": Every(2.0, "messenger-files", self.fetch_files),
        }

    async def _verify(self, request: web.Request) -> web.Response:
        query = request.query
        given = query.get("hub.verify_token", "").encode("utf-8", "replace")
        challenge = query.get("hub.challenge", "")
        known = hmac.compare_digest(given, self._settings.verify_token.encode())
        plausible = challenge.isascii() and 0 < len(challenge) <= _CHALLENGE
        if query.get("hub.mode") != "subscribe" or not known or not plausible:
            REFUSED.labels("messenger", "verify_token").inc()
            raise VerifyTokenWrong
        return web.Response(text=challenge, content_type="text/plain")

    async def _receive(self, request: web.Request) -> web.Response:
        raw = await request.read()
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        # Over the bytes as they came: the same JSON written another way is not what Meta signed.
        wanted = "sha256=" + hmac.new(self._settings.app_secret.encode(), raw, "sha256").hexdigest()
        if not hmac.compare_digest(given, wanted.encode()):
            REFUSED.labels("messenger", "signature").inc()
            raise SignatureWrong
        body = json_object(raw)
        if body is None:
            raise NotAnEvent
        await self._events.take(body)
        return web.Response(text="EVENT_RECEIVED")

    async def answer_comments(self) -> int:
        """Answer what was written on the Page since; returns how many were answered."""
        return await self._asks.answer(self._comments.answer)

    async def close_comments(self) -> int:
        """Offer closing lines to askers who are quiet, and say those that are wanted; returns how many were said."""
        await self._closures.offer(self._comments.privately)
        return await self._closures.say(self._comments.in_public, self._comments.privately)

    async def fetch_files(self) -> int:
        """Fetch what customers sent; returns how many files were kept."""
        return await self._files.fetch(self._file)

    async def _file(self, ref: str) -> Source:
        """Meta's addresses hold their own proof, and lead to its content network."""
        return Source(ref, (".fbcdn.net", ".fbsbx.com"), local=inside(self._settings.api))

    async def check(self) -> str:
        """The readiness check: which Page it is, and so that its token works. Raises the channel's send errors."""
        page = await self.graph.get(self._settings.page, fields="id,name")
        return str(page.get("name", page.get("id", "")))[:100]

    async def user_of(self, token: str) -> str | None:
        """Whose thread an `account_linking_token` was made in, or None: a hint for the sign-in page, never a proof."""
        try:
            found = await self.graph.get("me", fields="recipient", account_linking_token=token)
        except ParleyError:
            # A token that is old, made up, or cannot be looked up now tells nothing.
            return None
        recipient = found.get("recipient")
        return recipient if isinstance(recipient, str) and recipient else None

    async def connect(self, public_url: str) -> list[str]:
        """Set the Page up; what there is to know, a line each. Raises `SettingsError` and the Graph API's errors."""
        return await connect(self.graph, self._settings, public_url)

    async def close(self) -> None:
        """Finish what is under way and close the connections. After delivery has stopped."""
        await self._typing.close()
        await self.graph.close()
