"""The JSON object in a webhook's body."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def json_object(raw: bytes) -> dict[str, Any] | None:
    """The object, or None for anything else.

    Platforms cut texts between the halves of an emoji; such a half becomes U+FFFD rather than lose the message.
    """
    found = _decoded(raw)
    if found is None and b"\\u" in raw:
        found = _decoded(_ESCAPE.sub(lambda escape: rb"\ufffd" if escape["half"] else escape[0], raw))
    return found if isinstance(found, dict) else None


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
