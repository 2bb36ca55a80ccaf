"""What the Bot API refuses, as the fake one enforces it (https://core.telegram.org/bots/api)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import msgspec

TEXT, BUTTONS, ROW, DATA, NOTICE = 4096, 100, 8, 64, 200


class Refusal(Exception):
    """An answer that is not ok: HTTP status, description, and what else the client should know."""

    def __init__(self, status: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.status, self.description, self.parameters = status, description, parameters

    def body(self) -> dict[str, Any]:
        """The JSON that the Bot API answers with."""
        body = {"ok": False, "error_code": self.status, "description": self.description}
        return {**body, "parameters": self.parameters} if self.parameters else body


@dataclass(slots=True)
class Bucket:
    """`burst` at once, then `rate` a second."""

    rate: float
    burst: float
    tokens: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> float:
        """Take one; returns 0.0, or the seconds until there is one."""
        filled = self.burst if self.tokens < 0 else min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        self.tokens = filled - 1 if filled >= 1 else filled
        return 0.0 if filled >= 1 else (1 - filled) / self.rate


def bad(description: str) -> Refusal:
    """400."""
    return Refusal(400, f"Bad Request: {description}")


def text_of(given: Mapping[str, Any]) -> str:
    """The text of a message to send, trimmed as the platform does."""
    text = given.get("text")
    if not isinstance(text, str) or not text.strip():
        raise bad("message text is empty")
    if len(text.encode("utf-16-le")) // 2 > TEXT:
        raise bad("message is too long")
    if given.get("parse_mode"):
        raise bad("the fake platform reads no markup")
    return text.strip()


def integer(given: Mapping[str, Any], name: str, *, optional: bool = False) -> int | None:
    """A number among the arguments, which may come as text."""
    value = given.get(name)
    if value is None and optional:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise bad(f"invalid {name} specified") from None


def keyboard_of(given: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The inline keyboard, checked; empty where there is none."""
    markup = given.get("reply_markup")
    if markup is None:
        return []
    try:
        found = msgspec.json.decode(markup) if isinstance(markup, str) else markup
        rows: list[list[dict[str, Any]]] = found["inline_keyboard"]
        buttons = [button for row in rows for button in row]
        for button in buttons:
            _button(button)
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError) as error:
        raise bad("can't parse reply keyboard markup JSON object") from error
    if len(buttons) > BUTTONS or any(len(row) > ROW for row in rows):
        raise bad("reply markup is too long")
    return rows


def _button(button: dict[str, Any]) -> None:
    if not button["text"].strip():
        raise bad("inline keyboard button text must be non-empty")
    data, url = button.get("callback_data"), button.get("url")
    if (data is None) == (url is None):
        raise bad("inline keyboard button must have exactly one action")
    if data is not None and not 1 <= len(data.encode()) <= DATA:
        raise bad("BUTTON_DATA_INVALID")
    if url is not None and not _reachable(url):
        raise bad(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")


def _reachable(url: str) -> bool:
    found = urlsplit(url)
    if found.scheme == "tg":
        return True
    host = found.hostname or ""
    if found.scheme not in ("http", "https") or "." not in host:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return True
