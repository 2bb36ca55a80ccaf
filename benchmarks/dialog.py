"""The dialog that is measured: four questions, no account, understood by rules alone. Two forms of the same talk."""

from __future__ import annotations

from datetime import date
from typing import Any

from bot import Convo, dialog
from bot.model import Address, Control, Parse, Standing
from bot.ports import Begun, Case, Opened, Sql

FIRST = "order"
MESSAGES = (FIRST, "large", "tomato", "3", "yes")
"""One conversation, five messages: opens the dialog, then answers its four questions."""


def number(text: str) -> int:
    """A whole number from 1 to 99."""
    value = int(text)
    if not 0 < value < 100:
        raise ValueError(text)
    return value


number.exact = True  # type: ignore[attr-defined]


def word(text: str) -> str:
    """Any one word."""
    if not text.isalpha():
        raise ValueError(text)
    return text


word.exact = True  # type: ignore[attr-defined]


@dialog("order", intents=["order"])
async def order(c: Convo) -> None:
    """Asks four things and says what it understood."""
    size = await c.ask("size", "bench.size", word)
    kind = await c.ask("kind", "bench.kind", word)
    count = await c.ask("count", "bench.count", number)
    if await c.confirm("sure", "bench.sure", size=size, kind=kind, count=count):
        await c.say("bench.done", count=count, kind=kind)


TEXTS = """
dialog-order = ordering
bench-size = What size?
bench-kind = Which kind?
bench-count = How many?
bench-sure = { $count } of { $kind }, { $size }?
bench-done = { $count } { $kind } on their way.
"""


class Rules:
    """The rule-level reading of a benchmark's first message; nothing else needs one."""

    def control(self, text: str, locale: str | None = None) -> Control | None:
        """Never a command."""
        return None

    async def parse(self, text: str, locale: str | None = None) -> Parse:
        """`order` opens the dialog."""
        return Parse("order" if text == FIRST else "", 1.0 if text == FIRST else 0.0, backend="rules")


class NoLogin:
    """Nobody signs in here."""

    async def standing(self, address: Address, now: Any) -> Standing:
        """Anyone."""
        return Standing()

    def begin(self, **_: Any) -> Begun:
        """Never asked."""
        raise LookupError("The benchmark's dialog needs no login.")

    def consume(self, **_: Any) -> tuple[Sql, ...]:
        """Nothing to use up."""
        return ()

    def void(self, **_: Any) -> tuple[Sql, ...]:
        """Nothing to void."""
        return ()

    def unlink(self, **_: Any) -> tuple[Sql, ...]:
        """Nothing to unlink."""
        return ()

    def open(self, case: Case, now: Any) -> Opened:
        """Nobody is there."""
        return Opened((), False, "host.callback", {})


def today() -> date:
    """A fixed day: nothing measured depends on it."""
    return date(2026, 11, 16)
