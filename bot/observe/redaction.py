"""What never reaches a log: message text, tokens, codes, secrets. Fields go by name, free text by shape."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bot.errors import ParleyError

HIDDEN = "[hidden]"

NAMES = frozenset(
    {
        "access_token", "api_key", "arguments", "authorization", "body", "client_secret", "code", "code_verifier",
        "content", "cookie", "cookies", "data", "handle", "headers", "id_token", "label", "message", "nonce",
        "password", "payload", "query", "query_string", "refresh_token", "said", "secret", "set_cookie", "state",
        "text", "token", "url", "user_text", "utterance", "value", "verifier",
    }
)  # fmt: skip
"""Field names whose values are never logged, whatever they hold."""

_SHAPES = (
    re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JWT
    re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{6,}"),
    re.compile(r"\b\d{6,}:[\w-]{30,}"),  # Telegram bot token
    re.compile(r"\bxox[a-z]-[\w-]+|\bxapp-[\w-]+"),  # Slack tokens
    re.compile(r"\bEAA[A-Za-z0-9]{20,}"),  # Facebook tokens
    re.compile(r"(?<=/link/)[\w-]+|(?<=/files/)[\w-]+"),
    re.compile(r"(?<=\?)[^\s\"'<>]*=[^\s\"'<>]*"),  # a URL's query
    re.compile(r"\b[\w-]{43,}\b"),  # 32 random bytes or more, in base64url or hex
)


_PLAIN: set[str] = set()
"""Short texts that were found to hold nothing: phrases, routes and names, which come again in every line."""
_PLAIN_LENGTH, _PLAIN_COUNT = 40, 2000


def scrub(text: str) -> str:
    """The text with everything shaped like a credential hidden."""
    if text in _PLAIN:
        return text
    found = text
    for shape in _SHAPES:
        found = shape.sub(HIDDEN, found)
    if found == text and len(text) <= _PLAIN_LENGTH:
        if len(_PLAIN) >= _PLAIN_COUNT:
            _PLAIN.clear()
        _PLAIN.add(text)
    return found


@lru_cache(maxsize=2000)
def open_name(name: str) -> bool:
    """Whether what stands under this name may be shown."""
    return name.lower() not in NAMES


def clean(value: Any, depth: int = 0) -> Any:
    """A log field without secrets: names in `NAMES` hidden at any depth, strings scrubbed."""
    if isinstance(value, (int, float)) or value is None:
        return value
    if isinstance(value, str):
        return scrub(value)
    if depth > 4:
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(k): clean(v, depth + 1) if open_name(str(k)) else HIDDEN for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean(item, depth + 1) for item in value]
    # Anything else could print a message in its repr.
    return type(value).__name__


def failure(error: BaseException) -> dict[str, Any]:
    """An exception for the log: types, our own errors' messages and where it happened; no foreign message.

    A foreign exception's message may quote what a customer wrote or a URL with a token in it.
    """
    chain: list[dict[str, Any]] = []
    seen: BaseException | None = error
    while seen is not None and len(chain) < 5:
        link: dict[str, Any] = {"type": f"{type(seen).__module__}.{type(seen).__qualname__}"}
        if isinstance(seen, ParleyError):
            link["says"] = scrub(str(seen))
        frames = traceback.extract_tb(seen.__traceback__)
        link["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        chain.append(link)
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return {"chain": chain}
