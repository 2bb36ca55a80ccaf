"""The channels that a settings file switches on: composed into the site, or refused in one clear line."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from aiohttp.test_utils import TestClient, TestServer

import compose
from bot import assembly
from bot.configuration import load_settings
from bot.dev.scaffold import new_brand
from bot.errors import SettingsError
from bot.secret import derive
from bot.settings import Settings
from compose import Site
from tests.contract.rigs.base import HandClock

SECRET = "a server's secret for this test alone"
SLACK = {"enabled": True, "token": "xoxb-dummy", "signing_secret": "dummy-signing", "app_token": "xapp-dummy"}
MESSENGER = {"enabled": True, "page": 1234567890, "token": "dummy-token", "app_secret": "dummy-secret"}

SLACK_WORKERS = {"slack-channels", "slack-closures", "slack-files"}


def reader(*_: object) -> object:
    """A recogniser that takes no time to build."""
    return SimpleNamespace(control=lambda text, locale: None)


def settings(folder: Path, **channels: dict[str, object]) -> Settings:
    """A new brand's, with these channels in its file."""
    new_brand(folder, "acme")
    file = folder / "acme" / "config.yml"
    file.write_text(f"{file.read_text('utf-8')}\n{yaml.safe_dump({'channels': channels})}", "utf-8")
    return load_settings(file, {"PARLEY_SECRET": SECRET, "PARLEY_NLU__RECOGNISER": f"{__name__}:reader"})


@asynccontextmanager
async def site(folder: Path, **channels: dict[str, object]) -> AsyncIterator[Site]:
    made = assembly.parts(settings(folder, **channels), HandClock())
    async with compose.site(made, lambda line: None) as built:
        yield built


def routes(built: Site) -> set[tuple[str, str]]:
    """(method, path) of the platforms' webhooks."""
    found = {(one.method, one.resource.canonical) for one in built.app.router.routes() if one.resource is not None}
    return {one for one in found if one[1].startswith("/channels/")}


async def test_nothing_is_pushed_anywhere_unless_a_channel_is_switched_on(tmp_path: Path) -> None:
    async with site(tmp_path) as built:
        assert not built.pushed
        assert not routes(built)


async def test_slack_takes_its_events_by_http(tmp_path: Path) -> None:
    async with site(tmp_path, slack=SLACK) as built:
        assert list(built.pushed) == ["slack"]
        assert routes(built) == {("POST", "/channels/slack")}
        assert {name for name in built.workers if name.startswith("slack")} == SLACK_WORKERS


async def test_slack_takes_its_events_by_the_socket(tmp_path: Path) -> None:
    async with site(tmp_path, slack={**SLACK, "mode": "socket", "signing_secret": ""}) as built:
        assert not routes(built)
        assert {name for name in built.workers if name.startswith("slack")} == SLACK_WORKERS | {"slack-socket"}


async def test_messenger_takes_its_events_at_its_webhook(tmp_path: Path) -> None:
    async with site(tmp_path, messenger=MESSENGER) as built:
        assert list(built.pushed) == ["messenger"]
        assert {("GET", "/channels/messenger"), ("POST", "/channels/messenger")} <= routes(built)
        assert {name for name in built.workers if name.startswith("messenger")} == {
            f"messenger-{what}" for what in ("closures", "comments", "files")
        }


@pytest.mark.slow
async def test_all_three_stand_beside_each_other(tmp_path: Path) -> None:
    telegram: dict[str, object] = {"enabled": True, "token": "1:dummy"}
    async with site(tmp_path, telegram=telegram, slack=SLACK, messenger=MESSENGER) as built:
        assert set(built.pushed) == {"telegram", "slack", "messenger"}
        assert {"telegram-polling", "slack-channels", "messenger-comments"} <= set(built.workers)


@pytest.mark.parametrize("own", ["", "our-own-word"])
async def test_meta_may_set_the_webhook_with_the_right_word_alone(own: str, tmp_path: Path) -> None:
    right = own or derive(assembly.secrets_of(settings(tmp_path / "a"))[0], "messenger").hex()
    asked = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    channel: dict[str, object] = {**MESSENGER, "verify_token": own}
    async with site(tmp_path / "b", messenger=channel) as built, TestClient(TestServer(built.app)) as client:
        taken = await client.get("/channels/messenger", params={**asked, "hub.verify_token": right})
        assert (taken.status, await taken.text()) == (200, "1158201444")
        refused = await client.get("/channels/messenger", params={**asked, "hub.verify_token": "messenger"})
        assert refused.status == 403


async def test_what_meta_posts_is_checked_with_the_apps_secret_of_the_file(tmp_path: Path) -> None:
    body = b'{"object":"page","entry":[]}'
    async with site(tmp_path, messenger=MESSENGER) as built, TestClient(TestServer(built.app)) as client:
        for secret, status in (("dummy-secret", 200), ("another", 403)):
            signed = {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, 'sha256').hexdigest()}"}
            answer = await client.post("/channels/messenger", data=body, headers=signed)
            assert answer.status == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "given", "missing"),
    [
        ("slack", SLACK, "token"),
        ("slack", SLACK, "signing_secret"),
        ("slack", {**SLACK, "mode": "socket"}, "app_token"),
        ("messenger", MESSENGER, "page"),
        ("messenger", MESSENGER, "token"),
        ("messenger", MESSENGER, "app_secret"),
    ],
)
async def test_an_empty_secret_is_named(channel: str, given: dict[str, object], missing: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"channels\.{channel}\.{missing}: it is empty"):
        async with site(tmp_path, **{channel: {**given, missing: ""}}):
            pass


@pytest.mark.parametrize(
    ("channel", "given", "said"),
    [
        ("messenger", {"page": "our-page"}, r"line \d+: channels\.messenger\.page: "),
        ("messenger", {"version": "25"}, r"line \d+: channels\.messenger\.version: "),
        ("slack", {"mode": "rtm"}, r"line \d+: channels\.slack\.mode: "),
        ("slack", {"api": "https://slack.com/api/"}, r"line \d+: channels\.slack\.api: "),
    ],
)
def test_a_mistake_is_named_with_its_line(channel: str, given: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(tmp_path, **{channel: given})
