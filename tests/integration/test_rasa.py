"""Rasa's client against the fake: faults, the breaker and its return, what is sent and what is taken."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot import assembly, checking
from bot.configuration import load_settings
from bot.model import Control, Entity, Parse
from bot.ports import Recogniser
from bot.settings import HOME, NluSettings, RasaSettings
from nlu import live
from nlu.data import load
from nlu.factory import asking_rasa, build, learnt
from nlu.rasa.client import Client, unslashed
from nlu.rasa.errors import RasaDown, RasaGarbled
from nlu.rasa.examples import fingerprint
from nlu.rasa.fake import FakeRasa, Mode
from nlu.rasa.recogniser import Again, RasaRecogniser
from nlu.rasa.watch import FAILURES, GREETING, OWN
from tests.rasa import free_port, served

BRAND = Path(__file__).parents[2] / "brands" / "larkspur" / "nlu" / "nlu.yml"
TEXT = "I would quite like to see what I owe this month"
BROKEN = [mode for mode in get_args(Mode) if mode not in ("well", "slow", "untrained")]


class Said:
    """A recogniser that reads every text as one intent."""

    def __init__(self, intent: str, entities: tuple[Entity, ...] = ()) -> None:
        self.intent, self.entities = intent, entities
        self.read: list[str] = []

    def control(self, text: str, locale: str | None = None) -> Control | None:
        return None

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        self.read.append(text)
        ranking = ((self.intent, 0.8), ("bill", 0.15)) if self.intent else (("bill", 0.2),)
        entities = self.entities if text != GREETING else ()
        return Parse(self.intent, ranking[0][1], ranking, entities, locale or "en-GB", "embedded", "stand-in", 0.1)


# Each waits in real time for what a hung or broken server does; the contract tests give the quick look.
pytestmark = pytest.mark.slow

DATA = load([BRAND])


def recogniser(url: str, standin: Recogniser | None = None, **given: object) -> RasaRecogniser:
    settings = RasaSettings.model_validate({"url": url, "timeout": 5.0, "look": 0.05} | given)
    return asking_rasa(DATA, lambda: date(2026, 11, 22), settings, standin)


def impatient(made: RasaRecogniser, seconds: float = 0.25) -> None:
    """Wait no longer for an answer than this; a busy machine needs more where one is to come."""
    made.client.given = made.client.given.model_copy(update={"timeout": seconds})


@asynccontextmanager
async def tended(made: RasaRecogniser) -> AsyncIterator[RasaRecogniser]:
    """Begun, kept going, and closed."""
    await made.begin()
    going = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        await made.stop()
        await going
        await made.close()


async def until(made: RasaRecogniser, up: bool, within: float = 20.0) -> None:
    """Wait until the watch finds Rasa so."""
    began = time.monotonic()
    while made.watch.up != up:
        assert time.monotonic() - began < within, made.watch.why
        await asyncio.sleep(0.01)


# Well


async def test_rasa_reads_what_no_rule_does() -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("greet")
    async with served(fake) as url, tended(recogniser(url, standin)) as made:
        read = await made.parse(TEXT, "en-IE")
        assert (read.intent, read.backend, read.model, read.locale) == ("bill_due", "rasa", "fake", "en-IE")
        assert read.ranking == (("bill_due", 0.8), ("bill", 0.15)) and read.confidence == 0.8 and read.ms > 0
        assert (await made.parse("stop")).backend == "rules"
        assert (await made.parse("cancel my direct debit")).confidence == 1.0
        assert made.control("agent please") == "human"
        assert await made.ready() == "Rasa reads, model fake"
        # Its trial on coming up, and the one text that needed it.
        assert fake.asked == ["hello", TEXT]
        assert standin.read == []


async def test_nothing_sure_and_out_of_scope_are_no_intent_and_the_ranking_stays() -> None:
    async with served(FakeRasa(Said(""))) as url, tended(recogniser(url)) as made:
        read = await made.parse(TEXT)
        assert (read.intent, read.ranking, read.confidence) == ("", (("bill", 0.2),), 0.2)
    async with served(FakeRasa(Said("oos"))) as url, tended(recogniser(url)) as made:
        read = await made.parse(TEXT)
        assert (read.intent, read.ranking) == ("", (("bill", 0.15),))


async def test_entities_are_normalised_and_rasas_own_come_beside_them() -> None:
    text = "  show me what I pay Wibble for march, and the Phone too"
    at = text.index("Wibble"), text.index("march"), text.index("show")
    lead = len(text) - len(text.lstrip())
    found = tuple(
        Entity(name, "", text[start:end], start - lead, end - lead)
        for name, start, end in [
            ("payee", at[0], at[0] + 6),  # in no table
            ("month", at[1], at[1] + 5),  # the grammar's own
            ("amount", at[2], at[2] + 4),  # no sum by the grammar
            ("colour", at[2], at[2] + 4),  # no entity of this brand's
        ]
    )
    async with served(FakeRasa(Said("bill", found))) as url, tended(recogniser(url)) as made:
        read = await made.parse(text)
    assert read.backend == "rasa"
    assert all(text[one.start : one.end] == one.text for one in read.entities)
    assert [(one.name, one.value, one.text) for one in read.entities] == [
        ("payee", "wibble", "Wibble"), ("month", "2026-03", "march"), ("service", "mobile", "Phone"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["/cancel_direct_debit", "/receipts now", " /human", "//stop now", '/bill{"month": "2026-01"}', "/ /x"]
)
async def test_nobody_can_name_an_intent_to_rasa_with_a_slash(text: str) -> None:
    fake = FakeRasa(Said("greet"))
    async with served(fake) as url, tended(recogniser(url)) as made:
        read = await made.parse(text)
        assert not any(one.strip().startswith("/") for one in fake.asked)
        # Read as words, by the rules, the examples or Rasa; what stands behind the slash is named by nobody.
        assert read.intent == (await made.parse(text.replace("/", " "))).intent


@given(text=st.text(max_size=80))
def test_what_is_sent_is_as_long_and_begins_with_no_slash(text: str) -> None:
    sent = unslashed(text)
    assert len(sent) == len(text)
    assert not sent.strip().startswith("/")
    sent.encode()


async def test_the_token_is_shown_and_stands_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fake = FakeRasa(Said("bill_due"), token="s3cret-t0ken")
    async with served(fake) as url:
        async with tended(recogniser(url, token=SecretStr("s3cret-t0ken"))) as made:
            assert (await made.parse(TEXT)).intent == "bill_due"
            fake.mode = "error"
            for _ in range(FAILURES):
                await made.parse(TEXT)
            with pytest.raises(RasaDown) as refused:
                await made.ready()
        async with tended(recogniser(url, token=SecretStr("wrong-t0ken"))) as made:
            assert made.watch.why == "Rasa does not answer. Status 401."
    assert "t0ken" not in caplog.text + str(refused.value) and TEXT not in caplog.text


# Faults


@pytest.mark.parametrize("mode", BROKEN)
async def test_whatever_rasa_does_the_stand_in_reads_in_time(mode: Mode) -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("pay_bill")
    async with served(fake) as url, tended(recogniser(url, standin, look=60.0)) as made:
        assert (await made.parse(TEXT)).backend == "rasa"
        if mode == "outside":
            fake._reads = Said("bill_due", (Entity("service", "x", "x", 0, 1),))
        fake.mode = mode
        impatient(made)
        for _ in range(FAILURES):
            began = time.monotonic()
            read = await made.parse(TEXT)
            assert (read.intent, read.backend) == ("pay_bill", "embedded")
            assert time.monotonic() - began < 5.0
        assert not made.watch.up
        asked = len(fake.asked)
        assert (await made.parse(TEXT)).backend == "embedded"
        assert len(fake.asked) == asked, "it is still asked"


async def test_that_it_is_there_does_not_make_up_for_what_it_could_not_read() -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("pay_bill")
    async with served(fake) as url, tended(recogniser(url, standin, look=60.0)) as made:
        assert (await made.parse(TEXT)).backend == "rasa"
        fake.mode = "garbage"
        for _ in range(FAILURES - 1):
            await made.parse(TEXT)
        assert made.watch.up
        assert not await made.watch.look()
        said = await made.ready()
        assert said.startswith("the embedded recogniser reads, without Rasa: Rasa ")


@pytest.mark.parametrize("mode", [*BROKEN, "untrained"])
async def test_it_comes_back_by_itself_and_only_when_it_reads(mode: Mode) -> None:
    fake = FakeRasa(Said("bill_due"))
    fake.mode = mode
    async with served(fake) as url, tended(recogniser(url, Said("pay_bill"), timeout=0.25)) as made:
        await asyncio.sleep(0.3)
        assert not made.watch.up
        assert (await made.parse(TEXT)).backend == "embedded"
        fake.mode = "well"
        impatient(made, 5.0)
        await until(made, True)
        assert (await made.parse(TEXT)).backend == "rasa"


async def test_one_failure_is_tried_again_and_forgotten() -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("pay_bill")

    async def mend() -> None:
        while fake.mode == "error":
            await asyncio.sleep(0)
            if len(fake.asked) > asked:
                fake.mode = "well"

    async with served(fake) as url, tended(recogniser(url, standin, look=60.0)) as made:
        for _ in range(FAILURES * 2):
            asked = len(fake.asked)
            fake.mode = "error"
            mending = asyncio.create_task(mend())
            assert (await made.parse(TEXT)).backend == "rasa"
            await mending
            assert len(fake.asked) == asked + 2
        assert made.watch.up and standin.read == []


async def test_gone_and_there_again_on_the_same_port() -> None:
    fake, standin, port = FakeRasa(Said("bill_due")), Said("pay_bill"), free_port()
    async with tended(recogniser(f"http://127.0.0.1:{port}", standin)) as made:
        assert (await made.parse(TEXT)).backend == "embedded"
        assert await made.ready() == (
            "the embedded recogniser reads, without Rasa: Rasa does not answer. Nothing listens there."
        )
        for _ in range(2):
            async with served(fake, port):
                await until(made, True)
                assert (await made.parse(TEXT)).backend == "rasa"
            await until(made, False)
            assert (await made.parse(TEXT)).backend == "embedded"


async def test_a_rasa_that_is_not_looked_after_notices_by_itself_that_it_hangs() -> None:
    fake = FakeRasa(Said("bill_due"))
    async with served(fake) as url, tended(recogniser(url, Said("pay_bill"))) as made:
        assert made.watch.up
        fake.mode = "hung"
        impatient(made)
        await until(made, False)
        assert "No answer within 0.25 s" in made.watch.why


async def test_a_model_of_other_examples_is_not_asked() -> None:
    async with (
        served(FakeRasa(Said("bill_due"), model="parley-000000000000-000000")) as url,
        tended(recogniser(url, Said("pay_bill"))) as made,
    ):
        assert (await made.parse(TEXT)).backend == "embedded"
        assert "make rasa" in await made.ready() and "parley-000000000000" in await made.ready()
    for model in (f"parley-{fingerprint(DATA)}-123456", "my-own-model"):
        async with served(FakeRasa(Said("bill_due"), model=model)) as url, tended(recogniser(url)) as made:
            assert (await made.parse(TEXT)).model == model


# Alone


async def test_alone_it_is_not_ready_without_rasa_and_rules_go_on() -> None:
    async with tended(recogniser(f"http://127.0.0.1:{free_port()}")) as made:
        with pytest.raises(RasaDown, match="Nothing listens there"):
            await made.ready()
        assert (await made.parse("agent please")).intent == "human"
        assert (await made.parse("cancel my direct debit")).intent == "cancel_direct_debit"
        read = await made.parse("when did I pay £20 in march, and who for")
        assert (read.intent, read.confidence, read.backend, read.ranking) == ("", 0.0, "none", ())
        assert [one.name for one in read.entities] == ["amount", "month"]


async def test_before_it_is_begun_and_after_it_is_closed_nothing_is_raised() -> None:
    made = recogniser(f"http://127.0.0.1:{free_port()}", Said("pay_bill"))
    assert (await made.parse(TEXT)).intent == "pay_bill"
    await made.begin()
    await made.close()
    await made.close()
    assert (await made.parse(TEXT)).intent == "pay_bill"
    with pytest.raises(RasaDown):
        await Client(RasaSettings()).parse(TEXT)


# Many


async def test_200_at_once_are_all_read_and_rasa_is_asked_a_few_at_a_time() -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("pay_bill")
    fake.mode = "slow"
    async with served(fake) as url, tended(recogniser(url, standin, look=60.0, at_once=4)) as made:
        read = await asyncio.gather(*(made.parse(f"{TEXT} {n}") for n in range(200)))
        assert sum(one.backend == "rasa" for one in read) == 4
        assert {one.intent for one in read} == {"bill_due", "pay_bill"}
        assert fake.most_at_once == 4
        assert made.watch.up, "to be busy is no failure"


async def test_alone_they_wait_their_turn() -> None:
    fake = FakeRasa(Said("bill_due"))
    async with served(fake) as url, tended(recogniser(url, timeout=20.0, look=60.0, at_once=4)) as made:
        read = await asyncio.gather(*(made.parse(f"{TEXT} {n}") for n in range(200)))
        assert {one.backend for one in read} == {"rasa"}
        assert fake.most_at_once <= 4


async def test_dying_among_200_costs_none_of_them() -> None:
    fake, standin = FakeRasa(Said("bill_due")), Said("pay_bill")
    fake.mode = "slow"
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(fake))
        async with tended(recogniser(url, standin, timeout=2.0, at_once=100)) as made:
            work = [asyncio.create_task(made.parse(f"{TEXT} {n}")) for n in range(200)]
            await asyncio.sleep(0.1)
            await stack.aclose()
            read = await asyncio.gather(*work)
            assert len(read) == 200 and all(one.intent for one in read)
            await until(made, False)


# As it is built


@pytest.mark.parametrize(
    ("backend", "kind", "has_standin"),
    [("embedded", False, False), ("rasa", True, False), ("rasa-then-embedded", True, True)],
)
def test_the_setting_says_who_reads(tmp_path: Path, backend: str, kind: bool, has_standin: bool) -> None:
    (tmp_path / "nlu.yml").write_text('version: "3.1"\nnlu:\n- intent: a\n  examples: |\n    - one\n    - two\n')
    made = build([tmp_path / "nlu.yml"], tmp_path, date.today, given=NluSettings.model_validate({"backend": backend}))
    assert isinstance(made, RasaRecogniser) == kind
    if isinstance(made, RasaRecogniser):
        assert (made.standin is not None) == has_standin
        assert made.labels == {"a"}


async def test_check_asks_for_rasa_where_nothing_else_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_NLU__BACKEND", "rasa")
    async with served(FakeRasa(Said("bill_due"))) as url:
        monkeypatch.setenv("PARLEY_NLU__RASA__URL", url)
        found = await checking.of_model(assembly.parts(load_settings(HOME / "config.yml")), print)()
        assert found.wrong == () and found.said.endswith("; Rasa reads, model fake")
    found = await checking.of_model(assembly.parts(load_settings(HOME / "config.yml")), print)()
    (wrong,) = found.wrong
    assert "Nothing listens there." in wrong and "make rasa" in wrong


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"text": "x"}', b'{"text": "x", "intent": {"name": "a", "confidence": 7}}',
     b'{"text": "x", "intent": {"name": "a", "confidence": "1"}}', b'{"text": "x", "intent": {"name": "a"}}'],
)  # fmt: skip
def test_an_answer_of_another_shape_is_no_reading(body: bytes) -> None:
    from nlu.rasa.client import Answer

    with pytest.raises(RasaGarbled):
        Client._read(body, Answer)


async def test_examples_taken_live_are_read_word_for_word_without_a_restart(tmp_path: Path) -> None:
    file, models = tmp_path / "nlu.yml", tmp_path / "models"
    models.mkdir()
    head = 'version: "3.1"\nnlu:\n- intent: bill\n  examples: |\n    - show my bill\n'
    file.write_text(head)

    def today() -> date:
        return date(2026, 11, 22)

    again = Again(models, lambda: learnt(load([file]), today))
    settings = RasaSettings.model_validate({"timeout": 5.0, "look": 0.05})
    old = f"{OWN}{fingerprint(load([file]))}-x"
    async with served(FakeRasa(Said("bill"), model=old)) as url:
        given = settings.model_copy(update={"url": url})
        async with tended(asking_rasa(load([file]), today, given, Said("greet"), again)) as made:
            assert (await made.parse("we moved house")).backend == "rasa"
            file.write_text("nlu: [broken")
            live.name(models, "broken")
            await asyncio.sleep(2.2)
            assert (await made.parse("show my bill")).intent == "bill", "what was known stays"
            file.write_text(head + "- intent: move\n  examples: |\n    - we moved house\n")
            live.name(models, "second")
            async with asyncio.timeout(10):
                while "move" not in made.labels:  # noqa: ASYNC110  it is read in a thread
                    await asyncio.sleep(0.05)
            await until(made, up=False)
            assert made.learnt.front.read("we moved house").intent == "move"
            assert "make rasa" in await made.ready(), "a Rasa of the old examples is asked no more"


async def test_after_a_change_of_mind_rasa_is_asked_about_what_is_meant_now() -> None:
    class Two:
        """Reads the first wish in the whole, the second by itself."""

        def control(self, text: str, locale: str | None = None) -> None:
            return None

        async def parse(self, text: str, locale: str | None = None) -> Parse:
            intent = "cancel_direct_debit" if "debit" in text else "bill_calls" if "ring" in text else ""
            return Parse(intent, 0.9 if intent else 0.0, ((intent, 0.9),) if intent else ())

    async with served(FakeRasa(Two())) as url, tended(recogniser(url)) as made:
        said = "end the mobile debit, actually who did i ring in october"
        read = await made.parse(said)
        assert (read.intent, read.backend) == ("bill_calls", "rasa")
        assert [e.text for e in read.entities] == ["mobile", "october"]
        unclear = await made.parse("end the mobile debit, actually sing me a song")
        assert unclear.intent == "cancel_direct_debit"
