"""What the command line does with Telegram: setting it up, and listing what could not be sent or read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import commands
import compose
from adapters.deadletters import DeadLetters
from adapters.fakes.telegram import FakeTelegram
from bot.configuration import load_settings
from bot.errors import SettingsError
from bot.model import Address, Inbound, Outbound
from bot.ports import OutRow, Work
from bot.settings import HOME, Settings
from tests.contract.rigs.base import HandClock, edge


@pytest.fixture
async def telegram() -> AsyncIterator[tuple[FakeTelegram, str]]:
    fake = FakeTelegram()
    async with edge(fake.routes()) as server:
        yield fake, str(server.make_url("/")).rstrip("/")


def configured(folder: Path, **more: str) -> Settings:
    kept = {"PARLEY_DATA": str(folder), "PARLEY_STORE__URL": f"sqlite:///{folder}/p.db"}
    return load_settings(HOME / "config.yml", {**kept, **more})


def bot(fake: FakeTelegram, api: str, **more: str) -> dict[str, Any]:
    given = {"ENABLED": "true", "TOKEN": fake.token, "API": api, **more}
    return {f"PARLEY_CHANNELS__TELEGRAM__{name}": value for name, value in given.items()}


async def test_connecting_sets_the_bot_up(telegram: tuple[FakeTelegram, str], tmp_path: Path) -> None:
    said: list[str] = []
    await commands.connect(configured(tmp_path, **bot(*telegram)), "telegram", said.append)
    assert said[0] == "The token works: it is @larkspur_bot's."
    assert len(telegram[0].commands) == 4


async def test_a_channel_that_is_off_or_has_no_token_is_named(
    telegram: tuple[FakeTelegram, str], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"channels\.telegram\.enabled is false"):
        await commands.connect(configured(tmp_path), "telegram", print)
    with pytest.raises(SettingsError, match=r"channels\.telegram\.token"):
        await commands.connect(configured(tmp_path, **bot(*telegram, TOKEN="")), "telegram", print)


async def test_dead_letters_are_listed_without_anybodys_words(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    store = await compose.opened_store(settings)
    clock = HandClock()
    said: list[str] = []
    try:
        await DeadLetters(store, clock).keep(
            channel="telegram", connection="telegram", reason="KeyError", body=b"secret words"
        )
        address = Address("larkspur", "telegram", "telegram", "1")
        await store.accept(Inbound("k", "message", clock.now(), address, text="hi"))
        (claim,) = await store.claim(1, lease=30)
        await store.commit(claim, Work(b"", (OutRow(0, Outbound("private words")),)), lease=30)
        (held,) = await store.claim_outbox(1, lease=30)
        await store.dead(held, status="dead", reason="The customer has blocked the bot.")
    finally:
        await store.close()
    await commands.dead_letters(settings, said.append)
    assert len(said) == 2
    assert "not sent    telegram" in said[0] and "blocked the bot" in said[0]
    assert "not read    telegram" in said[1] and "KeyError" in said[1]
    assert "words" not in "".join(said)


async def test_without_dead_letters_it_says_so(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    await (await compose.opened_store(settings)).close()
    said: list[str] = []
    await commands.dead_letters(settings, said.append)
    assert said == ["There are none."]
