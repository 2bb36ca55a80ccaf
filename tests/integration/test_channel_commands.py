"""What the command line does with Slack and Messenger: setting them up, and looking whether they answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestServer

import commands
import compose
from adapters.fakes.messenger import FakeMessenger
from adapters.fakes.slack import FakeSlack
from adapters.messenger.settings import FIELDS
from bot import assembly
from bot.configuration import load_settings
from bot.errors import ParleyError, SettingsError
from bot.settings import HOME, Settings
from tests.brands.energy_brand import free_port
from tests.contract.rigs.base import HandClock, edge


def reader(*_: object) -> object:
    """A recogniser that takes no time to build."""
    return SimpleNamespace(control=lambda text, locale: None)


def configured(folder: Path, channel: str, **given: str) -> Settings:
    kept = {"DATA": str(folder), "STORE__URL": f"sqlite:///{folder}/p.db", "NLU__RECOGNISER": f"{__name__}:reader"}
    own = {f"CHANNELS__{channel}__{name}": value for name, value in {"ENABLED": "true", **given}.items()}
    return load_settings(HOME / "config.yml", {f"PARLEY_{name}": value for name, value in {**kept, **own}.items()})


@pytest.fixture
async def slack() -> AsyncIterator[tuple[FakeSlack, dict[str, str]]]:
    fake = FakeSlack()
    async with edge(fake.routes()) as server, AsyncExitStack() as stack:
        stack.push_async_callback(fake.close)
        api = str(server.make_url("/api"))
        yield fake, {"TOKEN": fake.token, "APP_TOKEN": fake.app_token, "MODE": "socket", "API": api}


@pytest.fixture
async def messenger() -> AsyncIterator[tuple[FakeMessenger, dict[str, str]]]:
    fake = FakeMessenger()
    async with edge(fake.routes()) as server, AsyncExitStack() as stack:
        stack.push_async_callback(fake.close)
        api = str(server.make_url("/")).rstrip("/")
        keys = {"TOKEN": fake.token, "APP_ID": fake.app_id, "APP_SECRET": fake.app_secret}
        yield fake, {"PAGE": fake.page.id, **keys, "API": api}


async def test_connecting_slack_says_who_the_bot_is_and_what_to_click(
    slack: tuple[FakeSlack, dict[str, str]], tmp_path: Path
) -> None:
    said: list[str] = []
    await commands.connect(configured(tmp_path, "SLACK", **slack[1]), "slack", said.append)
    assert said[0].startswith("The token works: it is @")
    assert "Under Socket Mode: enable it. No address of ours is needed." in said
    http = {**slack[1], "MODE": "http", "SIGNING_SECRET": slack[0].signing_secret}
    with pytest.raises(SettingsError, match=r"Set PARLEY_PUBLIC_URL to one, or set channels\.slack\.mode to socket"):
        await commands.connect(configured(tmp_path, "SLACK", **http), "slack", said.append)


async def test_connecting_slack_with_a_wrong_token_says_so(
    slack: tuple[FakeSlack, dict[str, str]], tmp_path: Path
) -> None:
    with pytest.raises(ParleyError, match="Slack does not accept the bot's token"):
        await commands.connect(configured(tmp_path, "SLACK", **{**slack[1], "TOKEN": "xoxb-x"}), "slack", print)


async def test_connecting_messenger_sets_the_webhook_at_the_running_site(
    messenger: tuple[FakeMessenger, dict[str, str]], tmp_path: Path
) -> None:
    fake, given = messenger
    settings = configured(tmp_path, "MESSENGER", **given).with_port(free_port())
    said: list[str] = []
    async with (
        compose.site(assembly.parts(settings, HandClock()), said.append) as built,
        TestServer(built.app, port=settings.server.port),
    ):
        await commands.connect(settings, "messenger", said.append)
    assert fake.webhook == f"{settings.public_url}/channels/messenger"
    assert fake.subscribed == set(FIELDS)
    assert said[0].startswith("The token works: it is the Page ")


async def test_check_asks_each_platform(
    slack: tuple[FakeSlack, dict[str, str]], messenger: tuple[FakeMessenger, dict[str, str]], tmp_path: Path
) -> None:
    for channel, given, wrong in (
        ("SLACK", slack[1], "Slack does not accept"),
        ("MESSENGER", messenger[1], "messenger: "),
    ):
        said: list[str] = []
        assert await commands.check(configured(tmp_path, channel, **given), said.append) == 0, said
        assert any(f"{channel.lower()}: " in line for line in said)
        refused = configured(tmp_path, channel, **{**given, "TOKEN": "another"})
        assert await commands.check(refused, said.append) == 1
        assert any(wrong in line for line in said)


async def test_one_channel_is_connected_although_anothers_secrets_are_missing(
    slack: tuple[FakeSlack, dict[str, str]], tmp_path: Path
) -> None:
    _, given = slack
    settings = configured(tmp_path, "SLACK", **given)
    other = settings.channels.messenger.model_copy(update={"enabled": True})
    channels = settings.channels.model_copy(update={"messenger": other})
    settings = settings.model_copy(update={"channels": channels, "server": settings.server.model_copy(
        update={"public_url": "https://chat.example.com"}
    )})  # fmt: skip
    said: list[str] = []
    await commands.connect(settings, "slack", said.append)
    assert said[0].startswith("The token works")
    with pytest.raises(SettingsError, match=r"page: it is empty\. Give the Page's id"):
        await commands.connect(settings, "messenger", said.append)


async def test_a_channel_that_there_is_not_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no channel whatsapp to connect: telegram, slack, messenger can be"):
        await commands.connect(configured(tmp_path, "SLACK"), "whatsapp", str)
