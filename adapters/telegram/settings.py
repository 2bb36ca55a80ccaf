"""What Telegram can be told. Times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.closures import ClosureWords

ALLOWED = ("message", "edited_message", "callback_query", "my_chat_member")
"""The kinds of update that are asked for. Channel posts, business and guest messages are nobody's account."""


@dataclass(frozen=True, slots=True)
class TelegramWords:
    """What is said outside any dialog, in public or on a button's spinner (at most 200 characters there)."""

    in_public: str = "Thanks for asking. I can help with that in a private chat, where nobody else can read along."
    way_in: str = "Chat privately"
    not_yours: str = "These buttons are for somebody else. Please write to me in a private chat."
    closure: ClosureWords = field(default_factory=ClosureWords)


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """`token` is BotFather's; `secret` is what Telegram sends back with each webhook: 1 to 256 of `A-Za-z0-9_-`."""

    brand: str
    token: str
    secret: str
    connection: str = "telegram"
    mode: Literal["webhook", "polling"] = "webhook"
    api: str = "https://api.telegram.org"
    """Where the Bot API is; a local server or the fake one."""
    path: str = "/channels/telegram"
    words: TelegramWords = field(default_factory=TelegramWords)
    commands: Mapping[str, str] = field(
        default_factory=lambda: {
            "start": "hello",
            "help": "help",
            "stop": "stop",
            "human": "talk to a person",
        }
    )
    """What each command stands for in words."""
    poll: int = 25
    """How long one request for updates waits."""
    answer: float = 8.0
    """How long the Bot API may take to answer; shorter than a send's deadline."""
    sends: float = 30.0
    """Messages a second over all chats (https://core.telegram.org/bots/faq#broadcasting-to-users)."""
    group_sends: float = 20.0
    """Messages a minute in one group."""
    typing_after: float = 0.8
    """How long a turn may take before the chat shows that somebody types."""
