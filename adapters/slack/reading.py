"""A body from Slack taken apart: what it means to us, with every type checked.

https://docs.slack.dev/apis/events-api and https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from adapters.closures import about_closing
from adapters.files import claimed_size
from adapters.slack.client import Me
from adapters.slack.errors import Unreadable
from adapters.slack.settings import SlackSettings
from adapters.slack.text import plain, without_mention
from bot.model import Address, Inbound

T = TypeVar("T")

NONCE, FILES = 64, 30
WRITTEN = frozenset({None, "file_share", "thread_broadcast"})
"""Subtypes of messages that a person wrote; all others are Slack's or a bot's."""


@dataclass(frozen=True, slots=True)
class Said:
    """A member wrote, pressed, edited or sent a file. `answer` is shown to them alone, where they used a command."""

    inbounds: tuple[Inbound, ...]
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The bot was mentioned where others read along. `ts` is the message, or the thread that it stands in."""

    key: str
    user: str
    channel: str
    ts: str
    text: str


@dataclass(frozen=True, slots=True)
class Closing:
    """An asker answered whether a closing line is to be said where they asked."""

    user: str
    pressed: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A member's account has been deactivated: whoever gets it back proves themselves anew."""

    address: Address


@dataclass(frozen=True, slots=True)
class Foreign:
    """Somebody of another workspace wrote, or the event is another workspace's: nobody we know."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Slack tells the operator something."""

    kind: str


Event = Said | Asked | Closing | Gone | Foreign | Alarm | None
"""None: nothing that concerns us."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what Slack sends to the app in one workspace."""

    settings: SlackSettings

    def read(self, body: Mapping[str, Any], me: Me, now: datetime) -> Event:
        """What a body means. Raises `Unreadable`."""
        match body.get("type"):
            case "event_callback":
                return self._event(body, me)
            case "block_actions":
                return self._press(body, me, now)
            case "app_rate_limited":
                return Alarm("app_rate_limited")
            case None if "command" in body:
                return self._command(body, me, now)
        # Views and shortcuts, of which we have none, and whatever is newer than this.
        return None

    # Events

    def _event(self, body: Mapping[str, Any], me: Me) -> Event:
        event = is_a(body.get("event"), dict)
        kind = is_a(event.get("type"), str)
        if kind in ("app_uninstalled", "tokens_revoked"):
            return Alarm(kind)
        if kind not in ("message", "app_mention", "user_change"):
            return None
        if _text(body.get("team_id")) != me.team:
            return Foreign()
        if kind == "user_change":
            return self._changed(event)
        if kind == "app_mention":
            return self._mention(body, event, me)
        # In channels a mention comes as `app_mention` too; all else said there is none of our business.
        if event.get("channel_type") != "im":
            return None
        if event.get("subtype") == "message_changed":
            return self._edit(body, event, me)
        subtype = optional(event.get("subtype"), str)
        if subtype not in WRITTEN or _by_a_bot(event, me):
            return None
        if _foreign(body, event, me):
            return Foreign()
        return self._message(event, me)

    def _message(self, event: Mapping[str, Any], me: Me) -> Event:
        user, channel, ts = _text(event.get("user")), _text(event.get("channel")), _ts(event.get("ts"))
        address = self.address(user, _thread(event, me))
        # Slack sends the same message again under another event id; channel and ts name it once and for all.
        key, at = f"{me.team}:{channel}:{ts}", _moment(ts)
        text = plain(optional(event.get("text"), str) or "")
        inbounds = [Inbound(key, "message", at, address, text=text)] if text.strip() else []
        for number, file in enumerate((optional(event.get("files"), list) or [])[:FILES]):
            inbounds.append(Inbound(f"{key}:file{number}", "file", at, address, data=_file(is_a(file, dict))))
        return Said(tuple(inbounds)) if inbounds else None

    def _edit(self, body: Mapping[str, Any], event: Mapping[str, Any], me: Me) -> Event:
        message = is_a(event.get("message"), dict)
        before = optional(event.get("previous_message"), dict) or {}
        # Slack also "changes" messages that it adds a preview to.
        if _by_a_bot(message, me) or "user" not in message or message.get("text") == before.get("text"):
            return None
        if _foreign(body, message, me):
            return Foreign()
        edited = optional(message.get("edited"), dict) or {}
        ts = _ts(message.get("ts"))
        key = f"{me.team}:{_text(event.get('channel'))}:{ts}:edit:{_ts(edited.get('ts', event.get('ts')))}"
        address = self.address(_text(message["user"]), _thread(message, me))
        text = plain(optional(message.get("text"), str) or "")
        return Said((Inbound(key, "message", _moment(ts), address, text=text, data={"edited": True}),))

    def _mention(self, body: Mapping[str, Any], event: Mapping[str, Any], me: Me) -> Event:
        if _by_a_bot(event, me) or event.get("edited") is not None:
            return None
        if _foreign(body, event, me):
            return Foreign()
        channel, ts = _text(event.get("channel")), _ts(event.get("ts"))
        text = plain(without_mention(optional(event.get("text"), str) or "", me.user))
        thread = optional(event.get("thread_ts"), str) or ts
        return Asked(f"{me.team}:{channel}:{ts}", _text(event.get("user")), channel, thread, text)

    def _changed(self, event: Mapping[str, Any]) -> Event:
        user = is_a(event.get("user"), dict)
        return Gone(self.address(_text(user.get("id")))) if user.get("deleted") is True else None

    # Interaction

    def _press(self, body: Mapping[str, Any], me: Me, now: datetime) -> Event:
        user = is_a(body.get("user"), dict)
        team = optional(body.get("team"), dict) or {}
        if _text(team.get("id", user.get("team_id"))) != me.team or user.get("team_id", me.team) != me.team:
            return Foreign()
        where, container = optional(body.get("channel"), dict) or {}, optional(body.get("container"), dict) or {}
        channel = optional(where.get("id"), str) or ""
        # Buttons with a nonce stand in direct messages alone, where only one person can press them.
        if not channel.startswith("D"):
            return None
        message = optional(body.get("message"), dict) or {}
        thread = optional(message.get("thread_ts"), str) or optional(container.get("thread_ts"), str) or ""
        address = self.address(_text(user.get("id")), thread)
        at = _text(container.get("message_ts", message.get("ts")))
        inbounds = []
        for action in is_a(body.get("actions"), list):
            nonce = optional(is_a(action, dict).get("value"), str)
            # A button that opens an address tells of its press as well.
            if not nonce:
                continue
            if about_closing(nonce):
                return Closing(address.user, nonce)
            key = f"{me.team}:{channel}:{at}:press:{_text(action.get('action_id'))}:{_text(action.get('action_ts'))}"
            label = optional(action.get("text"), dict) or {}
            text = plain(optional(label.get("text"), str) or "")
            inbounds.append(Inbound(key, "press", now, address, text=text, data={"nonce": nonce[:NONCE]}))
        return Said(tuple(inbounds)) if inbounds else None

    def _command(self, body: Mapping[str, Any], me: Me, now: datetime) -> Event:
        if _text(body.get("team_id")) != me.team:
            return Foreign()
        name, text = _text(body.get("command")).removeprefix("/"), plain(optional(body.get("text"), str) or "").strip()
        words = text or self.settings.commands.get(name, self.settings.hello)
        key = f"{me.team}:command:{_text(body.get('trigger_id'))}"
        inbound = Inbound(key, "message", now, self.address(_text(body.get("user_id"))), text=words)
        here = (optional(body.get("channel_id"), str) or "").startswith("D")
        return Said((inbound,), "" if here else self.settings.words.in_public)

    def address(self, user: str, thread: str = "") -> Address:
        """The private chat with one member of the workspace."""
        return Address(
            self.settings.brand, self.settings.connection, "slack", user, thread=_ts(thread) if thread else ""
        )


def is_a(value: object, kind: type[T]) -> T:
    """The value, if it is of this kind. Raises `Unreadable`."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unreadable(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def optional(value: object, kind: type[T]) -> T | None:
    """As `is_a`, or None."""
    return None if value is None else is_a(value, kind)


def _text(value: object) -> str:
    """An id: short, printable, not empty."""
    found = is_a(value, str)
    if not 0 < len(found) <= 200 or not found.isprintable():
        raise Unreadable("an id that is none")
    return found


def _ts(value: object) -> str:
    """A message's id in its channel: seconds since 1970, a point, and a number that makes it unique."""
    found = _text(value)
    whole, _, rest = found.partition(".")
    if not (found.isascii() and whole.isdecimal() and len(whole) <= 11 and (rest.isdecimal() or not rest)):
        raise Unreadable("a ts that is none")
    return found


def _moment(ts: str) -> datetime:
    return datetime.fromtimestamp(int(ts.partition(".")[0]), UTC)


def _thread(event: Mapping[str, Any], me: Me) -> str:
    """The thread, "" for none. One below a message of ours answers that message: it belongs to the chat itself."""
    thread = optional(event.get("thread_ts"), str) or ""
    return "" if event.get("parent_user_id") == me.user else thread


def _by_a_bot(event: Mapping[str, Any], me: Me) -> bool:
    """Ours or another's: two bots that answer each other never stop."""
    return bool(event.get("bot_id") or event.get("bot_profile")) or event.get("user") in (me.user, "USLACKBOT")


def _foreign(body: Mapping[str, Any], event: Mapping[str, Any], me: Me) -> bool:
    """Whether this came over Slack Connect: from another workspace's member, or through a channel shared with one."""
    if body.get("is_ext_shared_channel") is True:
        return True
    teams = (event.get(name) for name in ("user_team", "source_team", "team"))
    return any(team not in (None, "", me.team) for team in teams)


def _file(file: Mapping[str, Any]) -> dict[str, Any]:
    name, type_, size = file.get("name"), file.get("mimetype"), file.get("size")
    return {
        "name": name[:200] if isinstance(name, str) and name else "file",
        "type": type_[:100] if isinstance(type_, str) and type_ else "application/octet-stream",
        "size": claimed_size(size),
        "ref": _text(file.get("id")),
    }
