"""The Web API's client: slack-sdk's, without retries of its own, and every failure as one of ours."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.fetching import FileGone, Source, inside
from adapters.reconcile import Tag, read_tag
from adapters.render import Part
from adapters.slack.errors import FAILURES, Unreachable, meaning
from adapters.slack.settings import SlackSettings
from adapters.slack.shape import blocks
from adapters.slack.text import escaped
from bot.errors import SendUncertain

EVENT_TYPE = "parley_message"
_BEFORE = timedelta(minutes=2)
"""By how much our clock may be ahead of Slack's."""
_PAGES, _PAGE = 5, 200


@dataclass(frozen=True, slots=True)
class Me:
    """Who the bot is: its user in its workspace."""

    team: str
    user: str
    name: str


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Raise the library's errors as ours."""
    try:
        yield
    except FAILURES as error:
        raise meaning(error) from error


class Client:
    """The calls that this channel makes. Each raises `SendTemporary`, `SendUncertain` or `SendPermanent`."""

    def __init__(self, settings: SlackSettings, kept: int = 10_000) -> None:
        self._settings, self._kept = settings, kept
        # Its own handlers send once more after a broken connection, when the first message may have arrived.
        self.web = AsyncWebClient(settings.token, base_url=f"{settings.api}/", retry_handlers=[])
        self._me: Me | None = None
        self._chats: OrderedDict[str, str] = OrderedDict()

    def _ready(self) -> AsyncWebClient:
        if self.web.session is None or self.web.session.closed:
            self.web.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._settings.answer))
        return self.web

    async def me(self) -> Me:
        """Who the bot is; asked once."""
        if self._me is None:
            async with translated():
                found = await self._ready().auth_test()
                self._me = Me(str(found["team_id"]), str(found["user_id"]), str(found["user"]))
        return self._me

    async def scopes(self) -> frozenset[str]:
        """What the token may do."""
        async with translated():
            found = await self._ready().auth_test()
            return frozenset(str(found.headers.get("x-oauth-scopes", "")).replace(" ", "").split(",")) - {""}

    async def chat_with(self, user: str) -> str:
        """The id of the bot's direct messages with somebody, opened if need be."""
        known = self._chats.get(user)
        if known is not None:
            return known
        try:
            async with translated():
                opened = await self._ready().conversations_open(users=user)
                channel = str(opened["channel"]["id"])
        except SendUncertain as error:
            # Opened or not, no message was sent, and opening again gives the same chat.
            raise Unreachable(error.detail) from error
        self._chats[user] = channel
        while len(self._chats) > self._kept:
            self._chats.popitem(last=False)
        return channel

    async def say(self, channel: str, part: Part, *, thread: str = "", tag: Tag | None = None) -> str:
        """Send one part; returns the message's ts. Slack shows the tag to nobody."""
        fields: dict[str, Any] = {"channel": channel, "text": escaped(part.text), "blocks": blocks(part)}
        if thread:
            fields["thread_ts"] = thread
        if tag is not None:
            fields["metadata"] = {"event_type": EVENT_TYPE, "event_payload": {"tag": str(tag)}}
        async with translated():
            sent = await self._ready().chat_postMessage(
                **fields, unfurl_links=False, unfurl_media=False, link_names=False, parse="none", mrkdwn=False
            )
            ts = sent["ts"]
        if not isinstance(ts, str) or not ts:
            raise SendUncertain("an answer without a message's ts")
        return ts

    async def tagged(self, channel: str, thread: str, since: datetime) -> list[tuple[Tag, str]]:
        """Our messages in a chat since then, as (tag, ts), newest first."""
        oldest = f"{(since - _BEFORE).timestamp():.6f}"
        found: list[tuple[Tag, str]] = []
        cursor = ""
        for _ in range(_PAGES):
            query: dict[str, Any] = {"channel": channel, "oldest": oldest, "limit": _PAGE, "cursor": cursor}
            async with translated():
                client = self._ready()
                page = await (
                    client.conversations_replies(ts=thread, include_all_metadata=True, **query)
                    if thread
                    else client.conversations_history(include_all_metadata=True, **query)
                )
                messages, more = page.get("messages"), page.get("response_metadata")
            found += [one for message in messages or () if (one := _tag_of(message)) is not None]
            cursor = str((more or {}).get("next_cursor") or "")
            if not cursor:
                break
        return found

    async def file(self, id_: str) -> Source:
        """Where a file is, for this token alone (https://docs.slack.dev/reference/objects/file-object)."""
        async with translated():
            found = (await self._ready().files_info(file=id_)).get("file")
        found = found if isinstance(found, Mapping) else {}
        url = found.get("url_private_download") or found.get("url_private")
        if not isinstance(url, str):
            raise FileGone
        bearer = {"Authorization": f"Bearer {self._settings.token}"}
        return Source(url, ("files.slack.com", ".slack-files.com"), bearer, inside(self._settings.api))

    async def close(self) -> None:
        """Close the connections."""
        if self.web.session is not None:
            await self.web.session.close()


def _tag_of(message: Any) -> tuple[Tag, str] | None:
    metadata = message.get("metadata") if isinstance(message, Mapping) else None
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != EVENT_TYPE:
        return None
    payload = metadata.get("event_payload")
    tag = read_tag(payload.get("tag")) if isinstance(payload, Mapping) else None
    return None if tag is None else (tag, str(message.get("ts", "")))
