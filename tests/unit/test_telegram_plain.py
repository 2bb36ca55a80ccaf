"""Plain words in a private chat are read the same with and without the library's objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.telegram import TelegramSettings, reading
from adapters.telegram.client import Me
from adapters.telegram.errors import Unreadable
from adapters.telegram.plain import plain
from adapters.telegram.reading import Reader

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ME = Me(1, "larkspur_bot")
READER = Reader(TelegramSettings(brand="larkspur", token="1:x", secret="s", commands={"bill": "my bill"}))

IDS = st.integers(1, 2**52) | st.just(7)
ODD: st.SearchStrategy[Any] = st.sampled_from([None, True, "7", 7.5, -7, [], {}])
NAMES = st.text(max_size=8)
LOCALES = st.sampled_from(["en", "en-GB", "x", "!", ""])
PEOPLE = st.sampled_from([False, False, False, True])


def update(**given: Any) -> dict[str, Any]:
    person = {"id": 7, "is_bot": False, "first_name": "Ana", "language_code": "en-GB"}
    chat = {"id": 7, "type": "private", "first_name": "Ana"}
    message = {"message_id": 1, "from": person, "chat": chat, "date": 1763280000, "text": "my bill"}
    return {"update_id": 1, "message": {**message, **given}}


@st.composite
def updates(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly plain, with one thing or another out of place."""
    id_ = draw(IDS)
    person: dict[str, Any] = {"id": id_, "is_bot": draw(PEOPLE), "first_name": "A"}
    chat: dict[str, Any] = {"id": draw(st.just(id_) | IDS), "type": draw(st.sampled_from(["private"] * 4 + ["group"]))}
    message: dict[str, Any] = {
        "message_id": draw(st.integers(1, 2**31)),
        "from": person,
        "chat": chat,
        "date": draw(st.integers(1, 2**33 - 1) | st.sampled_from([0, -1, 2**40, 10**18])),
        "text": draw(st.text(max_size=30) | st.sampled_from(["/bill", "/bill now", "/start abc", "/nothing"])),
    }
    made: dict[str, Any] = {"update_id": draw(st.integers(0, 2**31)), "message": message}
    optional: list[tuple[dict[str, Any], dict[str, st.SearchStrategy[Any]]]] = [
        (person, {"last_name": NAMES, "username": NAMES, "language_code": LOCALES}),
        (chat, {"first_name": NAMES, "last_name": NAMES, "username": NAMES, "is_forum": st.booleans()}),
        (
            message,
            {
                "caption": NAMES,
                "sticker": st.just({"file_id": "f", "file_unique_id": "u", "type": "regular", "width": 1, "height": 1,
                                    "is_animated": False, "is_video": False, "emoji": "x"}),
                "sender_chat": st.just({"id": 9, "type": "channel", "title": "t"}),
                "is_topic_message": st.just(True),
                "message_thread_id": st.integers(1, 9),
                "entities": st.just([{"type": "bold", "offset": 0, "length": 1}]),
                "photo": st.just([{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]),
                "edit_date": st.just(1763280001),
            },
        ),
    ]  # fmt: skip
    for holder, fields in optional:
        for name in draw(st.lists(st.sampled_from(sorted(fields)), max_size=2, unique=True)):
            holder[name] = draw(fields[name])
    if draw(st.integers(0, 3)) == 0:
        holder = draw(st.sampled_from([person, chat, message, made]))
        holder[draw(st.sampled_from(sorted(holder)))] = draw(ODD)
    return made


def read(raw: dict[str, Any]) -> Any:
    try:
        return READER.read(raw, ME, NOW)
    except Unreadable as error:
        return error.detail


@given(updates())
@example(update())
@example(update(text="/bill"))
@example(update(text=""))
@example(update(date=0))
def test_it_reads_what_the_library_reads(raw: dict[str, Any]) -> None:
    quick = read(raw)
    with patch.object(reading, "plain", return_value=None):
        assert quick == read(raw)


def test_only_what_is_as_plain_as_this_goes_the_quick_way() -> None:
    assert plain(update()) is not None
    others: tuple[dict[str, Any], ...] = (
        {"text": "/bill"},
        {"entities": []},
        {"text": ""},
        {"date": "now"},
        {"sticker": {}},
    )
    for other in others:
        assert plain(update(**other)) is None
