"""A customer's app on each platform, as the page of the fake channels shows it: lines, buttons, links, typing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from adapters.fakes.messenger import FakeMessenger
from adapters.fakes.slack import FakeSlack
from adapters.fakes.telegram import FakeTelegram

GROUP, CHANNEL = -1001, "C0GENERAL"


@dataclass(slots=True)
class Line:
    """One message. `buttons` and `links` are (label, what it sends or opens); `taken`: the bot's server has it."""

    text: str
    mine: bool = False
    event: Any = None
    message: Any = None
    buttons: Sequence[tuple[str, int]] = ()
    replies: Sequence[tuple[str, int]] = ()
    links: Sequence[tuple[str, str]] = ()


class CustomerApp(Protocol):
    """One customer's app on one platform."""

    name: str
    title: str
    public_title: str
    start: str
    faults: Mapping[str, str]
    fake: Any

    def say(self, text: str) -> Any:
        """Write privately; the event."""
        ...

    def begin(self) -> Any:
        """Press what an empty chat offers; the event, or None where nothing is offered."""
        ...

    def press(self, message: Any, button: int, reply: bool) -> Any:
        """Press a button or a quick reply; the event."""
        ...

    def say_in_public(self, text: str) -> Any:
        """Write where others read along; the event."""
        ...

    def fresh(self) -> list[tuple[bool, Line]]:
        """What the bot has said since the last time, each with whether all can read it."""
        ...

    def owed(self, event: Any) -> bool:
        """Whether the bot's server has not acknowledged this event yet."""
        ...

    def acted(self) -> int:
        """How often typing was shown to this customer."""
        ...


@dataclass
class TelegramApp:
    """Telegram."""

    fake: FakeTelegram
    user: int
    name: str = "telegram"
    title: str = "Telegram"
    public_title: str = "a group"
    start: str = "Start"
    faults: Mapping[str, str] = field(
        default_factory=lambda: {
            "busy": "429: too many requests",
            "broken": "502, not sent",
            "silent": "sent, then no answer",
            "gone": "403: blocked the bot",
        }
    )
    seen: int = 0

    def say(self, text: str) -> Any:
        return self.fake.chats.says(self.user, text)

    def begin(self) -> Any:
        return self.say("/start")

    def press(self, message: Any, button: int, reply: bool) -> Any:
        return self.fake.chats.presses_button(self.user, message, button)

    def say_in_public(self, text: str) -> Any:
        return self.fake.chats.says(self.user, f"@{self.fake.chats.username} {text}", chat=GROUP)

    def fresh(self) -> list[tuple[bool, Line]]:
        new, self.seen = self.fake.chats.messages[self.seen :], len(self.fake.chats.messages)
        return [(one.chat == GROUP, self._line(one)) for one in new if one.chat in (self.user, GROUP)]

    def _line(self, message: Any) -> Line:
        found = list(enumerate(message.buttons))
        return Line(
            message.text,
            message=message,
            buttons=[(one["text"], at) for at, one in found if "callback_data" in one],
            links=[(one["text"], one["url"]) for _, one in found if "url" in one],
        )

    def owed(self, event: Any) -> bool:
        return event in self.fake.chats.updates

    def acted(self) -> int:
        return sum(1 for chat, _ in self.fake.chats.actions if chat == self.user)


@dataclass
class SlackApp:
    """Slack. Ordinary bots cannot show typing there."""

    fake: FakeSlack
    user: str
    name: str = "slack"
    title: str = "Slack"
    public_title: str = "#general"
    start: str = ""
    faults: Mapping[str, str] = field(
        default_factory=lambda: {
            "busy": "429: rate limited",
            "broken": "502, not sent",
            "silent": "sent, then no answer",
            "token": "invalid_auth",
        }
    )
    seen: int = 0

    def say(self, text: str) -> Any:
        return self.fake.workspace.says(self.user, text)

    def begin(self) -> Any:
        return None

    def press(self, message: Any, button: int, reply: bool) -> Any:
        return self.fake.workspace.presses(self.user, message, button)

    def say_in_public(self, text: str) -> Any:
        return self.fake.workspace.mentions(self.user, text, CHANNEL)[-1]

    def fresh(self) -> list[tuple[bool, Line]]:
        here = self.fake.workspace
        new, self.seen = here.messages[self.seen :], len(here.messages)
        return [
            (one.channel == CHANNEL, self._line(one)) for one in new if one.channel in (here.chat(self.user), CHANNEL)
        ]

    def _line(self, message: Any) -> Line:
        found = list(enumerate(message.content.buttons))
        return Line(
            message.content.text,
            message=message,
            buttons=[(one.label, at) for at, one in found if "url" not in one.element],
            links=[(one.label, str(one.element["url"])) for _, one in found if "url" in one.element],
        )

    def owed(self, event: Any) -> bool:
        return event in self.fake.workspace.owed

    def acted(self) -> int:
        return 0


@dataclass
class MessengerApp:
    """Messenger. Quick replies disappear once something newer is said."""

    fake: FakeMessenger
    user: str
    name: str = "messenger"
    title: str = "Messenger"
    public_title: str = "a post of the Page"
    start: str = "Get started"
    faults: Mapping[str, str] = field(
        default_factory=lambda: {
            "busy": "613: rate limit",
            "broken": "502, not sent",
            "silent": "sent, then no answer",
            "window": "10: 24 hours are over",
        }
    )
    seen: int = 0
    comments: set[str] = field(default_factory=set)

    def say(self, text: str) -> Any:
        return self.fake.page.says(self.user, text)

    def begin(self) -> Any:
        return self.fake.page.starts(self.user)

    def press(self, message: Any, button: int, reply: bool) -> Any:
        page = self.fake.page
        return page.taps(self.user, message, button) if reply else page.presses(self.user, message, button)

    def say_in_public(self, text: str) -> Any:
        return self.fake.page.comments_on(self.user, text)

    def fresh(self) -> list[tuple[bool, Line]]:
        page = self.fake.page
        new, self.seen = page.messages[self.seen :], len(page.messages)
        said = [(False, self._line(one)) for one in new if one.user == self.user]
        posted = [one for one in page.comments.values() if one.user == page.id and one.id not in self.comments]
        self.comments |= {one.id for one in posted}
        return said + [(True, Line(one.text)) for one in posted]

    def _line(self, message: Any) -> Line:
        found = list(enumerate(message.content.buttons))
        return Line(
            message.content.text,
            message=message,
            buttons=[(one["title"], at) for at, one in found if one["type"] == "postback"],
            replies=[(title, at) for at, (title, _) in enumerate(message.content.replies)],
            links=[(one["title"], one["url"]) for _, one in found if one["type"] == "web_url"],
        )

    def owed(self, event: Any) -> bool:
        return any(one is event for one in self.fake.page.owed)

    def acted(self) -> int:
        return sum(1 for user, what in self.fake.page.actions if (user, what) == (self.user, "typing_on"))
