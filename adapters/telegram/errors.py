"""What the Bot API's refusals mean for a send (https://core.telegram.org/bots/api#making-requests)."""

from __future__ import annotations

from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    RetryAfter,
    TelegramError,
)

from bot.errors import ParleyError, Permanent, SendPermanent, SendTemporary, SendUncertain

NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
"""Failures of the connection before anything was sent."""


class Blocked(SendPermanent):
    """The customer has blocked the bot or left Telegram."""


class Refused(SendPermanent):
    """Telegram refused the message."""


class TooFast(SendTemporary):
    """Telegram asks for fewer messages."""


class TokenDead(SendTemporary):
    """Telegram does not accept the bot's token. Make a new one at BotFather and put it into the configuration."""


class AnotherReader(SendTemporary):
    """Telegram gives this bot's updates to somebody else: another process polls, or a webhook is set."""


class Unreachable(SendTemporary):
    """Telegram could not be reached."""


class ChatMoved(SendTemporary):
    """The group has become a supergroup with another id."""

    def __init__(self, chat: int) -> None:
        super().__init__()
        self.chat = chat


class Unreadable(Permanent):
    """The update is not as Telegram's documentation says."""


def meaning(error: TelegramError) -> ParleyError:
    """The error of ours that says what to do. Telegram's own words are kept only where they cannot hold a secret."""
    match error:
        case RetryAfter():
            return TooFast(retry_after=seconds(error))
        case ChatMigrated():
            return ChatMoved(error.new_chat_id)
        case Forbidden():
            return Blocked(error.message[:200])
        case InvalidToken():
            # A new token is a person's work; until then the row waits rather than dies.
            return TokenDead(retry_after=120)
        case Conflict():
            return AnotherReader(retry_after=5)
        case BadRequest():
            return Refused(error.message[:200])
    if isinstance(error.__cause__, NOT_SENT):
        return Unreachable(type(error.__cause__).__name__)
    return SendUncertain(type(error).__name__)


def seconds(error: RetryAfter) -> float:
    """How long Telegram asks to wait."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
