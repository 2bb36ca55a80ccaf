"""What Slack can be told. Times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.closures import ClosureWords
from bot.errors import SettingsError

SCOPES = ("app_mentions:read", "chat:write", "files:read", "im:history", "im:read", "im:write", "users:read")
"""What the bot's token must be allowed (https://docs.slack.dev/reference/scopes); `commands` besides for /commands."""
EVENTS = ("app_mention", "message.im", "user_change")
"""The events the app subscribes to."""


WHERE = {
    "token": "Give the Bot User OAuth Token, xoxb-…, which stands under OAuth & Permissions.",
    "signing_secret": "Give the Signing Secret, which stands under Basic Information.",
    "app_token": "Make an app-level token, xapp-…, with connections:write under Basic Information.",
}
"""Where an app's secrets are found at https://api.slack.com/apps."""


@dataclass(frozen=True, slots=True)
class SlackWords:
    """What is said outside any dialog, where others read along."""

    in_public: str = "Thanks for asking. I have sent you a direct message, where nobody else can read along."
    closure: ClosureWords = field(default_factory=ClosureWords)


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """`token` is the bot's (xoxb-…); `signing_secret` signs what Slack posts; `app_token` (xapp-…) opens the socket.

    One connection is one workspace: the one that the token belongs to. Raises `SettingsError`.
    """

    brand: str
    token: str
    signing_secret: str = ""
    app_token: str = ""
    mode: Literal["http", "socket"] = "http"
    connection: str = "slack"
    api: str = "https://slack.com/api"
    path: str = "/channels/slack"
    """Events, presses and commands all come here."""
    words: SlackWords = field(default_factory=SlackWords)
    commands: Mapping[str, str] = field(default_factory=lambda: {"help": "help", "human": "talk to a person"})
    """What a slash command without a text stands for, by its name without the slash."""
    hello: str = "hello"
    """What a mention without a question stands for."""
    answer: float = 8.0
    """How long Slack's Web API may take to answer; shorter than a send's deadline."""

    def __post_init__(self) -> None:
        # An empty secret would let anybody sign.
        needed = {"token": self.token}
        needed |= {"signing_secret": self.signing_secret} if self.mode == "http" else {"app_token": self.app_token}
        for name, value in needed.items():
            if not value.strip():
                raise SettingsError(f"channels.slack.{name}: it is empty. {WHERE[name]}")
