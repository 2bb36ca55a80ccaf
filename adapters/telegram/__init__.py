"""Telegram: updates in by webhook or polling, messages out by the Bot API (https://core.telegram.org/bots/api)."""

from __future__ import annotations

from adapters.telegram.settings import TelegramSettings, TelegramWords
from adapters.telegram.shape import LIMITS
from adapters.telegram.telegram import Telegram

__all__ = ["LIMITS", "Telegram", "TelegramSettings", "TelegramWords"]
