"""A Rasa for the tests: the fake, served; and the real one, trained on the demo brand and started once a session.

The real one needs Python 3.10, which the tests look for as `make rasa` does. Without it they are skipped, unless
`PARLEY_REQUIRE_ALL=1`.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import psutil
import pytest
from aiohttp import web

from bot.settings import RasaSettings
from nlu.rasa.errors import NoPython310
from nlu.rasa.fake import FakeRasa
from nlu.rasa.python310 import find_python
from tests.conftest import REQUIRE_ALL

ROOT = Path(__file__).resolve().parents[1]
EPOCHS = 3
"""Enough for the contract, and a minute's training."""
WITHIN = 900.0
"""Seconds for environment, training and start on a slow machine."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@asynccontextmanager
async def served(fake: FakeRasa, port: int = 0) -> AsyncIterator[str]:
    """The fake's address; it is gone afterwards."""
    runner = web.AppRunner(fake.app(), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        address = runner.addresses[0]
        yield f"http://127.0.0.1:{address[1]}"
    finally:
        await runner.cleanup()


class RealRasa:
    """`python -m nlu.rasa` on the demo brand, as `make rasa` calls it."""

    def __init__(self, folder: Path = ROOT / ".rasa") -> None:
        self.folder, self.port = folder, free_port()
        self.said: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> float:
        """Prepare, train and serve; returns the seconds it took. Fails the test with what was said."""
        began = time.monotonic()
        env = {"PARLEY_NLU__RASA__URL": self.url, "PARLEY_NLU__RASA__EPOCHS": str(EPOCHS)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nlu.rasa", "--folder", str(self.folder)],
            cwd=ROOT, env=os.environ | env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.said = []
        for line in self._process.stdout:
            self.said.append(line.rstrip())
            if line.startswith("Rasa is up"):
                return time.monotonic() - began
            if time.monotonic() - began > WITHIN:
                break
        self.stop()
        raise AssertionError("Rasa did not start:\n" + "\n".join(self.said))

    def kill(self) -> None:
        """kill -9 for Rasa itself, in the middle of whatever it does."""
        assert self._process is not None
        for child in psutil.Process(self._process.pid).children():
            child.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self._forget()

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._forget()

    def _forget(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    @property
    def running(self) -> bool:
        """Whether it was started and not ended."""
        return self._process is not None


@cache
def _shared() -> RealRasa:
    made = RealRasa()
    atexit.register(made.stop)
    return made


def real() -> RealRasa:
    """The session's one real Rasa, up. Skips the test where there is no Python 3.10."""
    try:
        find_python(os.environ)
    except NoPython310 as missing:
        if REQUIRE_ALL:
            raise
        pytest.skip(str(missing))
    if not _shared().running:
        _shared().start()
    return _shared()


def settings(url: str) -> RasaSettings:
    """Generous: what is tested is what it reads, not how fast a busy machine is."""
    return RasaSettings(url=url, timeout=4.0)
