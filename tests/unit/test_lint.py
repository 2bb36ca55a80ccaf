"""What is found in a dialog before it runs."""

from __future__ import annotations

import datetime
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from bot import Convo, Offer, dialog
from bot.script.catalogue import Dialogs
from bot.script.lint import lint
from bot.script.texts import Texts
from tests.worlds.engine import ITEMS, Bank

FTL = """
dialog-good = good
dialog-bad = bad
t-plain = Plain
t-named = { $name }
t-item = { $item-name }, { $pence }
t-yes = Sure?
    .yes = Yes, { $name }
label = { $name }
action-close = Close
offer = More
"""


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    (tmp_path / "en.ftl").write_text(FTL, "utf-8")
    return Texts({"en-GB": [tmp_path / "en.ftl"]}, {}, datetime.date.today)


def found(fn: Any, texts: Texts) -> list[str]:
    """What is said of one dialog."""
    return [finding.message for finding in lint(Dialogs([fn.__dialog__]), texts)]


def shared() -> float:
    """A helper with a fault of its own."""
    return time.time()


def test_a_good_dialog_has_no_findings(texts: Texts) -> None:
    @dialog("good")
    async def good(c: Convo, bank: Bank, **rest: Any) -> None:
        items = await c.do(bank.items)
        await c.say("t.plain", offers=[Offer("offer", "good")])
        await c.say("t.named", name="x")
        await c.say("t.item", item=items[0], pence=3)
        await c.say("t.named", **rest).named("other")
        for item in items:
            if await c.confirm(f"sure:{item.id}", "t.yes", name=item.name):
                await c.say("t.plain").named(f"said:{item.id}")
        picked = await c.choose("which", "t.plain", items, label="label")
        await c.step_up("close", thing=picked.id)
        try:
            await c.once(bank.close, thing=picked.id)
        except ValueError:
            return

    assert found(good, texts) == []


@dialog("bad")
async def with_clock(c: Convo) -> None:
    await c.say("t.named", name=datetime.datetime.now().isoformat())


@dialog("bad")
async def with_time(c: Convo) -> None:
    await c.say("t.named", name=str(time.time()))


@dialog("bad")
async def with_randomness(c: Convo) -> None:
    await c.say("t.named", name=random.choice(["a"]))


@dialog("bad")
async def with_environment(c: Convo) -> None:
    await c.say("t.named", name=os.environ["HOME"])


@dialog("bad")
async def with_getenv(c: Convo) -> None:
    await c.say("t.named", name=os.getenv("HOME"))


@dialog("bad")
async def with_finally(c: Convo) -> None:
    try:
        await c.say("t.plain")
    finally:
        shared_plain()


def shared_plain() -> None:
    """Nothing."""


@dialog("bad")
async def with_async_with(c: Convo, lock: Any = None) -> None:
    async with lock:
        await c.say("t.plain")


@dialog("bad")
async def with_base_exception(c: Convo) -> None:
    try:
        await c.say("t.plain")
    except BaseException:
        return


@dialog("bad")
async def with_tuple_of_exceptions(c: Convo) -> None:
    try:
        await c.say("t.plain")
    except (ValueError, BaseException):
        return


@dialog("bad")
async def with_bare_except(c: Convo) -> None:
    try:
        await c.say("t.plain")
    except:  # noqa: E722
        return


@dialog("bad")
async def with_a_helper(c: Convo) -> None:
    await c.say("t.named", name=str(shared()))


@dialog("bad")
async def with_missing_text(c: Convo) -> None:
    await c.say("t.absent")


@dialog("bad")
async def with_missing_variable(c: Convo) -> None:
    await c.say("t.item", item=ITEMS[0])


@dialog("bad")
async def with_missing_attribute_variable(c: Convo) -> None:
    await c.confirm("sure", "t.yes")


@dialog("bad")
async def with_missing_action(c: Convo) -> None:
    await c.step_up("open", thing="x")


@dialog("bad")
async def with_missing_offer(c: Convo) -> None:
    await c.say("t.plain", offers=[Offer("absent", "bad")])


@dialog("bad")
async def with_missing_label(c: Convo) -> None:
    await c.choose("which", "t.plain", ITEMS, label="absent")


@dialog("bad")
async def with_an_unnamed_loop(c: Convo) -> None:
    for _ in range(2):
        await c.say("t.plain")


@dialog("bad")
async def with_an_unnamed_question_in_a_loop(c: Convo) -> None:
    while True:
        await c.ask("name", "t.plain", str)


@dialog("bad")
async def with_two_of_a_name(c: Convo) -> None:
    await c.say("t.plain")
    await c.say("t.plain")


@dialog("bad")
async def with_a_raw_await(c: Convo, bank: Bank) -> None:
    await bank.items()


@dialog("bad")
async def with_a_mistyped_verb(c: Convo) -> None:
    await c.sya("t.plain")  # type: ignore[attr-defined]


@dialog("bad")
async def with_no_such_verb(c: Convo) -> None:
    await c.teleport("t.plain")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (with_clock, "the clock"), (with_time, "the clock"), (with_randomness, "randomness"),
        (with_environment, "the environment"), (with_getenv, "the environment"), (with_finally, "finally"),
        (with_async_with, "async with"), (with_base_exception, "domain errors"), (with_bare_except, "domain errors"),
        (with_tuple_of_exceptions, "domain errors"), (with_a_helper, "the clock"), (with_missing_text, "t-absent"),
        (with_missing_variable, "$pence"), (with_missing_attribute_variable, "$name"),
        (with_missing_action, "action-open"), (with_missing_offer, "absent"), (with_missing_label, "absent"),
        (with_an_unnamed_loop, "loop"), (with_an_unnamed_question_in_a_loop, "loop"),
        (with_two_of_a_name, "twice"), (with_a_raw_await, "await"),
        (with_a_mistyped_verb, "c.sya does not exist; did you mean c.say?"), (with_no_such_verb, "there are ask, call"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_a_bad_one_is_found_once(fn: Any, words: str, texts: Texts) -> None:
    messages = found(fn, texts)
    assert len(messages) == 1, messages
    assert words in messages[0]


def test_a_finding_names_the_dialog_and_the_line(texts: Texts) -> None:
    (finding,) = lint(Dialogs([with_time.__dialog__]), texts)  # type: ignore[attr-defined]
    with open(__file__, encoding="utf-8") as file:
        assert "time.time()" in file.read().splitlines()[finding.line - 1]
    assert str(finding).startswith(f"bad, line {finding.line}: ")


def test_a_dialog_without_a_name_for_customers_is_found(texts: Texts) -> None:
    @dialog("nameless")
    async def nameless(c: Convo) -> None:
        await c.say("t.plain")

    assert found(nameless, texts) == ["the text dialog-nameless (what the dialog is called) is missing in en-GB"]


def test_two_branches_may_use_one_name(texts: Texts) -> None:
    @dialog("good")
    async def branches(c: Convo) -> None:
        if await c.confirm("sure", "t.plain"):
            await c.say("t.plain")
            return
        await c.say("t.plain")

    @dialog("good")
    async def either(c: Convo) -> None:
        if await c.confirm("sure", "t.plain"):
            await c.say("t.plain")
        else:
            await c.say("t.plain")

    assert found(branches, texts) == []
    assert found(either, texts) == []
