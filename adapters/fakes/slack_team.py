"""What the fake Slack remembers of one workspace: members, chats, messages, and the events it owes the app."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.fakes.slack_rules import Content, Refusal, content
from adapters.fakes.telegram_rules import Bucket

_URL = re.compile(r"https?://[^\s<>|()&]+")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of ours."""

    ts: str
    channel: str
    content: Content
    given: Mapping[str, Any]
    thread: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Owed:
    """One thing that the app must be told of: `events_api`, `interactive` or `slash_commands`."""

    kind: str
    body: dict[str, Any]


@dataclass(slots=True)
class Workspace:
    """The platform's memory. `now` is its clock, `monotonic` what its limits count by."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    team: str = "T0LARKSPUR"
    bot: str = "U0LARKSPUR"
    bot_id: str = "B0LARKSPUR"
    app: str = "A0LARKSPUR"
    rate: tuple[float, float] = (1.0, 20.0)
    """Messages a second into one channel, and how many at once."""
    members: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    """Channels that the bot is a member of."""
    messages: list[Message] = field(default_factory=list)
    owed: list[Owed] = field(default_factory=list)
    """What the app has not acknowledged, oldest first."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(0))
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def chat(self, user: str) -> str:
        """The bot's direct messages with a member."""
        return f"D{user}"

    # What people do

    def says(self, user: str, text: str, *, channel: str = "", thread: str = "", ts: str = "", **more: Any) -> Owed:
        """A member writes: privately unless `channel` is named. `more` are further fields of the event."""
        self.members.add(user)
        event = {
            "type": "message",
            "channel": channel or self.chat(user),
            "channel_type": "channel" if channel else "im",
            "user": user,
            "text": written(text),
            "ts": ts or self.ts(),
            "team": self.team,
            **({"thread_ts": thread} if thread else {}),
            **more,
        }
        return self.event({**event, "event_ts": event["ts"]})

    def mentions(self, user: str, text: str, channel: str = "C0GENERAL", **more: Any) -> list[Owed]:
        """A member mentions the bot in a channel; Slack tells of it twice, as `message` and as `app_mention`."""
        self.channels.add(channel)
        message = self.says(user, text, channel=channel, **more)
        event = message.body["event"]
        event["text"] = f"<@{self.bot}> {event['text']}"
        told = {name: value for name, value in event.items() if name != "channel_type"}
        return [message, self.event({**told, "type": "app_mention"})]

    def edits(self, user: str, text: str, *, ts: str = "", before: str = "…", number: int = 1) -> Owed:
        """A member edits a message of theirs."""
        self.members.add(user)
        ts = ts or self.ts()
        message: dict[str, Any] = {"type": "message", "user": user, "team": self.team, "ts": ts, "text": written(text)}
        message["edited"] = {"user": user, "ts": f"{ts.partition('.')[0]}.{number:06d}"}
        changed = {"type": "message", "subtype": "message_changed", "hidden": True, "channel": self.chat(user)}
        changed |= {"channel_type": "im", "ts": self.ts(), "message": message}
        return self.event({**changed, "previous_message": {**message, "text": written(before)}})

    def presses(self, user: str, message: Message, button: int, *, ts: str = "") -> Owed:
        """A member presses a button of one of our messages."""
        pressed = message.content.buttons[button]
        action = {**pressed.element, "block_id": pressed.block, "action_ts": ts or self.ts()}
        shown = {"type": "message", "user": self.bot, "ts": message.ts, "bot_id": self.bot_id}
        shown |= {"thread_ts": message.thread} if message.thread else {}
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "person", "team_id": self.team},
            "api_app_id": self.app,
            "team": {"id": self.team, "domain": "larkspur"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
            "channel": {"id": message.channel, "name": "directmessage"},
            "message": shown,
            "trigger_id": f"t{next(self._ids)}",
            "response_url": "https://hooks.slack.example/actions/x",
            "actions": [action],
        }
        return self.owe("interactive", payload)

    def commands(self, user: str, command: str, text: str = "", channel: str = "C0GENERAL") -> Owed:
        """A member uses a slash command."""
        self.members.add(user)
        fields = {"command": command, "text": text, "user_id": user, "team_id": self.team, "channel_id": channel}
        return self.owe("slash_commands", {**fields, "trigger_id": f"t{next(self._ids)}", "api_app_id": self.app})

    def leaves(self, user: str, *, deleted: bool = True) -> Owed:
        """A member's account is deactivated, or changed in another way."""
        if deleted:
            self.gone.add(user)
        profile = {"id": user, "team_id": self.team, "name": "person", "deleted": deleted}
        return self.event({"type": "user_change", "user": profile, "event_ts": self.ts()})

    def event(self, event: Mapping[str, Any], **envelope: Any) -> Owed:
        """Note an event that the app must be told of."""
        body = {
            "type": "event_callback",
            "team_id": self.team,
            "api_app_id": self.app,
            "event_id": f"Ev{next(self._ids):08d}",
            "event_time": int(self.now().timestamp()),
            "authorizations": [{"team_id": self.team, "user_id": self.bot, "is_bot": True}],
            "is_ext_shared_channel": False,
            "event": dict(event),
            **envelope,
        }
        return self.owe("events_api", body)

    def owe(self, kind: str, body: dict[str, Any]) -> Owed:
        """Note anything that the app must be told of."""
        owed = Owed(kind, body)
        self.owed.append(owed)
        self.arrived.set()
        return owed

    def again(self, owed: Owed) -> Owed:
        """The same event under a new event id, as Slack sometimes sends it."""
        if owed.kind != "events_api":
            return owed
        return Owed(owed.kind, {**owed.body, "event_id": f"Ev{next(self._ids):08d}"})

    def ts(self) -> str:
        """A new message's id."""
        return f"{int(self.now().timestamp())}.{next(self._ids):06d}"

    # What the app does

    def opened(self, users: str) -> dict[str, Any]:
        """conversations.open. Raises `Refusal`."""
        if users not in self.members:
            raise Refusal("user_not_found")
        if users in self.gone:
            raise Refusal("user_disabled")
        return {"channel": {"id": self.chat(users)}, "no_op": True, "already_open": True}

    def posted(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """chat.postMessage. Raises `Refusal`."""
        channel = str(given.get("channel", ""))
        self._may_post(channel)
        made = content(given)
        self._slowly(channel)
        message = Message(self.ts(), channel, made, dict(given), str(given.get("thread_ts") or ""))
        self.messages.append(message)
        return {"channel": channel, "ts": message.ts, "message": self._as_told(message)}

    def history(self, given: Mapping[str, Any], thread: str = "") -> dict[str, Any]:
        """conversations.history and conversations.replies, newest first, in pages. Raises `Refusal`."""
        channel, oldest = str(given.get("channel", "")), float(given.get("oldest") or 0)
        self._may_post(channel)
        found = [one for one in self.messages if (one.channel, one.thread) == (channel, thread)]
        found = [one for one in reversed(found) if float(one.ts) > oldest]
        start, size = int(given.get("cursor") or 0), min(int(given.get("limit") or 100), 999)
        metadata = str(given.get("include_all_metadata", "")).lower() in ("1", "true")
        told = [self._as_told(one, metadata=metadata) for one in found[start : start + size]]
        cursor = str(start + size) if start + size < len(found) else ""
        return {"messages": told, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}

    def _as_told(self, message: Message, *, metadata: bool = False) -> dict[str, Any]:
        told: dict[str, Any] = {"type": "message", "user": self.bot, "bot_id": self.bot_id, "ts": message.ts}
        told |= {"text": str(message.given.get("text") or ""), "team": self.team, "app_id": self.app}
        if message.thread:
            told["thread_ts"] = message.thread
        if metadata and message.content.tag is not None:
            told["metadata"] = message.content.tag
        return told

    def _may_post(self, channel: str) -> None:
        if channel.startswith("D"):
            user = channel.removeprefix("D")
            if user not in self.members:
                raise Refusal("channel_not_found")
            if user in self.gone:
                raise Refusal("user_disabled")
        elif channel not in self.channels:
            raise Refusal("not_in_channel" if channel.startswith("C") else "channel_not_found")

    def _slowly(self, channel: str) -> None:
        wait = self._buckets.setdefault(channel, Bucket(*self.rate)).take(self.monotonic())
        if wait:
            raise Refusal("ratelimited", retry_after=int(wait) + 1)


def written(text: str) -> str:
    """A member's words as Slack passes them on: three characters escaped, addresses marked."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _URL.sub(lambda found: f"<{found[0]}>", text)
