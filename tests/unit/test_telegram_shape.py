"""What Telegram may be sent, and what its refusals mean."""

from __future__ import annotations

import httpx
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from adapters.render import Button, Opens, Part
from adapters.telegram import errors, shape
from bot.errors import ParleyError, Permanent, SendUncertain, Temporary


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("https://chat.example/link/x", True),
        ("http://chat.example/x", True),
        ("https://8.8.8.8/x", True),
        ("http://127.0.0.1:8080/link/x", False),
        ("http://localhost/x", False),
        ("https://[::1]/x", False),
        ("https://10.0.0.7/x", False),
        ("https://host.docker.internal/x", False),
        ("ftp://chat.example/x", False),
        ("nonsense", False),
    ],
)
def test_buttons_open_addresses_that_a_phone_can_reach(url: str, opens: bool) -> None:
    assert shape.opens(url) is opens


@pytest.mark.parametrize(("text", "units"), [("abc", 3), ("é", 1), ("😀", 2), ("👨‍👩‍👧", 8), ("", 0)])
def test_length_is_in_utf16_units(text: str, units: int) -> None:
    assert shape.utf16(text) == units


def labels(part: Part) -> list[list[str]]:
    made = shape.keyboard(part)
    return [] if made is None else [[button.text for button in row] for row in made.inline_keyboard]


def test_short_labels_stand_side_by_side_and_long_ones_beneath_each_other() -> None:
    short = tuple(Button(name, "n") for name in ("Yes", "No", "Maybe", "Later"))
    assert labels(Part("?", short)) == [["Yes", "No", "Maybe"], ["Later"]]
    assert labels(Part("?", (Button("Yes, cancel it", "n"), Button("No", "m")))) == [["Yes, cancel it"], ["No"]]
    assert labels(Part("?", links=(Opens("Approve", "https://a.example/x"),))) == [["Approve"]]
    assert labels(Part("?")) == []


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "meaning", "family"),
    [
        (RetryAfter(31), errors.TooFast, Temporary),
        (Forbidden("Forbidden: bot was blocked by the user"), errors.Blocked, Permanent),
        (BadRequest("Bad Request: chat not found"), errors.Refused, Permanent),
        (ChatMigrated(-5), errors.ChatMoved, Temporary),
        (InvalidToken(), errors.TokenDead, Temporary),
        (Conflict("terminated by other getUpdates"), errors.AnotherReader, Temporary),
        (TimedOut(), SendUncertain, Temporary),
        (caused(TimedOut(), httpx.ReadTimeout("")), SendUncertain, Temporary),
        (caused(TimedOut(), httpx.PoolTimeout("")), errors.Unreachable, Temporary),
        (caused(TimedOut(), httpx.ConnectTimeout("")), errors.Unreachable, Temporary),
        (caused(NetworkError("x"), httpx.ConnectError("")), errors.Unreachable, Temporary),
        (caused(NetworkError("x"), httpx.ReadError("")), SendUncertain, Temporary),
        (NetworkError("Bad Gateway"), SendUncertain, Temporary),
        (TelegramError("Invalid server response"), SendUncertain, Temporary),
    ],
    ids=repr,
)
def test_each_refusal_means_something(error: TelegramError, meaning: type[ParleyError], family: type) -> None:
    found = errors.meaning(error)
    assert type(found) is meaning
    assert isinstance(found, family)


def test_how_long_to_wait_is_kept() -> None:
    found = errors.meaning(RetryAfter(31))
    assert isinstance(found, Temporary)
    assert found.retry_after == 31


def test_a_rejected_tokens_message_is_not_repeated() -> None:
    assert "110201543:AAF" not in str(errors.meaning(InvalidToken("The token `110201543:AAF` was rejected")))
    assert "110201543:AAF" not in str(errors.meaning(NetworkError("httpx.ReadError: https://x/bot110201543:AAF/getMe")))
