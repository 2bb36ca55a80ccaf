"""Rasa's server as a process of ours: on loopback, ended with us, ready when it has read a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.settings import RasaSettings
from nlu.rasa.client import Client
from nlu.rasa.command import clean, end
from nlu.rasa.errors import RasaDown, RasaFailed, RasaGarbled

START = 600.0
"""Seconds it may take to the first reading; half a minute is usual."""
_TOKEN = "RASA_TOKEN"
_LAUNCH = f"""
import os, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, 15)
except (OSError, AttributeError):
    pass
token = os.environ.pop("{_TOKEN}", "")
if token:
    sys.argv += ["--auth-token", token]
from rasa.__main__ import main
sys.argv[0] = "rasa"
main()
"""
"""Rasa's command line, which ends when we do (Linux), and whose token is in no list of processes."""


@asynccontextmanager
async def serving(
    python: Path, model: Path, folder: Path, *, port: int, host: str = "127.0.0.1", token: str = ""
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Rasa's server on `port`; it is starting when this is entered, and has ended when it is left."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    arguments = ["run", "--enable-api", "--model", model, "--interface", host, "--port", port]
    with (folder / "server.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            str(python), "-c", _LAUNCH, *(str(one) for one in arguments),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env=clean(home) | ({_TOKEN: token} if token else {}),
        )  # fmt: skip
    try:
        yield process
    finally:
        await end(process)


async def answering(process: asyncio.subprocess.Process, given: RasaSettings, within: float = START) -> float:
    """Wait for its first reading; returns the seconds it took. Raises `RasaFailed`."""
    client, began = Client(given.model_copy(update={"timeout": 10.0})), time.monotonic()
    await client.open()
    try:
        while time.monotonic() - began < within:
            if process.returncode is not None:
                raise RasaFailed(f"It ended with exit code {process.returncode}.")
            try:
                await client.model()
                await client.parse("hello")
            except (RasaDown, RasaGarbled):
                await asyncio.sleep(0.25)
                continue
            return time.monotonic() - began
    finally:
        await client.close()
    raise RasaFailed(f"It did not answer within {within:g} s.")
