"""Starts the fake platforms in a process of their own, so that they outlive the app when it is killed or reloaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bot.errors import Permanent, SettingsError
from bot.secret import derive, server_secret
from bot.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class NotStarted(Permanent):
    """The fake platforms could not be started."""


class Wanted(msgspec.Struct):
    """What the process is told on its standard input. `app` is where it posts to, `chat` the web chat's page."""

    app: str
    chat: str
    brand: str
    telegram_secret: str
    port: int


class Began(msgspec.Struct):
    """What it answers: the page's address, and the settings that connect an app to it."""

    url: str
    environment: dict[str, str]


@contextmanager
def started(wanted: Wanted) -> Iterator[Began]:
    """The fake platforms on loopback, until the end of the block or of this process. Raises `NotStarted`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "adapters.fakes"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A Ctrl-C in the terminal is the app's to answer; they end with their standard input.
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        process.stdin.flush()
        try:
            began = msgspec.json.decode(process.stdout.readline(), type=Began)
        except msgspec.DecodeError as error:
            raise NotStarted from error
        yield began
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def connected(given: Mapping[str, str], began: Began) -> dict[str, str]:
    """An environment in which the three channels are connected to the fake platforms, whatever it says of them."""
    channels = ("TELEGRAM", "SLACK", "MESSENGER")
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(tuple(f"PARLEY_CHANNELS__{channel}__" for channel in channels))
    }
    embedding = {"PARLEY_CHANNELS__WEBCHAT__EMBED_ORIGINS": msgspec.json.encode([began.url]).decode()}
    return {**kept, **embedding, **began.environment}


@contextmanager
def beside(which: str, settings: Settings, tell: Callable[[str], None]) -> Iterator[None]:
    """The fake platforms beside an app of these settings; it, read anew, and what it starts are connected to them.

    Raises `NotStarted`, `SettingsError`.
    """
    server = settings.server
    if which != "fake":
        raise SettingsError(
            f"--channels {which}: only fake can be given; real channels are enabled in the configuration."
        )
    if not server.port:
        raise SettingsError("server.port: give one, for the fake platforms post to it.")
    host = "127.0.0.1" if server.host in ("0.0.0.0", "::", "localhost") else server.host
    secret = server_secret(settings.secret.get_secret_value(), settings.data_folder)
    wanted = Wanted(
        app=f"http://{f'[{host}]' if ':' in host else host}:{server.port}",
        chat=f"{settings.public_url}/chat" if settings.channels.webchat.enabled else "",
        brand=settings.brand.name,
        telegram_secret=derive(secret, "telegram").hex(),
        port=server.port + 1,
    )
    with started(wanted) as began:
        found = connected(os.environ, began)
        for name in set(os.environ) - set(found):
            del os.environ[name]
        os.environ.update(found)
        tell(f"Telegram, Slack and Messenger are fakes of this machine: {began.url}/")
        yield
