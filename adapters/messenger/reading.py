"""One item of a webhook taken apart: what it means to us, with every type checked.

https://developers.facebook.com/docs/messenger-platform/reference/webhook-events
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar

from adapters.closures import about_closing
from adapters.messenger.attachments import attached
from adapters.messenger.errors import Unreadable
from adapters.messenger.settings import MessengerSettings
from adapters.reconcile import Tag, read_tag
from bot.model import Address, Inbound

T = TypeVar("T")

WAY_IN = "ask:"
"""Begins the payload of the button that a private reply carries."""
NONCE = 64


@dataclass(frozen=True, slots=True)
class Said:
    """A customer wrote, pressed, edited or sent a file."""

    inbounds: tuple[Inbound, ...]


@dataclass(frozen=True, slots=True)
class Echoed:
    """A message of ours has reached the customer's thread."""

    tag: Tag
    mid: str


@dataclass(frozen=True, slots=True)
class Entered:
    """Somebody took the private way in from a comment: `inbound` is what stands for their press."""

    ask: str
    user: str
    inbound: Inbound


@dataclass(frozen=True, slots=True)
class Closing:
    """An asker answered whether a closing line is to be said where they asked."""

    user: str
    pressed: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wrote on the Page, for all to see. `target` is the comment or post."""

    key: str
    user: str
    target: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Linking:
    """Messenger's own account linking: with a code that we gave out, or None when it was ended there."""

    address: Address
    code: str | None


Event = Said | Echoed | Entered | Closing | Asked | Linking | None
"""None: nothing that concerns us."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the events of one Page."""

    settings: MessengerSettings

    def message(self, item: object) -> Event:
        """What an item of `messaging` means. Raises `Unreadable`."""
        item = is_a(item, dict)
        sender, recipient = _party(item, "sender"), _party(item, "recipient")
        said = item.get("message")
        if isinstance(said, Mapping) and said.get("is_echo"):
            return self._echo(said) if sender == self.settings.page else None
        if recipient != self.settings.page or sender in ("", self.settings.page):
            return None
        if said is not None:
            return self._message(is_a(said, dict), sender, _at(item))
        if "postback" in item:
            return self._postback(is_a(item["postback"], dict), sender, item)
        if "message_edit" in item:
            return self._edit(is_a(item["message_edit"], dict), sender, _at(item))
        if "account_linking" in item:
            return self._linking(is_a(item["account_linking"], dict), sender)
        # Deliveries, reads, reactions, routing between apps, opt-ins, and whatever is newer than this.
        return None

    def _message(self, said: Mapping[str, Any], sender: str, at: datetime) -> Event:
        mid, text = _id(said.get("mid")), _words(said.get("text"))
        reply = optional(said.get("quick_reply"), dict)
        if reply is not None:
            return self._pressed(is_a(reply.get("payload"), str), text, mid, sender, at)
        words, files = attached(said)
        text = text or _words(words)
        inbounds = [self._inbound(mid, "message", sender, at, text)] if text else []
        inbounds += [
            self._inbound(f"{mid}:file{number}", "file", sender, at, **file) for number, file in enumerate(files)
        ]
        return Said(tuple(inbounds)) if inbounds else None

    def _postback(self, pressed: Mapping[str, Any], sender: str, item: Mapping[str, Any]) -> Event:
        payload, title = is_a(pressed.get("payload"), str), _words(pressed.get("title"))
        mid = optional(pressed.get("mid"), str)
        if not mid:
            # Before version 11 a postback had no id of its own.
            whole = f"{sender}\0{item.get('timestamp')}\0{payload}"
            mid = "postback:" + sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return self._pressed(payload, title, _id(mid), sender, _at(item))

    def _pressed(self, payload: str, title: str, key: str, sender: str, at: datetime) -> Event:
        hello = self.settings.payloads.get(payload)
        if hello is not None:
            return Said((self._inbound(key, "message", sender, at, hello),))
        if about_closing(payload):
            return Closing(sender, payload[:NONCE])
        if payload.startswith(WAY_IN):
            ask, _, user = payload.removeprefix(WAY_IN).partition(":")
            return Entered(ask[:64], user[:64], self._inbound(key, "message", sender, at, title))
        return Said((self._inbound(key, "press", sender, at, title, nonce=payload[:NONCE]),))

    def _edit(self, edit: Mapping[str, Any], sender: str, at: datetime) -> Event:
        # Meta's example has the number as text, its table as an integer.
        number = edit.get("num_edit")
        if isinstance(number, bool) or not isinstance(number, int | str):
            raise Unreadable("no number of the edit")
        key = f"{_id(edit.get('mid'))}:edit{str(number)[:10]}"
        return Said((self._inbound(key, "message", sender, at, _words(edit.get("text")), edited=True),))

    def _echo(self, said: Mapping[str, Any]) -> Event:
        tag = read_tag(said.get("metadata"))
        return None if tag is None else Echoed(tag, _id(said.get("mid")))

    def _linking(self, linking: Mapping[str, Any], sender: str) -> Event:
        if is_a(linking.get("status"), str) == "unlinked":
            return Linking(self.address(sender), None)
        code = optional(linking.get("authorization_code"), str)
        return Linking(self.address(sender), code) if code else None

    def change(self, item: object) -> Event:
        """What an item of `changes` means. Raises `Unreadable`."""
        item = is_a(item, dict)
        if item.get("field") != "feed" or not self.settings.comments:
            return None
        value = is_a(item.get("value"), dict)
        kind, verb = value.get("item"), value.get("verb")
        if kind not in ("comment", "post", "status") or verb != "add":
            return None
        author = optional(value.get("from"), dict) or {}
        user = _id(author.get("id")) if "id" in author else ""
        # The Page's own posts and comments, our neutral lines among them.
        if user in ("", self.settings.page):
            return None
        target = _id(value.get("comment_id" if kind == "comment" else "post_id"))
        kind = "comment" if kind == "comment" else "post"
        return Asked(f"{target}:{verb}", user, target, kind, _words(value.get("message")))

    def address(self, user: str) -> Address:
        """The private chat with one person."""
        return Address(self.settings.brand, self.settings.connection, "messenger", user)

    def _inbound(self, key: str, kind: Any, sender: str, at: datetime, text: str = "", **data: Any) -> Inbound:
        return Inbound(key=key, kind=kind, at=at, address=self.address(sender), text=text, data=data)


def is_a(value: object, kind: type[T]) -> T:
    """The value, if it is of this kind. Raises `Unreadable`."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Unreadable(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def optional(value: object, kind: type[T]) -> T | None:
    """As `is_a`, or None."""
    return None if value is None else is_a(value, kind)


def _words(value: object) -> str:
    """A text, or "" for none; without the one character that no database takes."""
    return (optional(value, str) or "").replace("\0", "")


def _id(value: object) -> str:
    """An id, which older versions sent as a number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    found = is_a(value, str)
    if not 0 < len(found) <= 200 or not found.isprintable():
        raise Unreadable("an id that is none")
    return found


def _party(item: Mapping[str, Any], name: str) -> str:
    """Who sent or is sent it; "" for somebody without an id (a guest of a site's chat plug-in)."""
    party = optional(item.get(name), dict) or {}
    return _id(party["id"]) if "id" in party else ""


def _at(item: Mapping[str, Any]) -> datetime:
    """When: milliseconds since 1970."""
    stamp = item.get("timestamp")
    if isinstance(stamp, bool) or not isinstance(stamp, int) or not 0 < stamp < 32_503_680_000_000:
        raise Unreadable("no time")
    return datetime.fromtimestamp(stamp / 1000, UTC)
