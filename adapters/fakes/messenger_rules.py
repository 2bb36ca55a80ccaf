"""What the Send API refuses, as the fake one enforces it.

https://developers.facebook.com/docs/messenger-platform/error-codes and …/reference/send-api
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

TEXT, TEMPLATE_TEXT, REPLIES, TITLE, PAYLOAD, BUTTONS, METADATA = 2000, 640, 13, 20, 1000, 3, 1000
_NO_BUTTONS: tuple[Mapping[str, str], ...] = ()
FREE, PERSON, PRIVATE_REPLY = timedelta(hours=24), timedelta(days=7), timedelta(days=7)


class Refusal(Exception):
    """An error answer: code, subcode, HTTP status and, at limits, Retry-After in seconds."""

    def __init__(
        self, code: int, subcode: int = 0, says: str = "", *, status: int = 400, retry_after: int | None = None
    ) -> None:
        super().__init__(f"{code}/{subcode} {says}")
        self.code, self.subcode, self.says = code, subcode, says
        self.status, self.retry_after = status, retry_after

    def body(self) -> dict[str, Any]:
        """The JSON that the Graph API answers with."""
        error = {"message": f"(#{self.code}) {self.says}", "type": "OAuthException", "code": self.code}
        if self.subcode:
            error["error_subcode"] = self.subcode
        return {"error": {**error, "fbtrace_id": "AFakeTrace"}}


@dataclass(frozen=True, slots=True)
class Content:
    """A message to send, checked. A reply is (title, payload); a button as the platform writes it."""

    text: str
    replies: tuple[tuple[str, str], ...] = ()
    buttons: tuple[Mapping[str, str], ...] = ()
    metadata: str = ""


def invalid(says: str, subcode: int = 0) -> Refusal:
    """Code 100."""
    return Refusal(100, subcode, says)


def content(message: object) -> Content:
    """The message of a send. Raises `Refusal`."""
    if not isinstance(message, Mapping):
        raise invalid("param message must be an object")
    unknown = set(message) - {"text", "attachment", "quick_replies", "metadata"}
    if unknown:
        raise invalid(f"unexpected key in message: {sorted(unknown)[0]}")
    if ("text" in message) == ("attachment" in message):
        raise invalid("message must have either text or attachment", 2018034)
    metadata = message.get("metadata", "")
    if not isinstance(metadata, str) or len(metadata) > METADATA:
        raise invalid("metadata must be less than 1000 characters")
    text, buttons = message.get("text"), _NO_BUTTONS
    if "attachment" in message:
        text, buttons = _template(message["attachment"])
    elif not isinstance(text, str) or not text.strip():
        raise invalid("message text cannot be empty", 2018034)
    elif len(text) > TEXT:
        raise invalid("Length of param message[text] must be less than or equal to 2000")
    return Content(str(text), _replies(message.get("quick_replies")), buttons, metadata)


def _template(attachment: Any) -> tuple[str, tuple[Mapping[str, str], ...]]:
    try:
        payload = attachment["payload"]
        if attachment["type"] != "template" or payload["template_type"] != "button":
            raise invalid("the fake platform knows the button template alone")
        text, buttons = payload["text"], payload["buttons"]
        if not isinstance(text, str) or not 0 < len(text) <= TEMPLATE_TEXT:
            raise invalid("Length of text must be from 1 to 640")
        if not 1 <= len(buttons) <= BUTTONS:
            raise invalid("there must be 1 to 3 buttons")
        for button in buttons:
            _button(button)
    except (KeyError, TypeError) as error:
        raise invalid("the template is incomplete") from error
    return text, tuple(buttons)


def _button(button: Mapping[str, Any]) -> None:
    if not 0 < len(button["title"]) <= TITLE:
        raise invalid("button title must be 1 to 20 characters")
    if button["type"] == "web_url":
        found = urlsplit(button["url"])
        if found.scheme not in ("http", "https") or "." not in (found.hostname or ""):
            raise invalid("button url is no address", 2018062)
    elif button["type"] == "postback":
        if not 0 < len(button["payload"]) <= PAYLOAD:
            raise invalid("button payload must be 1 to 1000 characters")
    else:
        raise invalid("unknown button type")


def _replies(given: Any) -> tuple[tuple[str, str], ...]:
    if given is None:
        return ()
    try:
        if not 1 <= len(given) <= REPLIES:
            raise invalid("there must be 1 to 13 quick replies")
        for reply in given:
            if reply["content_type"] != "text" or not 0 < len(reply["title"]) <= TITLE:
                raise invalid("quick reply title must be 1 to 20 characters")
            if not 0 < len(reply["payload"]) <= PAYLOAD:
                raise invalid("quick reply payload must be 1 to 1000 characters")
        return tuple((reply["title"], reply["payload"]) for reply in given)
    except (KeyError, TypeError) as error:
        raise invalid("a quick reply is incomplete") from error
