"""An update taken apart: what it means to us, with every type checked (https://core.telegram.org/bots/api#update)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from telegram import CallbackQuery, ChatMemberUpdated, Message, Update, User

from adapters.closures import about_closing
from adapters.telegram.attachments import attached
from adapters.telegram.client import Me
from adapters.telegram.errors import Unreadable
from adapters.telegram.plain import Plain, plain
from adapters.telegram.settings import ALLOWED, TelegramSettings
from bot.model import Address, Inbound

T = TypeVar("T")

ANONYMOUS = 1087968824
"""The account that stands for a group's anonymous administrators."""

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@(\w+))?(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Said:
    """A customer wrote, or sent a file, in a private chat."""

    inbounds: tuple[Inbound, ...]


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button was pressed; `query` must be answered. Without an inbound the press is not the presser's to make."""

    query: str
    inbound: Inbound | None


@dataclass(frozen=True, slots=True)
class Closing:
    """An asker answered whether a closing line is to be said where they asked; `query` must be answered."""

    query: str
    user: str
    pressed: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody came by a deep link: `inbound` is what they wrote, `payload` what the link held."""

    payload: str
    inbound: Inbound


@dataclass(frozen=True, slots=True)
class Asked:
    """The bot was spoken to in a group. `user` is "" where nobody in particular can be answered privately."""

    key: str
    user: str
    chat: int
    thread: int | None
    message: int
    text: str
    locale: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """A customer blocked the bot."""

    address: Address


Event = Said | Pressed | Closing | Entered | Asked | Left | None
"""None: nothing that concerns us."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the updates of one bot."""

    settings: TelegramSettings

    def read(self, raw: Mapping[str, Any], me: Me, now: datetime) -> Event:
        """What an update means. Raises `Unreadable`."""
        words = plain(raw)
        if words is not None:
            return self._plain(words)
        if not any(kind in raw for kind in ALLOWED):
            # Kinds that were never asked for, or are newer than this: nobody's private message.
            return None
        try:
            update = Update.de_json(dict(raw), None)
            key = str(_is(update.update_id, int))
            if update.message is not None:
                return self._message(update.message, key, me, edited=False)
            if update.edited_message is not None:
                return self._message(update.edited_message, key, me, edited=True)
            if update.callback_query is not None:
                return self._press(update.callback_query, key, now)
            if update.my_chat_member is not None:
                return self._member(update.my_chat_member)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError, RecursionError) as error:
            # The library takes updates on trust and fails in any of these ways on one that is not as documented.
            raise Unreadable(type(error).__name__) from error
        return None

    def _plain(self, words: Plain) -> Said:
        sender = words.message.sender
        place = Address(self.settings.brand, self.settings.connection, "telegram", str(sender.id))
        inbound = Inbound(
            key=str(words.update_id),
            kind="message",
            at=words.at,
            address=place,
            text=words.message.text,
            data={},
            locale=_known(sender.language_code),
        )
        return Said((inbound,))

    def _message(self, message: Message, key: str, me: Me, *, edited: bool) -> Event:
        chat, sender = message.chat, message.from_user
        if sender is None or (sender.is_bot and sender.id != ANONYMOUS):
            # A group's own voice, or a bot: two bots that answer each other never stop. The account that stands for
            # anonymous administrators is marked as a bot, but a person writes.
            return None
        if _is(chat.type, str) != "private":
            return self._asked(message, sender, key, me) if not edited else None
        if _is(chat.id, int) != _is(sender.id, int) or message.sender_chat is not None:
            return None
        text = self._words(_optional(message.text, str) or _optional(message.caption, str) or "")
        sticker = _optional(message.sticker.emoji, str) if message.sticker is not None else None
        file = attached(message)
        inbounds = []
        if text or sticker:
            inbounds.append(self._inbound(message, sender, key, "message", text or sticker or "", edited=edited))
        if file is not None and sticker is None:
            inbounds.append(self._inbound(message, sender, f"{key}:file", "file", "", edited=edited, **file))
        started = _COMMAND.match(message.text or "")
        if inbounds and started and started[1] == "start" and not edited:
            payload = (message.text or "")[started.end() :].strip()
            if payload:
                hello = self._inbound(message, sender, key, "message", self.settings.commands.get("start", ""))
                return Entered(payload[:64], hello)
        return Said(tuple(inbounds)) if inbounds else None

    def _inbound(
        self, message: Message, sender: User, key: str, kind: Any, text: str, *, edited: bool = False, **data: Any
    ) -> Inbound:
        when = message.edit_date if edited and message.edit_date is not None else message.date
        return Inbound(
            key=key,
            kind=kind,
            at=_is(when, datetime),
            address=self._address(sender, message),
            text=text,
            data={**data, "edited": True} if edited else data,
            locale=_locale(sender),
        )

    def _words(self, text: str) -> str:
        """A command as the words it stands for; one that is not known as it was written."""
        found = _COMMAND.match(text)
        return text if found is None else self.settings.commands.get(found[1].lower(), text)

    def _address(self, user: User, message: Message | None) -> Address:
        thread = message.message_thread_id if message is not None and message.is_topic_message else None
        return Address(
            self.settings.brand,
            self.settings.connection,
            "telegram",
            str(_is(user.id, int)),
            thread="" if thread is None else str(_is(thread, int)),
        )

    def _press(self, query: CallbackQuery, key: str, now: datetime) -> Event:
        id_, user, message = _is(query.id, str), query.from_user, query.message
        nonce = _optional(query.data, str)
        # In a group anybody can press; a press belongs to the one whose private chat the button stands in.
        private = message is not None and message.chat.type == "private" and message.chat.id == _is(user.id, int)
        if not private or not nonce or len(nonce) > 64:
            return Pressed(id_, None)
        if about_closing(nonce):
            return Closing(id_, str(user.id), nonce)
        where = message if isinstance(message, Message) else None
        return Pressed(
            id_,
            Inbound(
                key=key,
                kind="press",
                at=now,
                address=self._address(user, where),
                text=_label(where, nonce),
                data={"nonce": nonce},
                locale=_locale(user),
            ),
        )

    def _asked(self, message: Message, sender: User, key: str, me: Me) -> Event:
        text = _optional(message.text, str) or _optional(message.caption, str) or ""
        command = _COMMAND.match(text)
        named = command[2] if command is not None else None
        mention = re.compile(rf"(?<!\w)@{re.escape(me.username)}\b", re.IGNORECASE) if me.username else None
        spoken_to = (command is not None and (named is None or named.lower() == me.username.lower())) or bool(
            mention is not None and mention.search(text)
        )
        replied = message.reply_to_message
        ours = replied is not None and replied.from_user is not None and replied.from_user.id == me.id
        if not (spoken_to or ours):
            return None
        words = mention.sub("", text).strip() if mention is not None else text
        if command is not None:
            words = text[command.end() :].strip() or self.settings.commands.get(command[1].lower(), "")
        known = message.sender_chat is None and sender.id != ANONYMOUS
        return Asked(
            key=key,
            user=str(_is(sender.id, int)) if known else "",
            chat=_is(message.chat.id, int),
            thread=_optional(message.message_thread_id, int) if message.is_topic_message else None,
            message=_is(message.message_id, int),
            text=words,
            locale=_locale(sender),
        )

    def _member(self, change: ChatMemberUpdated) -> Event:
        gone = change.new_chat_member.status == "kicked"
        if not gone or change.chat.type != "private" or change.chat.id != change.from_user.id:
            return None
        return Left(self._address(change.from_user, None))


def _is(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unreadable(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _optional(value: object, kind: type[T]) -> T | None:
    return None if value is None else _is(value, kind)


def _locale(user: User) -> str | None:
    return _known(user.language_code)


def _known(code: str | None) -> str | None:
    return code if isinstance(code, str) and _LOCALE.fullmatch(code) else None


def _label(message: Message | None, nonce: str) -> str:
    """What the pressed button said."""
    markup = message.reply_markup if message is not None else None
    for row in markup.inline_keyboard if markup is not None else ():
        for button in row:
            if button.callback_data == nonce:
                return _is(button.text, str)
    return ""
