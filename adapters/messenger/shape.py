"""What a Messenger message can hold, and a part as the Send API's `message`.

https://developers.facebook.com/docs/messenger-platform/send-messages/quick-replies and …/template/button
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from adapters.render import Limits, Part


def utf16(text: str) -> int:
    """Length in UTF-16 units. Meta says characters and does not say which; this is never less than any of them."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def opens(url: str) -> bool:
    """Whether a button may hold this address: https, on a host that a phone elsewhere can reach."""
    found = urlsplit(url)
    host = found.hostname or ""
    if found.scheme != "https" or "." not in host:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return not host.endswith((".localhost", ".local", ".internal"))


LIMITS = Limits(text=2000, buttons=13, label=20, keeps_buttons=False, opens=opens, text_with_links=640, measure=utf16)
"""Choices are quick replies, which disappear once something newer is said; addresses stand on a button template."""

TEMPLATE_BUTTONS = 3


def message(part: Part) -> dict[str, Any]:
    """The Send API's `message` for one part."""
    made: dict[str, Any] = {"text": part.text}
    if part.links:
        buttons = [{"type": "web_url", "url": one.url, "title": one.label} for one in part.links[:TEMPLATE_BUTTONS]]
        made = with_buttons(part.text, buttons)
    if part.buttons:
        made["quick_replies"] = [
            {"content_type": "text", "title": one.label, "payload": one.nonce} for one in part.buttons
        ]
    return made


def with_buttons(text: str, buttons: list[dict[str, str]]) -> dict[str, Any]:
    """A button template."""
    payload = {"template_type": "button", "text": text, "buttons": buttons}
    return {"attachment": {"type": "template", "payload": payload}}
