"""What the fake Messenger remembers: people, threads, comments, and the events it owes the app."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.fakes.messenger_rules import FREE, PERSON, PRIVATE_REPLY, Content, Refusal, content, invalid
from adapters.fakes.telegram_rules import Bucket

Event = dict[str, Any]
"""One entry of a webhook's body: `{"id", "time", "messaging" | "changes"}` with one item."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of ours in a person's thread."""

    mid: str
    user: str
    content: Content
    tag: str = ""


@dataclass(slots=True)
class Comment:
    """One comment or post on the Page."""

    id: str
    user: str
    text: str
    at: datetime
    below: str = ""
    answered: bool = False


@dataclass(slots=True)
class Page:
    """The platform's memory of one Page. `now` is its clock, `monotonic` what its limits count by."""

    id: str
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    rate: tuple[float, float] = (300.0, 300.0)
    """Messages a second, and how many at once."""
    human_agent: bool = True
    last: dict[str, datetime] = field(default_factory=dict)
    """When each person last did something in their thread."""
    blocked: set[str] = field(default_factory=set)
    restricted: bool = False
    messages: list[Message] = field(default_factory=list)
    actions: list[tuple[str, str]] = field(default_factory=list)
    comments: dict[str, Comment] = field(default_factory=dict)
    linking: dict[str, str] = field(default_factory=dict)
    """Account linking tokens, and whose thread each was made in."""
    owed: list[Event] = field(default_factory=list)
    """Events that the app has not acknowledged, oldest first."""
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _bucket: Bucket | None = None

    # What people do

    def says(self, user: str, text: str, *, mid: str = "", **more: Any) -> Event:
        """Somebody writes to the Page. `more` are further fields of the message."""
        said = {"mid": mid or self._mid(), **({"text": text} if text else {}), **more}
        return self._does(user, {"message": said})

    def edits(self, user: str, text: str, *, mid: str = "", number: int | str = 1) -> Event:
        """Somebody edits a message of theirs."""
        return self._does(user, {"message_edit": {"mid": mid or self._mid(), "text": text, "num_edit": number}})

    def taps(self, user: str, message: Message, reply: int, *, mid: str = "") -> Event:
        """Somebody taps a quick reply below one of our messages."""
        title, payload = message.content.replies[reply]
        return self.says(user, title, mid=mid, quick_reply={"payload": payload})

    def presses(self, user: str, message: Message, button: int, *, mid: str | None = "") -> Event:
        """Somebody presses a button of one of our messages; `mid` None: as before version 11, without an id."""
        pressed = message.content.buttons[button]
        postback: dict[str, Any] = {"title": pressed["title"], "payload": pressed["payload"]}
        if mid is not None:
            postback["mid"] = mid or self._mid()
        return self._does(user, {"postback": postback})

    def starts(self, user: str) -> Event:
        """Somebody presses the Page's first button."""
        return self._does(user, {"postback": {"title": "Get started", "payload": "GET_STARTED", "mid": self._mid()}})

    def unlinks(self, user: str) -> Event:
        """Somebody ends Messenger's account linking."""
        return self._does(user, {"account_linking": {"status": "unlinked"}})

    def comments_on(self, user: str, text: str, *, post: str = "", comment: str = "", verb: str = "add") -> Event:
        """Somebody comments on a post of the Page."""
        id_ = comment or f"{self.id}_{next(self._ids)}"
        if verb == "add" and id_ not in self.comments:
            self.comments[id_] = Comment(id_, user, text, self.now())
        value = {
            "item": "comment",
            "verb": verb,
            "comment_id": id_,
            "post_id": post or f"{self.id}_1",
            "parent_id": post or f"{self.id}_1",
            "from": {"id": user, "name": "Person"},
            "message": text,
            "created_time": int(self.now().timestamp()),
        }
        return self.owe({"changes": [{"field": "feed", "value": value}]})

    def _does(self, user: str, what: Mapping[str, Any]) -> Event:
        self.last[user] = self.now()
        return self.owe({"messaging": [self._item(user, self.id, what)]})

    def _item(self, sender: str, recipient: str, what: Mapping[str, Any]) -> dict[str, Any]:
        return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": self._ms(), **what}

    def owe(self, what: Mapping[str, Any]) -> Event:
        """Note an event that the app must be told of."""
        event = {"id": self.id, "time": self._ms(), **what}
        self.owed.append(event)
        return event

    # What the app does

    def sent(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], Message | None]:
        """The Send API's answer, and the message if it was one. Raises `Refusal`."""
        recipient = given.get("recipient")
        if not isinstance(recipient, Mapping) or len(set(recipient) & {"id", "comment_id", "post_id"}) != 1:
            raise invalid("param recipient must name one person")
        if "sender_action" in given:
            return self._acted(given, str(recipient.get("id"))), None
        made, tag = content(given.get("message")), self._allowed(given)
        if "id" in recipient:
            user = self._reachable(str(recipient["id"]), tag)
        else:
            user = self._private_reply(str(next(iter(recipient.values()))))
        self._slowly()
        message = Message(self._mid(), user, made, tag)
        self.messages.append(message)
        return {"recipient_id": user, "message_id": message.mid}, message

    def _acted(self, given: Mapping[str, Any], user: str) -> dict[str, Any]:
        if "message" in given or given["sender_action"] not in ("typing_on", "typing_off", "mark_seen"):
            raise invalid("sender_action is sent alone")
        self._reachable(user, "")
        self.actions.append((user, given["sender_action"]))
        return {"recipient_id": user}

    def _allowed(self, given: Mapping[str, Any]) -> str:
        """The tag, "" for none."""
        kind, tag = given.get("messaging_type"), str(given.get("tag", ""))
        if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG") or (kind == "MESSAGE_TAG") != bool(tag):
            raise invalid("param messaging_type and tag do not belong together")
        if tag and tag != "HUMAN_AGENT":
            raise invalid("this message tag has been retired", 1893061)
        if tag and not self.human_agent:
            raise Refusal(200, 2018276, "requires the Human Agent feature")
        return tag

    def _reachable(self, user: str, tag: str) -> str:
        if self.restricted:
            raise Refusal(10, 1893063, "the Page is restricted")
        if user not in self.last:
            raise invalid("No matching user found", 2018001)
        if user in self.blocked:
            raise Refusal(551, 1545041, "This person isn't available right now.")
        if self.now() - self.last[user] > (PERSON if tag else FREE):
            raise Refusal(10, 2018278, "This message is sent outside of allowed window.")
        return user

    def _private_reply(self, target: str) -> str:
        comment = self.comments.get(target)
        if comment is None or comment.user == self.id:
            raise invalid("Invalid parameter")
        if comment.answered:
            raise Refusal(10900, 0, "Activity already replied to")
        if self.now() - comment.at > PRIVATE_REPLY:
            raise Refusal(10903, 0, "This user cant reply to this activity")
        comment.answered = True
        return comment.user

    def _slowly(self) -> None:
        self._bucket = self._bucket or Bucket(*self.rate)
        wait = self._bucket.take(self.monotonic())
        if wait:
            raise Refusal(613, 0, "Calls to this api have exceeded the rate limit.", retry_after=int(wait) + 1)

    def commented(self, target: str, text: str) -> Comment:
        """The Page comments below a comment or post. Raises `Refusal`."""
        if target not in self.comments:
            raise invalid(f"Object with ID '{target}' does not exist")
        made = Comment(f"{self.id}_{next(self._ids)}", self.id, text, self.now(), below=target)
        self.comments[made.id] = made
        return made

    def echo(self, message: Message, app_id: str) -> Event:
        """What the app is told of its own message."""
        said = {"is_echo": True, "app_id": int(app_id), "mid": message.mid, "text": message.content.text}
        if message.content.metadata:
            said["metadata"] = message.content.metadata
        return self.owe({"messaging": [self._item(self.id, message.user, {"message": said})]})

    def _mid(self) -> str:
        return f"m_{next(self._ids):06d}-{self.id[-4:]}"

    def _ms(self) -> int:
        return int(self.now().timestamp() * 1000)
