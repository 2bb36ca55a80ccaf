"""A strict Bot API on this machine: tokens, limits and errors as the real one's, updates posted or polled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import aiohttp
import msgspec
from aiohttp import web

from adapters.fakes.chance import Mischief
from adapters.fakes.telegram_chats import Chats, Message, Update
from adapters.fakes.telegram_rules import Refusal, bad, integer

Fault = Literal["fine", "busy", "gone", "silent", "lost", "broken", "dropped", "garbled"]
"""The next sendMessage: as usual; 429 (7 s); 403; done, or not done, and the connection cut; not done, or done, and
502; done, but no JSON."""

FILE = 20 * 1024 * 1024
"""The largest file that a bot may download."""

HEADER = "X-Telegram-Bot-Api-Secret-Token"


class FakeTelegram:
    """One bot's Telegram. `routes()` are the Bot API; `chats` is what people see and do."""

    def __init__(
        self,
        token: str = "110201543:AAFakeTokenForThisMachineOnly000000",
        *,
        username: str = "larkspur_bot",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self.chats = Chats(int(token.partition(":")[0]), username, now, monotonic)
        self.mischief: Mischief[Fault] = Mischief()
        self.faults: list[Fault] = []
        self.webhook: dict[str, Any] = {"url": ""}
        self.commands: list[dict[str, str]] = []
        self.calls: list[str] = []
        self.files: dict[str, bytes] = {}
        """What people sent, by file id."""
        self._secret = ""
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "getme": self._get_me,
            "sendmessage": self._send_message,
            "sendchataction": self.chats.acted,
            "answercallbackquery": self.chats.answered,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._webhook_info,
            "setmycommands": self._set_commands,
            "getfile": self._get_file,
        }

    def posts_to(self, url: str, secret: str) -> None:
        """Set the webhook, as setWebhook does."""
        self._set_webhook({"url": url, "secret_token": secret})

    def routes(self) -> list[web.RouteDef]:
        """`/bot<token>/<method>`, by GET or POST, methods in any case; and the files."""
        return [
            web.get("/file/bot{token}/{path:.+}", self._file, name="fake-telegram-file"),
            web.route("*", "/bot{token}/{method}", self._call, name="fake-telegram"),
        ]

    def shown(self, chat: int, thread: int | None = None) -> list[Message]:
        """What a chat has been sent by the bot, oldest first."""
        return [one for one in self.chats.messages if one.chat == chat and one.thread == thread]

    # The Bot API

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"].lower()
        self.calls.append(method)
        try:
            if request.match_info["token"] != self.token:
                raise Refusal(401, "Unauthorized")
            given = await _arguments(request)
            if method == "getupdates":
                return _json({"ok": True, "result": await self._get_updates(given)})
            if method not in self._methods:
                raise Refusal(404, "Not Found")
            fault = self._fault() if method == "sendmessage" else "fine"
            if fault == "busy":
                raise Refusal(429, "Too Many Requests: retry after 7", retry_after=7)
            if fault == "gone":
                raise Refusal(403, "Forbidden: user is deactivated")
            if fault == "broken":
                raise Refusal(502, "Bad Gateway")
            if fault != "lost":
                result = self._methods[method](given)
            if fault in ("lost", "silent"):
                assert request.transport is not None
                request.transport.abort()
            if fault == "dropped":
                raise Refusal(502, "Bad Gateway")
            if fault == "garbled":
                return web.Response(text="<html>", content_type="text/html")
            return _json({"ok": True, "result": result if fault != "lost" else None})
        except Refusal as refusal:
            return _json(refusal.body(), refusal.status)

    def _fault(self) -> Fault:
        return self.faults.pop(0) if self.faults else self.mischief.fault()

    def _get_me(self, given: dict[str, Any]) -> dict[str, Any]:
        me = {"id": self.chats.bot_id, "is_bot": True, "first_name": "Larkspur", "username": self.chats.username}
        return {**me, "can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}

    def _send_message(self, given: dict[str, Any]) -> dict[str, Any]:
        message = self.chats.posted(given)
        kind = (
            {"type": "private", "first_name": "Person"}
            if message.chat > 0
            else {"type": "supergroup", "title": "Group"}
        )
        return {
            "message_id": message.id,
            "from": self._get_me({}),
            "chat": {"id": message.chat, **kind},
            "date": int(self.chats.now().timestamp()),
            "text": message.text,
        }

    def _set_webhook(self, given: dict[str, Any]) -> bool:
        url, secret = str(given.get("url", "")), str(given.get("secret_token", ""))
        if url and not url.startswith(("https://", "http://127.0.0.1:")):
            # The real one takes https alone; this one, on the same machine, also loopback.
            raise bad("bad webhook: An HTTPS URL must be provided for webhook")
        if not all(one.isascii() and (one.isalnum() or one in "_-") for one in secret) or len(secret) > 256:
            raise bad("secret token contains unallowed characters")
        allowed = given.get("allowed_updates")
        self.webhook = {"url": url, "allowed_updates": allowed}
        self._secret = secret
        return True

    def _delete_webhook(self, given: dict[str, Any]) -> bool:
        self.webhook = {"url": ""}
        return True

    def _webhook_info(self, given: dict[str, Any]) -> dict[str, Any]:
        waiting = {"has_custom_certificate": False, "pending_update_count": len(self.chats.updates)}
        return {**self.webhook, **waiting}

    def _set_commands(self, given: dict[str, Any]) -> bool:
        self.commands = given["commands"]
        if any(not one["description"].strip() or len(one["command"]) > 32 for one in self.commands):
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
        return True

    def _get_file(self, given: dict[str, Any]) -> dict[str, Any]:
        id_ = str(given.get("file_id", ""))
        if id_ not in self.files:
            raise bad("wrong file_id or the file is temporarily unavailable")
        if len(self.files[id_]) > FILE:
            raise bad("file is too big")
        return {"file_id": id_, "file_unique_id": id_, "file_size": len(self.files[id_]), "file_path": f"files/{id_}"}

    async def _file(self, request: web.Request) -> web.StreamResponse:
        found = self.files.get(request.match_info["path"].removeprefix("files/"))
        if request.match_info["token"] != self.token or found is None:
            return web.Response(status=404)
        return web.Response(body=found)

    async def _get_updates(self, given: dict[str, Any]) -> list[Update]:
        if self.webhook["url"]:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = integer(given, "offset", optional=True) or 0
        self.chats.updates[:] = [one for one in self.chats.updates if one["update_id"] >= offset]
        if not self.chats.updates:
            self.chats.arrived.clear()
            try:
                await asyncio.wait_for(self.chats.arrived.wait(), integer(given, "timeout", optional=True) or 0)
            except TimeoutError:
                return []
        return self.chats.updates[:100]

    # The webhook

    async def flush(self, client: aiohttp.ClientSession, tries: int = 20) -> list[int]:
        """Post what is owed until all of it is acknowledged; returns the statuses. Raises `Undelivered`."""
        statuses: list[int] = []
        for _ in range(tries):
            if not self.chats.updates:
                return statuses
            waiting = list(self.chats.updates)
            if self.mischief.disorder:
                self.mischief.chance.shuffle(waiting)
            for update in waiting:
                statuses.append(await self.post(client, update))
                if self.mischief.chance.random() < self.mischief.twice:
                    statuses.append(await self.post(client, update))
        raise Undelivered(f"{len(self.chats.updates)} updates are still owed after {tries} rounds: {statuses[-5:]}")

    async def post(self, client: aiohttp.ClientSession, update: Update) -> int:
        """Post one update to the webhook; a 2xx acknowledges it. Returns the status."""
        headers = {"Content-Type": "application/json", **({HEADER: self._secret} if self._secret else {})}
        async with client.post(self.webhook["url"], data=msgspec.json.encode(update), headers=headers) as response:
            if 200 <= response.status < 300 and update in self.chats.updates:
                self.chats.updates.remove(update)
            return response.status


class Undelivered(AssertionError):
    """The webhook did not take what it was owed."""


async def _arguments(request: web.Request) -> dict[str, Any]:
    """From the query, a form, or JSON; nested values come as JSON in text."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        given |= msgspec.json.decode(await request.read())
    else:
        given |= dict(await request.post())
    for name in ("allowed_updates", "commands", "reply_parameters", "link_preview_options"):
        if isinstance(given.get(name), str):
            given[name] = msgspec.json.decode(given[name])
    return given


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")
