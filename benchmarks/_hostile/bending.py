"""Values, texts and bytes that nobody should send, and how a good body is bent into a bad one."""

from __future__ import annotations

import copy
import gzip
import random
from typing import Any

import msgspec

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, -(2**63), 2**64, 1e308, -0.0, "", " ", "\x00", "\u202e", "a" * 5000,
    "😀" * 300, "\ud83d", "h" + "\u0301" * 500, "null", "undefined", "NaN", "-1", "1e9", "../../etc/passwd",
    "${jndi:x}", "{{7*7}}", "'; DROP TABLE conversation; --", "<script>alert(1)</script>", "%00%0a", "\r\nA: b",
    [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": []}}}, [1, "a", None], "١٢٣", "1793698200.000100",
)  # fmt: skip
"""Values of every kind, in the place of any other."""

TEXTS: tuple[str, ...] = (
    "hello", "why is my bill so high", "cancel my direct debit", "human", "stop", "yes", "/start", "/start " + "A" * 64,
    "LINK-4821", "481 516 2342", "ABCD-EFGH", "?", "." * 300, "a" * 4096, "ok " * 900, "我的账单", "🎉", "\u200d",
    "30 Feb 2026", "£" + "9" * 40, "-£0.00", "1,2,3.4.5", "2026-13-45", "31/12/99999", "GB00 0000", "tomorrow " * 60,
)  # fmt: skip
"""What people, and machines, write."""


def bent(good: Any, chance: random.Random) -> Any:
    """A copy with one to three places changed: another value, gone, twice as deep, or another's."""
    value = copy.deepcopy(good)
    for _ in range(chance.choice((1, 1, 2, 3))):
        holders = list(_holders(value))
        if not holders:
            return _odd(chance)
        holder = chance.choice(holders)
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]] if chance.random() < 0.5 else {"value": holder[key]}
            case 2 if isinstance(holder, dict):
                holder[str(chance.choice(TEXTS))[:40]] = _odd(chance)
            case _:
                holder[key] = _odd(chance)
    return value


def _odd(chance: random.Random) -> Any:
    # A copy: what is put in may be bent itself in the next round.
    return copy.deepcopy(chance.choice(ODD))


def _holders(value: Any) -> Any:
    if isinstance(value, dict | list) and value:
        yield value
        for one in value.values() if isinstance(value, dict) else value:
            yield from _holders(one)


def encoded(value: Any) -> bytes:
    """JSON, with the halves of characters written as escapes, as platforms do."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, OverflowError):
        import json

        return json.dumps(value).encode()


def broken(body: bytes, chance: random.Random) -> bytes:
    """Bytes that are not what they were: cut, torn, doubled, deep, huge, random, or none."""
    match chance.randrange(12):
        case 0:
            return body[: chance.randrange(len(body) + 1)]
        case 1:
            at = chance.randrange(len(body) + 1)
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        case 2:
            return body + body
        case 3:
            return chance.randbytes(chance.randrange(1, 400))
        case 4:
            return b""
        case 5:
            return b"[" * chance.randrange(1, 3000)
        case 6:
            return b'{"a":' * 1500 + body + b"}" * 1500
        case 7:
            return body.decode("utf-8", "replace").encode("utf-16")
        case 8:
            return b"\xef\xbb\xbf" + body
        case 9:
            return b"[" + b",".join([body] * chance.randrange(1, 30)) + b"]"
        case 10:
            return body.replace(b":", b"=")
        case _:
            return chance.choice((b"null", b"0", b'""', b"[]", b"{}", b"true", b"NaN", b"{'a': 1}"))


def packed(body: bytes, chance: random.Random) -> tuple[bytes, dict[str, str]]:
    """A body whose headers say something else than it is, and those headers."""
    match chance.randrange(6):
        case 0:
            return body, {"Content-Encoding": "gzip"}
        case 1:
            return gzip.compress(body)[:-9], {"Content-Encoding": "gzip"}
        case 2:
            return gzip.compress(b" " * 3_000_000), {"Content-Encoding": "gzip"}
        case 3:
            return body, {"Content-Encoding": "br, deflate"}
        case 4:
            return body + b" " * 280_000, {}
        case _:
            return body, {
                "Content-Type": chance.choice(("text/plain", "multipart/form-data", "x/y; charset=nope", "*"))
            }
