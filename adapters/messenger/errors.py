"""What the Graph API's refusals mean for a send.

https://developers.facebook.com/docs/messenger-platform/error-codes and
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.errors import ParleyError, Permanent, SendPermanent, SendTemporary, SendUncertain, WindowClosed

TRANSIENT = frozenset({1, 2, 1200})
LIMITS = frozenset({4, 17, 32, 613, 80004})
OUTSIDE_WINDOW = frozenset({2018278, 2534022})
RESTRICTED = 1893063
TOKEN = 190
UNAVAILABLE = 551
ALREADY = 10900
DEAD_TOKEN_WAIT = 120.0


class Busy(SendTemporary):
    """Messenger could not take the message now."""


class TooFast(SendTemporary):
    """Messenger asks for fewer messages from this Page."""


class TokenDead(SendTemporary):
    """Meta does not accept the Page's access token. Make a new one and put it into the configuration."""


class Unreachable(SendTemporary):
    """Messenger could not be reached."""


class OutsideWindow(WindowClosed):
    """More than 24 hours have passed since the customer's last message, and Messenger refused this one."""


class PageRestricted(SendPermanent):
    """Meta has restricted this Page's messages. See the Page's quality tab."""


class PersonUnavailable(SendPermanent):
    """Messenger says that this person is not available: they blocked the Page or left."""


class AlreadyAnswered(SendPermanent):
    """This comment has had its one private reply."""


class NotPermitted(SendPermanent):
    """Messenger does not let the Page write to this person, or the app lacks a permission."""


class Refused(SendPermanent):
    """Messenger refused the message."""


class Unreadable(Permanent):
    """The event is not as Meta's documentation says."""


def meaning(status: int, body: object, *, retry_after: float | None, rest: float) -> ParleyError:
    """The error of ours that says what to do. Of Meta's own words none is kept: they may quote the token."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), int):
        # Some machine before the Graph API answered, or it broke half-way: nobody knows what became of the message.
        return TooFast(retry_after=retry_after or rest) if status == 429 else SendUncertain(f"HTTP {status}")
    code, subcode = error["code"], error.get("error_subcode")
    detail = f"(code {code}/{subcode})" if subcode else f"(code {code})"
    if code in LIMITS:
        return TooFast(detail, retry_after=retry_after or rest)
    if code == TOKEN:
        # A new token is a person's work; until then the row waits rather than dies.
        return TokenDead(detail, retry_after=DEAD_TOKEN_WAIT)
    if code in TRANSIENT or error.get("is_transient") is True:
        return Busy(detail, retry_after=retry_after)
    return _final(code, subcode, detail)


def _final(code: int, subcode: Any, detail: str) -> ParleyError:
    if subcode in OUTSIDE_WINDOW:
        return OutsideWindow(detail)
    if subcode == RESTRICTED:
        return PageRestricted(detail)
    if code == UNAVAILABLE:
        return PersonUnavailable(detail)
    if code == ALREADY:
        return AlreadyAnswered(detail)
    if code in (3, 10, 230) or 200 <= code <= 299:
        return NotPermitted(detail)
    return Refused(detail)
