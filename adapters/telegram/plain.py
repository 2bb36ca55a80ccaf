"""The commonest update of all, words in a private chat, read without the library's objects.

python-telegram-bot makes four objects with some hundred and forty attributes of such an update, which takes longer
than the database. Whatever holds one field more than these goes the library's way; a test holds the two to the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """https://core.telegram.org/bots/api#user, of a person."""

    id: int
    is_bot: Literal[False]
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_premium: bool | None = None


class Chat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """https://core.telegram.org/bots/api#chat"""

    id: int
    type: Literal["private"]
    first_name: str | None = None
    last_name: str | None = None
    username: str | None = None


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """https://core.telegram.org/bots/api#message"""

    message_id: int
    sender: Sender = msgspec.field(name="from")
    chat: Chat
    date: int
    text: str


class Plain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """https://core.telegram.org/bots/api#update"""

    update_id: int
    message: Message

    @property
    def at(self) -> datetime:
        """When it was sent."""
        return datetime.fromtimestamp(self.message.date, UTC)


def plain(raw: Any) -> Plain | None:
    """Words of a person in their own private chat; None for every other update, good or bad."""
    if "message" not in raw:
        return None
    try:
        found = msgspec.convert(raw, Plain)
    except (msgspec.ValidationError, RecursionError):
        return None
    message = found.message
    # Commands mean something; a date out of all time is the library's to refuse.
    own = message.chat.id == message.sender.id and 0 < message.date < 2**33
    return found if own and message.text and not message.text.startswith("/") else None
