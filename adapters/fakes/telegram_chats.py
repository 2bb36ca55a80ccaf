"""What the fake Telegram remembers: people, chats, messages, presses, and the updates it owes the bot."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.fakes.telegram_rules import Bucket, Refusal, bad, integer, keyboard_of, text_of

Update = dict[str, Any]


@dataclass(slots=True)
class Message:
    """One message of ours in a chat. `rows` are its buttons as the Bot API writes them."""

    id: int
    chat: int
    text: str
    rows: list[list[dict[str, Any]]]
    thread: int | None = None
    reply_to: int | None = None

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """All buttons in order."""
        return [button for row in self.rows for button in row]


@dataclass(slots=True)
class Chats:
    """The platform's memory. `now` is its clock, `monotonic` what its limits count by."""

    bot_id: int
    username: str
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    chat_rate: tuple[float, float] = (1.0, 20.0)
    """Messages a second into one private chat, and how many at once."""
    group_rate: tuple[float, float] = (20 / 60, 20.0)
    overall_rate: tuple[float, float] = (30.0, 30.0)
    started: set[int] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    groups: set[int] = field(default_factory=set)
    migrated: dict[int, int] = field(default_factory=dict)
    topics: set[tuple[int, int]] = field(default_factory=set)
    messages: list[Message] = field(default_factory=list)
    actions: list[tuple[int, str]] = field(default_factory=list)
    presses: dict[str, str | None] = field(default_factory=dict)
    """Each press's id: None until it is answered, then the notice."""
    updates: list[Update] = field(default_factory=list)
    """Updates that the bot has not acknowledged, oldest first."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(5000))
    _update_ids: Iterator[int] = field(default_factory=lambda: itertools.count(810_000_000))
    _buckets: dict[int, Bucket] = field(default_factory=dict)

    # What people do

    def says(
        self,
        user: int,
        text: str,
        *,
        chat: int | None = None,
        thread: int | None = None,
        edited: bool = False,
        update_id: int | None = None,
        language: str = "en-GB",
        **more: Any,
    ) -> Update:
        """Somebody writes, privately unless `chat` names a group. `more` are further fields of the message."""
        message = {**self._message(user, chat, thread, language), **more}
        if text:
            message["text"] = text
        if edited:
            message["edit_date"] = message["date"]
        return self._owe({"edited_message" if edited else "message": message}, update_id)

    def presses_button(self, user: int, message: Message, button: int, *, update_id: int | None = None) -> Update:
        """Somebody presses a button of one of our messages."""
        pressed = message.buttons[button]
        if "callback_data" not in pressed:
            raise bad("this button opens a page")
        query = f"q{next(self._ids)}"
        self.presses[query] = None
        shown = {**self._message(self.bot_id, message.chat, message.thread, ""), "message_id": message.id}
        shown |= {"text": message.text, "reply_markup": {"inline_keyboard": message.rows}}
        person = {"id": user, "is_bot": False, "first_name": "Person", "language_code": "en-GB"}
        callback = {
            "id": query,
            "from": person,
            "message": shown,
            "chat_instance": "1",
            "data": pressed["callback_data"],
        }
        return self._owe({"callback_query": callback}, update_id)

    def blocks(self, user: int) -> Update:
        """Somebody blocks the bot."""
        self.blocked.add(user)
        person = {"id": user, "is_bot": False, "first_name": "Person"}
        bot = {"id": self.bot_id, "is_bot": True, "first_name": "Bot"}
        change = {
            "chat": {"id": user, "type": "private", "first_name": "Person"},
            "from": person,
            "date": int(self.now().timestamp()),
            "old_chat_member": {"user": bot, "status": "member"},
            "new_chat_member": {"user": bot, "status": "kicked", "until_date": 0},
        }
        return self._owe({"my_chat_member": change}, None)

    def _message(self, user: int, chat: int | None, thread: int | None, language: str) -> dict[str, Any]:
        where = user if chat is None else chat
        if where < 0:
            self.groups.add(where)
        elif user != self.bot_id:
            self.started.add(where)
            self.blocked.discard(where)
        if thread is not None:
            self.topics.add((where, thread))
        kind = {"type": "supergroup", "title": "Group"} if where < 0 else {"type": "private", "first_name": "Person"}
        sender: dict[str, Any] = {"id": user, "is_bot": user == self.bot_id, "first_name": "Person"}
        if language:
            sender["language_code"] = language
        topic = {} if thread is None else {"message_thread_id": thread, "is_topic_message": True}
        return {
            "message_id": next(self._ids),
            "from": sender,
            "chat": {"id": where, **kind},
            "date": int(self.now().timestamp()),
            **topic,
        }

    def _owe(self, update: Update, update_id: int | None) -> Update:
        numbered = {"update_id": next(self._update_ids) if update_id is None else update_id, **update}
        self.updates.append(numbered)
        self.arrived.set()
        return numbered

    # What the bot does

    def posted(self, given: dict[str, Any]) -> Message:
        """sendMessage. Raises `Refusal`."""
        chat, thread = integer(given, "chat_id"), integer(given, "message_thread_id", optional=True)
        assert chat is not None
        self._may_write(chat)
        text, rows = text_of(given), keyboard_of(given)
        if thread is not None and (chat, thread) not in self.topics:
            raise bad("message thread not found")
        self._slowly(chat)
        reply = given.get("reply_parameters")
        answered = reply.get("message_id") if isinstance(reply, dict) else None
        message = Message(next(self._ids), chat, text, rows, thread, answered)
        self.messages.append(message)
        return message

    def acted(self, given: dict[str, Any]) -> bool:
        """sendChatAction. Raises `Refusal`."""
        chat = integer(given, "chat_id")
        assert chat is not None
        self._may_write(chat)
        if given.get("action") != "typing":
            raise bad("wrong parameter action in request")
        self.actions.append((chat, "typing"))
        return True

    def answered(self, given: dict[str, Any]) -> bool:
        """answerCallbackQuery. Raises `Refusal`."""
        query, notice = str(given.get("callback_query_id", "")), str(given.get("text") or "")
        if query not in self.presses:
            raise bad("query is too old and response timeout expired or query ID is invalid")
        if len(notice) > 200:
            raise bad("MESSAGE_TOO_LONG")
        self.presses[query] = notice
        return True

    def _may_write(self, chat: int) -> None:
        if chat in self.migrated:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.migrated[chat],
            )
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if chat > 0 and chat not in self.started:
            raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
        if chat < 0 and chat not in self.groups | set(self.migrated.values()):
            raise bad("chat not found")

    def _slowly(self, chat: int) -> None:
        now = self.monotonic()
        waits = [self._bucket(0, self.overall_rate).take(now)]
        waits.append(self._bucket(chat, self.group_rate if chat < 0 else self.chat_rate).take(now))
        if any(waits):
            seconds = int(max(waits)) + 1
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)

    def _bucket(self, chat: int, rate: tuple[float, float]) -> Bucket:
        return self._buckets.setdefault(chat, Bucket(*rate))
