"""Messenger: signed webhooks in, the Send API out (https://developers.facebook.com/docs/messenger-platform)."""

from __future__ import annotations

from adapters.messenger.messenger import Messenger
from adapters.messenger.settings import MessengerSettings, MessengerWords
from adapters.messenger.shape import LIMITS

__all__ = ["LIMITS", "Messenger", "MessengerSettings", "MessengerWords"]
