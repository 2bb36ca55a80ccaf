"""What can hang on a message besides words, as files that are kept for a person.

https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adapters.messenger.errors import Unreadable

THUMB = frozenset({369239263222822, 369239343222814, 369239383222810})
"""The thumb beside the text field, in its three sizes: a sticker that is meant as a word."""
MOST = 30
"""Attachments of one message that are kept."""

_TYPES: Mapping[str, str] = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mpeg"}


def attached(said: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Words that attachments stand for, and files `{"name", "type", "size", "ref"}`; `ref` is Meta's address of it.

    Raises `Unreadable`.
    """
    words: list[str] = []
    files: list[dict[str, Any]] = []
    given = said.get("attachments")
    if given is None:
        return "", []
    if not isinstance(given, list):
        raise Unreadable("attachments that are no list")
    for one in given[:MOST]:
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
            raise Unreadable("an attachment without a type")
        payload = one.get("payload")
        payload = payload if isinstance(payload, Mapping) else {}
        sticker = payload.get("sticker_id")
        if isinstance(sticker, int) and sticker in THUMB:
            words.append("👍")
        elif one["type"] == "fallback" and not payload.get("url"):
            # A shared link or story, whose text stands in the message or here.
            words += [text for text in (one.get("text"), one.get("title")) if isinstance(text, str)][:1]
        else:
            files.append(_file(one["type"], payload))
    return "\n".join(words), files


def _file(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    url = payload.get("url")
    file: dict[str, Any] = {
        "name": kind[:50],
        "type": _TYPES.get(kind, "application/octet-stream"),
        "size": 0,
        "ref": url if isinstance(url, str) else "",
    }
    place = payload.get("coordinates")
    if kind == "location" and isinstance(place, Mapping):
        numbers = {name: place.get(name) for name in ("lat", "long") if isinstance(place.get(name), int | float)}
        file |= {"type": "application/geo+json", "content": numbers}
    return file
