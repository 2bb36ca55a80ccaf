"""Slack's text: three characters escaped, and everything between < and > meant for Slack.

https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re

_META = re.compile(r"<([^<>]*)>")


def plain(text: str) -> str:
    """What somebody wrote, as they saw it: people and channels by name, links by label and address."""
    text = _META.sub(_meant, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    # The one character that no database takes.
    return text.replace("\0", "")


def escaped(text: str) -> str:
    """Text that Slack shows as it stands."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def measure(text: str) -> int:
    """Its length once escaped, in UTF-16 units: never less than what Slack counts."""
    return len(escaped(text).encode("utf-16-le", "surrogatepass")) // 2


def without_mention(text: str, user: str) -> str:
    """The text without the mentions of this user."""
    return re.sub(rf"<@{re.escape(user)}(\|[^<>]*)?>", " ", text).strip()


def _meant(found: re.Match[str]) -> str:
    inner, _, label = found[1].partition("|")
    if inner.startswith("@"):
        return f"@{label or inner[1:]}"
    if inner.startswith("#"):
        return f"#{label or inner[1:]}"
    if inner.startswith("!"):
        return label or f"@{inner[1:].partition('^')[0]}"
    address = inner.removeprefix("mailto:").removeprefix("tel:")
    if label and label in inner:
        return label
    return f"{label} ({address})" if label else address
