"""Web chat put together: sessions, Direct Line, its sockets and the page, from what the composition gives."""

from __future__ import annotations

from aiohttp import hdrs, web

from adapters.webchat.activities import FileMinter, LinkMinter, NoLinks, Shaper
from adapters.webchat.channel import WebchatChannel
from adapters.webchat.directline import DirectLine
from adapters.webchat.intake import ControlRule, Intake
from adapters.webchat.origins import Origins
from adapters.webchat.paces import Paces
from adapters.webchat.page import PageConfig
from adapters.webchat.page import routes as page_routes
from adapters.webchat.problems import ForeignOrigin
from adapters.webchat.session import WebSessions
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.stream import Sockets, StreamTokens
from adapters.webchat.tokens import Grant, Tokens
from adapters.webchat.upload import FileKeeper
from bot.observe import logger
from bot.ports import Clock, Redactor, Store
from bot.web import Drain, json

log = logger("parley.webchat")


class WebChat:
    """One web chat site. `routes()` go into the application; `sessions` proves a browser to the link pages."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        settings: WebChatSettings,
        control: ControlRule,
        redactor: Redactor | None = None,
        links: LinkMinter | None = None,
        files: FileMinter | None = None,
        keeper: FileKeeper | None = None,
        page: PageConfig | None = None,
        drain: Drain | None = None,
    ) -> None:
        self.channel = WebchatChannel()
        self._page = page
        self._embed_origins = settings.embed_origins
        self._origins = Origins(settings.public_url, settings.origins)
        self.sessions = WebSessions(store, clock, settings, self._origins)
        self._store = store
        self._tokens = Tokens(settings.secret, clock, seconds=settings.token_seconds)
        shaper = Shaper(bot_name=settings.bot_name, links=links or NoLinks(), files=files)
        self.sockets = Sockets(store, shaper, settings)
        self._paces = Paces(store, settings)
        self._directline = DirectLine(
            store=store,
            settings=settings,
            origins=self._origins,
            tokens=self._tokens,
            sessions=self.sessions,
            intake=Intake(store, clock, self.sessions, control, redactor),
            shaper=shaper,
            streams=StreamTokens(store, clock, seconds=settings.stream_seconds),
            sockets=self.sockets,
            paces=self._paces,
            files=keeper,
        )
        if drain is not None:
            drain.on_finish(self.sockets.close)

    def routes(self) -> list[web.RouteDef]:
        """`/chat/session`, `/v3/directline/…` and, given its configuration, the page."""
        routes = [web.post("/chat/session", self._session, name="chat-session"), *self._directline.routes()]
        if self._page is not None:
            routes += page_routes(self._page, embed_origins=self._embed_origins)
        return routes

    async def _session(self, request: web.Request) -> web.Response:
        """This browser's conversation and a token for it; a foreign page cannot have one opened (CSRF)."""
        if not self._origins.own(request):
            # An operator whose public address is set wrongly sees here which one the customers use.
            log.warning(
                "session refused",
                origin=request.headers.get(hdrs.ORIGIN, "")[:200],
                site=request.headers.get("Sec-Fetch-Site", "")[:20],
                expected=self._origins.base(request),
            )
            raise ForeignOrigin
        await self._paces.opens(request)
        session = await self.sessions.open(request)
        conversation = await self._store.conversation_of(self.sessions.address(session.user))
        response = json(
            {
                "token": self._tokens.mint(Grant(session.user, conversation)),
                "conversationId": conversation,
                "expires_in": self._tokens.seconds,
            }
        )
        self.sessions.remember(request, response, session)
        return response
