"""The ways in and out: web chat, Telegram, Slack, Messenger."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from bot.settings.kinds import Number, Origin, Section, Url


class WebChatChannel(Section):
    """The chat page and its Direct Line endpoint."""

    enabled: bool = True
    bot_name: str = "Assistant"
    origins: tuple[Origin, ...] = ()
    embed_origins: tuple[Origin, ...] = ()
    site_secrets: tuple[SecretStr, ...] = ()
    session_days: Annotated[int, Field(gt=0)] = 30
    rate: Annotated[float, Field(gt=0)] = 1.0
    burst: Annotated[float, Field(ge=1)] = 20.0
    opens: Annotated[float, Field(gt=0)] = 1.0
    opens_burst: Annotated[float, Field(ge=1)] = 100.0
    uploads: Annotated[float, Field(gt=0)] = 0.5
    uploads_burst: Annotated[float, Field(ge=1)] = 20.0
    sockets: Annotated[int, Field(ge=1)] = 10_000
    sockets_per_address: Annotated[int, Field(ge=1)] = 100


class TelegramChannel(Section):
    """A Telegram bot."""

    enabled: bool = False
    token: SecretStr = SecretStr("")
    mode: Literal["webhook", "polling"] = "polling"
    api: Url = "https://api.telegram.org"


class SlackChannel(Section):
    """A Slack app in one workspace."""

    enabled: bool = False
    token: SecretStr = SecretStr("")
    mode: Literal["http", "socket"] = "http"
    signing_secret: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    api: Url = "https://slack.com/api"


class MessengerChannel(Section):
    """A Facebook Page's Messenger."""

    enabled: bool = False
    page: Number = ""
    token: SecretStr = SecretStr("")
    app_id: Number = ""
    app_secret: SecretStr = SecretStr("")
    verify_token: SecretStr = SecretStr("")
    api: Url = "https://graph.facebook.com"
    version: Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d$")] = "v25.0"
    comments: bool = True
    human_agent: bool = True


class Channels(Section):
    """The ways in and out."""

    webchat: WebChatChannel = WebChatChannel()
    telegram: TelegramChannel = TelegramChannel()
    slack: SlackChannel = SlackChannel()
    messenger: MessengerChannel = MessengerChannel()
