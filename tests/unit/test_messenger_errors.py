"""What each of the Graph API's refusals means, and how a Page rests."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.messenger.errors import (
    AlreadyAnswered,
    Busy,
    NotPermitted,
    OutsideWindow,
    PageRestricted,
    PersonUnavailable,
    Refused,
    TokenDead,
    TooFast,
    meaning,
)
from adapters.messenger.pause import Pause
from bot.errors import ParleyError, SendPermanent, SendTemporary, SendUncertain
from bot.model import Address, Outbound
from bot.ports import OutboxClaim
from tests.contract.rigs.base import HandClock, memory_store

HELD = OutboxClaim(
    conversation="c1",
    address=Address("b", "messenger", "messenger", "1"),
    epoch=1,
    seq=1,
    n=0,
    said=Outbound("x"),
    purpose="reply",
    tries=0,
    uncertain=False,
    last_inbound_at=None,
    party="bot",
    created_at=datetime(2026, 11, 3, tzinfo=UTC),
    locale=None,
)


def refused(code: int, subcode: int | None = None, **more: Any) -> ParleyError:
    error = {"message": "Malformed access token EAAsecret", "code": code, "error_subcode": subcode, **more}
    return meaning(400, {"error": error}, retry_after=None, rest=60)


@pytest.mark.parametrize(
    ("code", "subcode", "kind", "base"),
    [
        (1, None, Busy, SendTemporary),
        (2, None, Busy, SendTemporary),
        (1200, None, Busy, SendTemporary),
        (4, None, TooFast, SendTemporary),
        (17, None, TooFast, SendTemporary),
        (32, None, TooFast, SendTemporary),
        (613, None, TooFast, SendTemporary),
        (80004, None, TooFast, SendTemporary),
        (10, 2018278, OutsideWindow, SendPermanent),
        (10, 2534022, OutsideWindow, SendPermanent),
        (10, 1893063, PageRestricted, SendPermanent),
        (10, None, NotPermitted, SendPermanent),
        (100, 2018001, Refused, SendPermanent),
        (100, 2018034, Refused, SendPermanent),
        (100, 1893061, Refused, SendPermanent),
        (190, 463, TokenDead, SendTemporary),
        (200, 2018108, NotPermitted, SendPermanent),
        (230, None, NotPermitted, SendPermanent),
        (551, 1545041, PersonUnavailable, SendPermanent),
        (10900, None, AlreadyAnswered, SendPermanent),
        (368, None, Refused, SendPermanent),
        (99999, None, Refused, SendPermanent),
    ],
)
def test_each_code_has_its_meaning_and_none_of_metas_words(
    code: int, subcode: int | None, kind: type[Exception], base: type[Exception]
) -> None:
    found = refused(code, subcode)
    assert type(found) is kind
    assert isinstance(found, base)
    assert str(code) in str(found)
    assert "EAA" not in str(found)


def test_meta_may_say_itself_that_a_failure_will_pass() -> None:
    assert type(refused(99999, is_transient=True)) is Busy


@pytest.mark.parametrize("body", [None, [], "x", {}, {"error": "x"}, {"error": {"code": "190"}}])
def test_an_answer_of_some_machine_between_tells_nothing(body: object) -> None:
    assert type(meaning(502, body, retry_after=None, rest=60)) is SendUncertain
    assert type(meaning(429, body, retry_after=None, rest=60)) is TooFast


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (None, 60.0)])
def test_a_limit_lasts_as_long_as_meta_says_or_we_think(asked: float | None, waits: float) -> None:
    found = meaning(400, {"error": {"code": 4}}, retry_after=asked, rest=60)
    assert isinstance(found, TooFast)
    assert found.retry_after == waits


async def test_a_page_rests_for_all_but_the_message_that_was_refused() -> None:
    now = 100.0
    async with memory_store(HandClock()) as store:
        pause, other = Pause(store, "page", lambda: now), replace(HELD, conversation="c2")
        await pause.check(other)
        await pause.begin(HELD, TooFast(retry_after=30))
        await pause.check(HELD)
        with pytest.raises(TooFast) as raised:
            await pause.check(other)
        assert raised.value.retry_after == 30
        # Another send, begun before, ends well: that tells nothing.
        await pause.end(other)
        with pytest.raises(TooFast):
            await pause.check(other)
        await pause.end(HELD)
        await pause.check(other)
