"""What a Telegram message can hold, and a part as the Bot API's arguments."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from adapters.render import Limits, Part


def utf16(text: str) -> int:
    """Length as Telegram counts entities: UTF-16 code units, never less than its characters."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def opens(url: str) -> bool:
    """Whether a button may hold this address: Telegram refuses addresses that only this machine or network knows."""
    found = urlsplit(url)
    host = found.hostname or ""
    if found.scheme not in ("http", "https") or "." not in host:
        return False
    try:
        return ip_address(host).is_global
    except ValueError:
        return not host.endswith((".localhost", ".local", ".internal"))


LIMITS = Limits(text=4096, buttons=100, label=64, opens=opens, measure=utf16)
"""sendMessage: 4096 characters; 100 buttons; a label has no limit of its own, but phones show about this much."""

_SHORT = 12
_ROW = 3


def keyboard(part: Part) -> InlineKeyboardMarkup | None:
    """The part's buttons: links first, one a row; choices side by side where their labels are short."""
    rows = [[InlineKeyboardButton(one.label, url=one.url)] for one in part.links]
    buttons = [InlineKeyboardButton(one.label, callback_data=one.nonce) for one in part.buttons]
    across = _ROW if all(utf16(one.label) <= _SHORT for one in part.buttons) else 1
    rows += [buttons[at : at + across] for at in range(0, len(buttons), across)]
    return InlineKeyboardMarkup(rows) if rows else None
