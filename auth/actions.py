"""One action and its arguments in one canonical form, so that an approval fits exactly one of them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec


def action_hash(action: str, arguments: Mapping[str, Any]) -> bytes:
    """SHA-256 of the action as canonical JSON: keys sorted, no spaces, numbers as they are."""
    return sha256(msgspec.json.encode({"action": action, "arguments": dict(arguments)}, order="sorted")).digest()
