"""Logs hold no message text, token, code or secret, whoever writes them."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest

from bot.errors import StoreUnavailable
from bot.observe import REQUEST, logger
from tests.logged import logged


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with logged() as stream:
        yield stream


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]


def test_a_line_is_json_with_level_time_logger_and_fields(lines: io.StringIO) -> None:
    logger("parley.web").info("request", route="chat", status=200, ms=1.5)
    (line,) = read(lines)
    assert line["event"] == "request"
    assert (line["level"], line["logger"], line["route"], line["status"], line["ms"]) == (
        "info", "parley.web", "chat", 200, 1.5,
    )  # fmt: skip
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    "name", ["text", "token", "authorization", "code", "nonce", "cookie", "secret", "state", "url"]
)
def test_a_field_of_a_hidden_name_is_hidden_at_any_depth(lines: io.StringIO, name: str) -> None:
    logger("x").info("seen", **{name: "my bill"}, deep={"list": [{name: "my bill"}]})
    assert "my bill" not in lines.getvalue()


@pytest.mark.parametrize(
    "leak",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoiZGxfMSJ9.c2lnbmF0dXJl",
        "Bearer s3cr3t-value",
        "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
        "xoxb-123-456-abcdef",
        "EAAGm0PX4ZCpsBAKZCZBabcdefghij",
        "t=JpzUj4E0cYQ",
        "q9Yx0mW3Jt6s1Vb8Rk2Lp5Nd7Hf4Gc0Az-Xe_Ui1OyT",
    ],
)
def test_what_looks_like_a_credential_is_hidden_in_any_text(lines: io.StringIO, leak: str) -> None:
    logger("x").info(f"called https://host/link?{leak} end")
    logging.getLogger("library").warning("GET %s", f"https://host/path?{leak}")
    logger("x").info("plain", note=f"saw {leak if '=' not in leak else '?' + leak}")
    assert leak not in lines.getvalue()
    assert len(read(lines)) == 3


def test_a_handle_in_a_path_is_hidden_and_a_conversation_id_is_not(lines: io.StringIO) -> None:
    logger("x").info("opened /link/abcDEF123_-x", conversation="0123456789abcdef0123456789abcdef")
    assert "abcDEF123" not in lines.getvalue()
    assert "0123456789abcdef0123456789abcdef" in lines.getvalue()


def test_an_exception_is_logged_by_type_and_place_never_by_its_message(lines: io.StringIO) -> None:
    try:
        try:
            int("cancel my direct debit")
        except ValueError as error:
            raise StoreUnavailable("disk full") from error
    except StoreUnavailable:
        logger("x").exception("failed")
    (line,) = read(lines)
    assert "cancel my direct debit" not in lines.getvalue()
    chain = line["failure"]["chain"]  # type: ignore[index]
    assert [link["type"] for link in chain] == ["bot.errors.StoreUnavailable", "builtins.ValueError"]
    assert "disk full" in chain[0]["says"]
    assert "test_web_logs.py" in chain[0]["at"][-1]


def test_a_librarys_exception_and_body_are_not_logged(lines: io.StringIO) -> None:
    try:
        raise RuntimeError("cancel my direct debit")
    except RuntimeError:
        logging.getLogger("library").exception("unhandled\nbody=cancel my direct debit")
    logging.getLogger("httpx").info("GET https://api.example/bot1:secret/getMe")
    (line,) = read(lines)
    assert line["event"] == "unhandled"
    assert "cancel my direct debit" not in lines.getvalue()


def test_our_own_plain_loggers_keep_their_fields_and_a_librarys_are_dropped(lines: io.StringIO) -> None:
    extra = {"conversation": "c1", "text": "cancel my direct debit", "tries": 2}
    logging.getLogger("parley.turn").warning("turn failed", extra=extra)
    logging.getLogger("library").warning("failed", extra={"conversation": "cancel my direct debit"})
    ours, theirs = read(lines)
    assert (ours["conversation"], ours["tries"], ours["text"]) == ("c1", 2, "[hidden]")
    assert "conversation" not in theirs
    assert "cancel my direct debit" not in lines.getvalue()


async def test_lines_of_one_pass_are_written_at_its_end_and_a_warning_brings_them_at_once(lines: io.StringIO) -> None:
    log = logger("x")
    log.info("first", n=1)
    log.info("second", n=2)
    assert lines.getvalue() == ""
    await asyncio.sleep(0)
    assert [line["event"] for line in read(lines)] == ["first", "second"]
    log.info("third")
    log.warning("fourth")
    assert [line["event"] for line in read(lines)][2:] == ["third", "fourth"]
    log.info("fifth")
    await asyncio.to_thread(log.info, "from a thread")
    await asyncio.sleep(0)
    assert sorted(str(line["event"]) for line in read(lines)[4:]) == ["fifth", "from a thread"]


async def test_a_line_that_cannot_be_made_takes_no_other_with_it(lines: io.StringIO) -> None:
    log = logger("parley.test")
    log.info("first")
    log.info("broken", name="half an emoji \ud83d")
    log.info("last")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    said = [msgspec.json.decode(line) for line in lines.getvalue().splitlines()]
    assert [one["event"] for one in said] == ["first", "log line lost", "last"]
    assert said[1]["failure"] == "UnicodeEncodeError"


def test_what_was_said_last_is_written_though_its_loop_has_ended(lines: io.StringIO) -> None:
    loop = asyncio.new_event_loop()

    def last() -> None:
        loop.stop()
        logger("x").info("goodbye")

    loop.call_soon(last)
    loop.run_forever()
    loop.close()
    assert lines.getvalue() == ""
    # As `logging.shutdown` does when the interpreter ends.
    logging.getLogger().handlers[0].flush()
    logger("x").info("in no loop")

    async def another() -> None:
        logger("x").info("hello")
        await asyncio.sleep(0)

    asyncio.run(another())
    assert [line["event"] for line in read(lines)] == ["goodbye", "in no loop", "hello"]


async def test_a_line_has_the_time_and_the_request_that_it_was_given_in(lines: io.StringIO) -> None:
    REQUEST.set("r1")
    before = datetime.now(UTC).isoformat()
    logger("x").info("given")
    after = datetime.now(UTC).isoformat()
    REQUEST.set("r2")
    await asyncio.sleep(0.01)
    (line,) = read(lines)
    assert line["request"] == "r1"
    assert before[:-6] <= str(line["timestamp"])[:-1] <= after[:-6]
