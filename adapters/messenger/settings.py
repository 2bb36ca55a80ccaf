"""What Messenger can be told. Times in seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.closures import ClosureWords
from bot.errors import SettingsError

FIELDS = (
    "messages", "messaging_postbacks", "message_edits", "message_echoes", "messaging_account_linking", "feed",
)  # fmt: skip
"""The webhook fields that are asked for (https://developers.facebook.com/docs/messenger-platform/webhooks)."""


WHERE = {
    "page": "Give the Page's id, digits, which stands on the Page under About, Page transparency.",
    "token": "Generate the Page's access token in the app under Messenger, API settings.",
    "app_secret": "Give the App Secret, which stands in the app under App settings, Basic.",
    "verify_token": "Give a long word of your own.",
}
"""Where these are found at https://developers.facebook.com/apps."""


@dataclass(frozen=True, slots=True)
class MessengerWords:
    """What is said outside any dialog. In public never whether somebody is a customer."""

    in_public: str = "Thanks for your comment. We have sent you a private message, where nobody else can read along."
    in_public_alone: str = (
        "Thanks for your comment. Please send us a private message, where nobody else can read along."
    )
    in_private: str = "You wrote to us on our page. Shall we go on here, where nobody else can read along?"
    go_on: str = "Go on here"
    closure: ClosureWords = field(default_factory=ClosureWords)


@dataclass(frozen=True, slots=True)
class MessengerSettings:
    """`page` is the Page's id and `token` its access token; `app_secret` signs what Meta posts to us.

    `verify_token` is our own word that Meta repeats when the webhook is set. Raises `SettingsError`.
    """

    brand: str
    page: str
    token: str
    app_secret: str
    verify_token: str
    app_id: str = ""
    """Only for setting the webhook: the app that the secret belongs to."""
    connection: str = "messenger"
    api: str = "https://graph.facebook.com"
    version: str = "v25.0"
    path: str = "/channels/messenger"
    words: MessengerWords = field(default_factory=MessengerWords)
    payloads: Mapping[str, str] = field(default_factory=lambda: {"GET_STARTED": "hello"})
    """What the payloads of the Page's own menu and first button stand for in words."""
    comments: bool = True
    """Whether comments and posts on the Page are answered."""
    human_agent: bool = True
    """Whether the app may tag a person's reply with HUMAN_AGENT after 24 hours; Meta grants that feature on request."""
    answer: float = 8.0
    """How long the Graph API may take to answer; shorter than a send's deadline."""
    echo: float = 5.0
    """How long to wait for the echo of a send that was not answered."""
    rest: float = 60.0
    """How long to rest at a limit where Meta does not say."""
    typing_after: float = 0.8
    """How long a turn may take before the chat shows that somebody types."""

    def __post_init__(self) -> None:
        # An empty secret would let anybody sign.
        for name in ("page", "token", "app_secret", "verify_token"):
            if not getattr(self, name):
                raise SettingsError(f"channels.messenger.{name}: it is empty. {WHERE[name]}")
        if not re.fullmatch(r"v\d{1,3}\.\d", self.version):
            raise SettingsError("channels.messenger.version: it looks like v25.0.")
