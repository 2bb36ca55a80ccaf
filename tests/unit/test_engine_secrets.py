"""A secret answer: it reaches the dialog, and stands nowhere else once it has been taken."""

from __future__ import annotations

from typing import Any

import pytest

from bot import Convo, dialog
from bot.errors import NotPlain
from bot.script.sealed import seal, unseal
from bot.store.schema import metadata
from tests.worlds.engine import Chat

WORD = "correct-horse-battery"


def word(text: str) -> str:
    """Any words."""
    return text


@pytest.mark.promise("secret")
async def test_a_secret_answer_stands_in_no_table(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    @dialog("one", intents=["one"])
    async def one(c: Convo) -> None:
        given = await c.ask("password", "q.name", word, secret=True)
        other = await c.ask("other", "q.other", word)
        heard.append(given)
        await c.say("said.value", value=other)

    chat = Chat(one)
    try:
        await chat.say("open one")
        assert await chat.say(WORD) == ["Another question?"]
        for table in metadata.tables:
            for row in await chat.store.query(f"SELECT * FROM {table}"):
                assert WORD not in repr(row), f"{table} holds it"
        assert WORD not in caplog.text
        assert await chat.say("no more") == ["Value: no more."]
        assert heard == [WORD], "the dialog is given it on every replay"
    finally:
        await chat.close()


def test_a_sealed_value_needs_the_same_secret() -> None:
    value: Any = {"pin": 1234}
    sealed = seal(b"one", value)
    assert unseal(b"one", sealed, "here") == value
    with pytest.raises(NotPlain, match="sealed under another secret"):
        unseal(b"two", sealed, "here")
