"""A request before anything is believed: timestamp, signature over the raw bytes, then the body.

https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from slack_sdk.signature import Clock as SlackClock
from slack_sdk.signature import SignatureVerifier

from adapters.bodies import json_object
from bot.ports import Clock
from bot.web import BadBody, Refused

FORM = "application/x-www-form-urlencoded"
_FIELDS = 100


class Unsigned(Refused):
    """This did not come from Slack just now: the signature or its time is missing, wrong or old."""

    status = 401
    code = "Unauthorized"


class NotSlacks(BadBody):
    """This is not something that Slack sends."""


class _Now(SlackClock):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()


class Verifier:
    """Checks what Slack posts. The time is part of what is signed, so an old request cannot be sent again."""

    def __init__(self, secret: str, clock: Clock) -> None:
        self._verifier = SignatureVerifier(secret, clock=_Now(clock))

    def check(self, raw: bytes, headers: Mapping[str, str]) -> None:
        """Raises `Unsigned`."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        signature = headers.get("X-Slack-Signature", "")
        # The library fails on these rather than say no.
        odd = not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12 and signature.isascii())
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unsigned from error
        if odd or not self._verifier.is_valid(text, stamp, signature):
            raise Unsigned


def body_of(raw: bytes, content_type: str) -> dict[str, Any]:
    """An event, the payload of an interaction, or a command's fields. Raises `NotSlacks`."""
    if content_type != FORM:
        return _object(raw)
    try:
        fields = dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELDS))
    except (UnicodeDecodeError, ValueError) as error:
        raise NotSlacks from error
    if "payload" in fields:
        return _object(fields["payload"].encode("utf-8", "surrogatepass"))
    if "command" in fields:
        return dict(fields)
    raise NotSlacks


def _object(raw: bytes) -> dict[str, Any]:
    found = json_object(raw)
    if found is None:
        raise NotSlacks
    return found
