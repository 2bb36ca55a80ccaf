"""The Bot API's client: python-telegram-bot's, with its limiter, and every failure as one of ours."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx
from telegram import LinkPreviewOptions
from telegram.error import TelegramError
from telegram.ext import AIORateLimiter, ExtBot
from telegram.request import HTTPXRequest

from adapters.fetching import FileGone, Source, inside
from adapters.render import Part
from adapters.telegram.errors import meaning
from adapters.telegram.settings import ALLOWED, TelegramSettings
from adapters.telegram.shape import keyboard

# The library warns at each 429 unless told that its newer kind of duration is understood.
os.environ.setdefault("PTB_TIMEDELTA", "true")

_PATH = re.compile(r"[\w./-]{1,300}", re.ASCII)
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@cache
def _trusted() -> ssl.SSLContext:
    """Whom a connection trusts; read once, for it takes a tenth of a second."""
    return httpx.create_ssl_context()


@dataclass(frozen=True, slots=True)
class Me:
    """Who the bot is."""

    id: int
    username: str


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise the library's errors as ours."""
    try:
        yield
    except TelegramError as error:
        # The library's messages may hold the token or a URL with it; `meaning` keeps of them what cannot.
        raise meaning(error) from error


class Client:
    """The calls that this channel makes. Each raises `SendTemporary`, `SendUncertain` or `SendPermanent`."""

    def __init__(self, settings: TelegramSettings) -> None:
        self._settings = settings
        self._requests = [self._request(16), self._request(256)]
        self._bot = ExtBot(
            settings.token,
            base_url=f"{settings.api}/bot",
            base_file_url=f"{settings.api}/file/bot",
            get_updates_request=self._requests[0],
            request=self._requests[1],
            rate_limiter=AIORateLimiter(overall_max_rate=settings.sends, group_max_rate=settings.group_sends),
        )
        self._me: Me | None = None
        self.id = int(settings.token.partition(":")[0]) if settings.token.partition(":")[0].isdecimal() else 0
        """The bot's own id, which its token begins with."""

    def _request(self, connections: int) -> HTTPXRequest:
        answer = self._settings.answer
        return HTTPXRequest(
            connections,
            read_timeout=answer,
            write_timeout=answer,
            connect_timeout=5,
            pool_timeout=5,
            httpx_kwargs={"verify": _trusted()},
        )

    @property
    def known(self) -> Me:
        """Who the bot is, as far as that is known by now."""
        return self._me or Me(self.id, "")

    async def me(self) -> Me:
        """Who the bot is; asked once."""
        if self._me is None:
            async with translated():
                found = await self._bot.get_me()
            self._me = Me(found.id, found.username or "")
        return self._me

    async def say(self, chat: int, part: Part, *, thread: int | None = None, reply_to: int | None = None) -> str:
        """Send one part as plain text; returns the message's id."""
        async with translated():
            sent = await self._bot.send_message(
                chat,
                part.text,
                reply_markup=keyboard(part),
                message_thread_id=thread,
                reply_to_message_id=reply_to,
                allow_sending_without_reply=True if reply_to else None,
                link_preview_options=_NO_PREVIEW,
            )
        return str(sent.message_id)

    async def typing(self, chat: int, thread: int | None) -> None:
        """Show for five seconds that somebody types."""
        async with translated():
            await self._bot.send_chat_action(chat, "typing", message_thread_id=thread)

    async def pressed(self, query: str, text: str = "") -> None:
        """End the spinner on a pressed button, with a notice of at most 200 characters where one is given."""
        async with translated():
            await self._bot.answer_callback_query(query, text=text or None, show_alert=bool(text))

    async def updates(self, offset: int) -> list[Any]:
        """The updates from `offset` on, unparsed, after waiting for one; all before it are forgotten by Telegram."""
        wait = self._settings.poll
        arguments = {"offset": offset, "timeout": wait, "allowed_updates": list(ALLOWED)}
        async with translated():
            # The library's own method parses the whole batch, and one odd update would hide the others; written with a
            # capital (the API takes either) it is passed on as it is.
            found = await self._bot.do_api_request("GetUpdates", arguments, read_timeout=wait + self._settings.answer)
        return found if isinstance(found, list) else []

    async def set_webhook(self, url: str, connections: int = 40) -> None:
        """Have updates posted to `url` (https, port 443, 80, 88 or 8443)."""
        async with translated():
            await self._bot.set_webhook(
                url, secret_token=self._settings.secret, allowed_updates=list(ALLOWED), max_connections=connections
            )

    async def delete_webhook(self) -> None:
        """Have updates kept for polling; those that wait are kept."""
        async with translated():
            await self._bot.delete_webhook(drop_pending_updates=False)

    async def webhook(self) -> Mapping[str, Any]:
        """What Telegram says of the webhook: `url`, `pending_update_count`, `last_error_message`, `last_error_date`."""
        async with translated():
            found = await self._bot.get_webhook_info()
        return found.to_dict()

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        """What the chat's menu offers."""
        async with translated():
            await self._bot.set_my_commands([(name, meaning_[:256]) for name, meaning_ in commands.items()])

    async def file(self, id_: str) -> Source:
        """Where a file is, for at least an hour; of up to 20 MB (https://core.telegram.org/bots/api#getfile)."""
        async with translated():
            # Unparsed, for the library would put the token's address into it and into its errors.
            found = await self._bot.do_api_request("GetFile", {"file_id": id_})
        path = found.get("file_path") if isinstance(found, Mapping) else None
        if not isinstance(path, str) or not _PATH.fullmatch(path) or ".." in path:
            raise FileGone
        api = self._settings.api
        url = f"{api}/file/bot{self._settings.token}/{path}"
        return Source(url, (urlsplit(api).hostname or "",), local=inside(api))

    async def close(self) -> None:
        """Close the connections."""
        for request in self._requests:
            await request.shutdown()
