"""What can hang on a message besides words, as a file that is kept for a person."""

from __future__ import annotations

from typing import Any

from telegram import Message

from adapters.files import claimed_size

_KINDS = (
    ("document", "application/octet-stream"),
    ("video", "video/mp4"),
    ("animation", "video/mp4"),
    ("audio", "audio/mpeg"),
    ("voice", "audio/ogg"),
    ("video_note", "video/mp4"),
)


def attached(message: Message) -> dict[str, Any] | None:
    """`{"name", "type", "size", "ref"}`: `ref` is Telegram's file id. What has no file brings its `content`."""
    if message.photo:
        # Sizes come smallest first.
        largest = message.photo[-1]
        return _file(largest, "photo.jpg", "image/jpeg")
    for kind, type_ in _KINDS:
        found = getattr(message, kind)
        if found is not None:
            return _file(found, kind, type_)
    if message.sticker is not None:
        return _file(message.sticker, "sticker", "image/webp")
    if message.contact is not None:
        return {"name": "contact", "type": "text/plain", "size": 0, "ref": "", "content": message.contact.to_dict()}
    if message.location is not None:
        place = {"latitude": message.location.latitude, "longitude": message.location.longitude}
        return {"name": "location", "type": "application/geo+json", "size": 0, "ref": "", "content": place}
    for kind in ("poll", "dice", "story", "game", "paid_media", "checklist"):
        if getattr(message, kind, None) is not None:
            return {"name": kind, "type": "application/octet-stream", "size": 0, "ref": ""}
    return None


def _file(found: Any, name: str, type_: str) -> dict[str, Any]:
    given = getattr(found, "file_name", None), getattr(found, "mime_type", None)
    return {
        "name": given[0][:200] if isinstance(given[0], str) and given[0] else name,
        "type": given[1][:100] if isinstance(given[1], str) and given[1] else type_,
        "size": claimed_size(found.file_size),
        "ref": str(found.file_id),
    }
