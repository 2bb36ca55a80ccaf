"""How much one customer, and one network address, may ask of the web chat; counted over all processes."""

from __future__ import annotations

from aiohttp import web

from adapters.webchat.keys import derive
from adapters.webchat.settings import WebChatSettings
from bot.observe.metrics import LIMITED
from bot.pace import Pace
from bot.ports import Store
from bot.web import TooMany, from_one_address


class Paces:
    """Each raises `TooMany`. Addresses that many may share are not counted, as `bot.web.sender` says."""

    def __init__(self, store: Store, settings: WebChatSettings) -> None:
        key = derive(settings.secret, "pace")
        self._proxies = settings.proxies
        self._posts = Pace(store, "webchat", rate=settings.rate, burst=settings.burst, secret=key)
        self._opens = Pace(store, "opens", rate=settings.opens, burst=settings.opens_burst, secret=key)
        self._uploads = Pace(store, "uploads", rate=settings.uploads, burst=settings.uploads_burst, secret=key)

    async def opens(self, request: web.Request) -> None:
        """Somebody opens a chat: each may leave a session and a conversation behind."""
        await from_one_address(request, self._opens, proxies=self._proxies, of=("webchat", "opens"))

    async def posts(self, user: str) -> None:
        """This customer says something."""
        taken = await self._posts.take(user)
        if taken.wait:
            LIMITED.labels("webchat", "messages").inc()
            raise TooMany(retry_after=taken.wait)

    async def uploads(self, request: web.Request, user: str) -> None:
        """This customer sends files; to be asked before they are read."""
        await self.posts(user)
        await from_one_address(request, self._uploads, proxies=self._proxies, of=("webchat", "uploads"))
