"""What the Web API's refusals mean for a send (https://docs.slack.dev/reference/methods/chat.postMessage#errors)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.errors import ParleyError, Permanent, SendPermanent, SendTemporary, SendUncertain

LIMITS = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
TOKEN = frozenset(
    {
        "account_inactive", "ekm_access_denied", "invalid_auth", "no_permission", "not_allowed_token_type",
        "not_authed", "org_login_required", "team_access_not_granted", "token_expired", "token_revoked",
    }
)  # fmt: skip
BUSY = frozenset({"request_timeout", "service_unavailable", "team_added_to_org"})
PERHAPS = frozenset({"fatal_error", "internal_error"})
"""Slack says of these that part of the call may have been done."""
UNREACHABLE = frozenset(
    {
        "cannot_dm_bot", "channel_not_found", "im_disabled", "user_disabled", "user_is_bot", "user_not_found",
        "user_not_visible", "users_not_found",
    }
)  # fmt: skip
DEAD_TOKEN_WAIT = 120.0
WAIT = 1.0


class TooFast(SendTemporary):
    """Slack asks for fewer messages."""


class TokenDead(SendTemporary):
    """Slack does not accept the bot's token. Install the app again and give its new token."""


class ScopeMissing(TokenDead):
    """The bot's token lacks a scope. Add it under OAuth & Permissions, install the app again and give its token."""


class Busy(SendTemporary):
    """Slack could not take the message now."""


class Unreachable(SendTemporary):
    """Slack could not be reached."""


class PersonUnavailable(SendPermanent):
    """Slack knows no such person, or they cannot be written to."""


class Refused(SendPermanent):
    """Slack refused the message."""


class Unreadable(Permanent):
    """The event is not as Slack's documentation says."""


def meaning(error: Exception) -> ParleyError:
    """The error of ours that says what to do. Of Slack's answer only its short code is kept."""
    if isinstance(error, SlackApiError):
        return _answered(error)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return Unreachable(type(error).__name__)
    return SendUncertain(type(error).__name__)


FAILURES = (SlackClientError, aiohttp.ClientError, TimeoutError, AttributeError, ValueError)
"""What the library raises: its own errors, the connection's, and the last two on an answer that is no JSON object."""


def _answered(error: SlackApiError) -> ParleyError:
    response: Any = error.response
    status = getattr(response, "status_code", getattr(response, "status", 0))
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, Mapping) else None
    code = code[:60] if isinstance(code, str) else ""
    if status == 429 or code in LIMITS:
        return TooFast(f"({code})" if code else "", retry_after=_retry_after(response))
    if not code or code in PERHAPS:
        return SendUncertain(f"({code or f'HTTP {status}'})")
    if code == "missing_scope":
        return ScopeMissing(retry_after=DEAD_TOKEN_WAIT)
    if code in TOKEN:
        # A new token is a person's work; until then the row waits rather than dies.
        return TokenDead(f"({code})", retry_after=DEAD_TOKEN_WAIT)
    if code in BUSY:
        return Busy(f"({code})")
    return PersonUnavailable(f"({code})") if code in UNREACHABLE else Refused(f"({code})")


def _retry_after(response: Any) -> float:
    header = str((getattr(response, "headers", None) or {}).get("Retry-After", ""))
    return float(header) if header.isascii() and header.isdecimal() else WAIT
