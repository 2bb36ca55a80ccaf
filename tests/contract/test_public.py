"""Public questions and dead letters, on every store."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.deadletters import BODY, DeadLetters
from adapters.public import LIFE, Ask, Moved, PublicAsks
from bot.errors import SendPermanent, SendTemporary, SendUncertain
from bot.model import Address, Inbound
from bot.ports import Sql, Store
from tests.contract.conftest import HandClock


@pytest.fixture
def asks(store: Store, clock: HandClock) -> PublicAsks:
    return PublicAsks(store, clock, "page")


class Voice:
    """Says the neutral line, or fails as told."""

    def __init__(self, *failures: Exception) -> None:
        self.said: list[Ask] = []
        self.failures = list(failures)

    async def __call__(self, ask: Ask) -> str:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.said.append(ask)
        return f"post{len(self.said)}"


async def keep(asks: PublicAsks, key: str = "k1", user: str = "ana") -> None:
    await asks.keep(key=key, user=user, place={"chat": -5, "thread": None}, text="my bill?", locale="en-GB")


def inbound(clock: HandClock, user: str = "ana", key: str = "u1") -> Any:
    return lambda text: Inbound(key, "message", clock.now(), Address("larkspur", "page", "telegram", user), text=text)


async def test_a_question_is_answered_once_however_often_it_came(asks: PublicAsks) -> None:
    for _ in range(3):
        await keep(asks)
    voice = Voice()
    assert await asks.answer(voice) == 1
    assert await asks.answer(voice) == 0
    (said,) = voice.said
    assert (said.user, said.place, said.text, said.locale) == ("ana", {"chat": -5, "thread": None}, "my bill?", "en-GB")
    assert len(said.id) <= 64


async def test_two_workers_answer_a_question_once(asks: PublicAsks) -> None:
    for at in range(5):
        await keep(asks, f"k{at}")
    voice = Voice()
    done = await asyncio.gather(*(asks.answer(voice) for _ in range(4)))
    assert sum(done) == 5
    assert len({said.id for said in voice.said}) == len(voice.said) == 5


async def test_another_connections_questions_are_not_ours(asks: PublicAsks, store: Store, clock: HandClock) -> None:
    await keep(PublicAsks(store, clock, "other"))
    assert await asks.answer(Voice()) == 0


async def held(store: Store) -> float | None:
    (row,) = await store.query("SELECT held FROM public_ask")
    value: float | None = row["held"]
    return value


async def test_a_busy_platform_is_asked_again_later_and_a_refusal_is_final(asks: PublicAsks, store: Store) -> None:
    await keep(asks)
    now = await store.database_now()
    assert await asks.answer(Voice(SendTemporary(retry_after=40))) == 0
    assert (await held(store) or 0) >= now + 40
    assert await asks.answer(Voice()) == 0
    await keep(asks, "k2")
    assert await asks.answer(Voice(SendPermanent())) == 0
    rows = await store.query("SELECT key, held FROM public_ask ORDER BY key")
    assert [row["held"] is None for row in rows] == [False, True]


async def test_it_gives_up_after_some_tries(asks: PublicAsks, store: Store) -> None:
    await keep(asks)
    for _ in range(6):
        assert await held(store) is not None
        await store.change([Sql("UPDATE public_ask SET held = 0")])
        await asks.answer(Voice(SendTemporary()))
    assert await held(store) is None


async def test_a_place_that_moved_is_answered_where_it_is(asks: PublicAsks) -> None:
    await keep(asks)
    voice = Voice(Moved({"chat": -9}))
    assert await asks.answer(voice) == 0
    assert await asks.answer(voice) == 1
    assert voice.said[0].place == {"chat": -9}


async def entered(asks: PublicAsks, user: str, make: Any) -> bool:
    voice = Voice()
    await asks.answer(voice)
    return await asks.enter(voice.said[0].id, user, make)


async def test_the_way_in_is_its_askers_alone(asks: PublicAsks, store: Store, clock: HandClock) -> None:
    await keep(asks)
    assert not await entered(asks, "ben", inbound(clock, "ben"))
    assert await store.query("SELECT text FROM inbound") == []


async def test_the_way_in_works_once_and_brings_the_question(asks: PublicAsks, store: Store, clock: HandClock) -> None:
    await keep(asks)
    voice = Voice()
    await asks.answer(voice)
    id_ = voice.said[0].id
    took = await asyncio.gather(*(asks.enter(id_, "ana", inbound(clock, key=f"u{at}")) for at in range(3)))
    assert sorted(took) == [False, False, True]
    assert await store.query("SELECT text FROM inbound") == [{"text": "my bill?"}]
    assert not await asks.enter("nobody's", "ana", inbound(clock))


async def test_the_question_and_what_follows_in_private_are_one_case(
    asks: PublicAsks, store: Store, clock: HandClock
) -> None:
    await keep(asks)
    voice = Voice()
    await asks.answer(voice)
    id_ = voice.said[0].id
    assert await asks.enter(id_, "ana", inbound(clock))
    await store.accept(inbound(clock, key="u2")("and the one before?"))
    (case,) = await store.query("SELECT id, origin, cause, conversation, closed, reference FROM cases")
    (asked,) = await store.query("SELECT conversation FROM public_ask")
    lines = await store.query("SELECT case_id, body FROM entry ORDER BY pos")
    assert (case["id"], case["origin"], case["closed"]) == (id_, "public", None)
    assert case["conversation"] == asked["conversation"]
    assert [line["case_id"] for line in lines] == [id_, id_]
    assert "my bill" not in str(case) and len(case["reference"]) == 9


async def test_a_line_whose_fate_is_unknown_is_said_once_more_and_holds_nobody_up(
    asks: PublicAsks, store: Store
) -> None:
    await keep(asks, "k1")
    await keep(asks, "k2", "ben")
    voice = Voice(SendUncertain())
    assert await asks.answer(voice) == 1
    assert [said.user for said in voice.said] == ["ben"]
    assert await asks.answer(voice) == 0
    await store.change([Sql("UPDATE public_ask SET held = 0 WHERE held IS NOT NULL")])
    assert await asks.answer(Voice(SendUncertain())) == 1
    assert await asks.answer(Voice()) == 0
    rows = await store.query("SELECT post, held FROM public_ask WHERE user_id = 'ana'")
    assert rows == [{"post": "", "held": None}]


async def test_an_old_way_in_is_closed(asks: PublicAsks, clock: HandClock) -> None:
    await keep(asks)
    voice = Voice()
    await asks.answer(voice)
    clock.forward(LIFE)
    assert not await asks.enter(voice.said[0].id, "ana", inbound(clock))


async def test_a_dead_letter_is_kept_once_and_capped(store: Store, clock: HandClock) -> None:
    letters = DeadLetters(store, clock)
    for body in (b"\xff{", b"\xff{", b"x" * (BODY + 1)):
        clock.forward(1)
        await letters.keep(channel="telegram", connection="page", reason="KeyError", body=body)
    newest, first = await letters.newest()
    assert (first.body, first.reason, first.connection) == (b"\xff{", "KeyError", "page")
    assert len(newest.body) == BODY
    assert newest.at > first.at
