"""What every recogniser must do, whichever backend reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.model import Control, Parse
from bot.ports import Recogniser, Tended
from bot.settings import NluSettings
from nlu import build
from nlu.rasa.fake import FakeRasa
from tests import rasa

T = TypeVar("T")
NLU = Path(__file__).parents[2] / "brands" / "larkspur" / "nlu" / "nlu.yml"
BACKENDS = [
    "embedded",
    "rasa, faked",
    pytest.param("rasa", marks=pytest.mark.long),
    "rasa-then-embedded, no rasa",
]

ODD = {
    "nothing": "",
    "space": " \t\n ",
    "emoji": "😀🎉🇬🇧👨‍👩‍👧‍👦",
    "long": "why is my bill so high " * 435,
    "one long word": "a" * 10_000,
    "long emoji": "😀" * 10_000,
    "digits": "1" * 10_000,
    "control characters": "\x00\x01bill\x07\x1b[31m\x7f\u200b\ufeff",
    "lone surrogate": "bill \ud83d",
    "right to left": "أريد إلغاء الخصم المباشر \u202eillb ym\u202c",
    "combining": "b̴̛i̷l̶l̵" * 50,
    "markup": "<script>alert(1)</script> [bill](intent){} {{x}} %s \\",
    "brackets": "((((((((((((((((((((" * 100,
    "other letters": "Größe İstanbul ſ ß 漢字 ไทย",
}


class OnItsLoop:
    """A recogniser on an event loop of its own, as a served site keeps it; asked from any other."""

    def __init__(self, behind: Recogniser, loop: asyncio.AbstractEventLoop) -> None:
        self.behind, self._loop = behind, loop

    def control(self, text: str, locale: str | None = None) -> Control | None:
        return self.behind.control(text, locale)

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        return await asyncio.wrap_future(self._there(self.behind.parse(text, locale)))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._there(work).result(60)

    def _there(self, work: Coroutine[Any, Any, T]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module", params=BACKENDS)
def recogniser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnItsLoop]:
    cache = tmp_path_factory.getbasetemp() / "nlu-cache"

    def made(backend: Any, url: str) -> Recogniser:
        given = NluSettings(backend=backend, rasa=rasa.settings(url))
        return build([NLU], cache, lambda: date(2026, 11, 22), given=given)

    async def opened(stack: AsyncExitStack) -> Recogniser:
        nowhere = f"http://127.0.0.1:{rasa.free_port()}"
        if request.param == "embedded":
            return made("embedded", nowhere)
        if request.param == "rasa-then-embedded, no rasa":
            found = made("rasa-then-embedded", nowhere)
        elif request.param == "rasa":
            found = made("rasa", rasa.real().url)
        else:
            found = made("rasa", await stack.enter_async_context(rasa.served(FakeRasa(made("embedded", nowhere)))))
        assert isinstance(found, Tended)
        stack.push_async_callback(found.close)
        await found.begin()
        return found

    with running_loop() as loop:
        stack = AsyncExitStack()
        there = OnItsLoop(asyncio.run_coroutine_threadsafe(opened(stack), loop).result(rasa.WITHIN), loop)
        try:
            yield there
        finally:
            there.wait(stack.aclose())


@pytest.fixture(autouse=True)
def reads_as_it_should(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where Rasa is meant, Rasa reads: a stand-in's answer must not pass for its."""
    yield
    named = request.node.callspec.params.get("recogniser", "")
    if named.startswith("rasa"):
        behind: Any = request.getfixturevalue("recogniser").behind
        assert behind.watch.up == ("no rasa" not in named), behind.watch.why


def check(text: str, parse: Parse) -> None:
    assert 0 <= parse.confidence <= 1
    assert all(0 <= chance <= 1 for _, chance in parse.ranking)
    assert [c for _, c in parse.ranking] == sorted((c for _, c in parse.ranking), reverse=True)
    assert len(dict(parse.ranking)) == len(parse.ranking)
    assert "oos" not in {parse.intent, *dict(parse.ranking)}
    assert all(text[e.start : e.end] == e.text and e.text for e in parse.entities)
    assert parse.backend and parse.model and parse.locale and parse.ms >= 0
    if parse.intent:
        assert parse.ranking[0] == (parse.intent, parse.confidence)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_odd_text_is_read_without_complaint(recogniser: OnItsLoop, text: str) -> None:
    assert recogniser.control(text) is None
    parse = await recogniser.parse(text)
    check(text, parse)
    assert parse.ms < 1000


@pytest.mark.slow
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_is_read(recogniser: OnItsLoop, text: str) -> None:
    assert recogniser.control(text) in (None, "human", "stop")
    check(text, asyncio.run(recogniser.parse(text)))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["agent please", "Can I speak to someone?", "human", "I want to speak to a manager"])
async def test_a_person_is_asked_for(recogniser: OnItsLoop, text: str) -> None:
    assert recogniser.control(text) == "human"
    assert (await recogniser.parse(text)).intent == "human"


@pytest.mark.parametrize("text", ["stop", "Stop!", "never mind", "forget it"])
async def test_stop_is_said(recogniser: OnItsLoop, text: str) -> None:
    assert recogniser.control(text) == "stop"
    assert (await recogniser.parse(text)).intent == "stop"


@pytest.mark.parametrize("text", ["stop my direct debit", "is there a person I can pay", "cancel it"])
async def test_a_command_takes_the_whole_message(recogniser: OnItsLoop, text: str) -> None:
    assert recogniser.control(text) is None
    assert (await recogniser.parse(text)).intent not in ("human", "stop")


async def test_intent_and_entities_in_one_answer(recogniser: OnItsLoop) -> None:
    text = "Why was my October bill £14.20 more?"
    parse = await recogniser.parse(text)
    check(text, parse)
    assert parse.intent == "bill_change"
    assert {(e.name, e.value) for e in parse.entities} == {("month", "2026-10"), ("amount", 1420)}


async def test_nothing_fits_is_said_with_no_intent(recogniser: OnItsLoop) -> None:
    parse = await recogniser.parse("purple elephants juggling teapots")
    check("purple elephants juggling teapots", parse)
    assert parse.intent == ""


async def test_many_at_once_are_each_answered_for_themselves(recogniser: OnItsLoop) -> None:
    texts = ["cancel my direct debit", "show my bill", "hello", "when is my bill due"] * 25
    alone = [(await recogniser.parse(t)).intent for t in texts[:4]]
    together = await asyncio.gather(*(recogniser.parse(t) for t in texts))
    assert alone == ["cancel_direct_debit", "bill", "greet", "bill_due"]
    assert [p.intent for p in together] == alone * 25


async def test_the_locale_is_kept(recogniser: OnItsLoop) -> None:
    assert (await recogniser.parse("hello", "en-US")).locale == "en-US"
    assert (await recogniser.parse("hello")).locale == "en-GB"
