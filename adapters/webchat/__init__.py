"""Web chat: a Direct Line 3.0 endpoint on the one log, and the page that speaks it."""

from __future__ import annotations

from adapters.webchat.activities import FileMinter, LinkMinter
from adapters.webchat.channel import WebchatChannel
from adapters.webchat.session import WebSessions
from adapters.webchat.settings import WebChatSettings
from adapters.webchat.upload import FileKeeper
from adapters.webchat.webchat import WebChat

__all__ = ["FileKeeper", "FileMinter", "LinkMinter", "WebChat", "WebChatSettings", "WebSessions", "WebchatChannel"]
