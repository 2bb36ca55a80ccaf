"""Composes several workers on one port: `app.py run --workers N`."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bot.configuration import load_settings
from bot.crew import Crew, inherited
from bot.dev.supervise import preload
from bot.errors import ParleyError, SettingsError
from bot.observe import configure
from bot.serving import bind
from bot.settings import Settings
from bot.store.urls import POSTGRES

Tell = Callable[[str], None]


def run(config: Path, count: int, tell: Tell) -> int:
    """Serve with `count` workers until told to stop; returns the exit code. Raises `SettingsError` and what the parts'
    making raises."""
    kept = inherited()
    if kept is None:
        settings = _fitting(config, count)
        listening = bind(settings.server.host, settings.server.port)
        return _crew(settings, count, listening, (), tell)
    listening, running = kept
    try:
        return _crew(_fitting(config, count), count, listening, running, tell)
    except (ParleyError, OSError) as error:
        # What runs was right when it started: better that than nothing.
        tell(f"The new release does not start, so what runs goes on: {error}")
    return Crew(0, listening, _nobody, tell, drain=20.0, adopted=running).run()


def _fitting(config: Path, count: int) -> Settings:
    """The settings, where they allow so many workers. Raises `SettingsError`."""
    settings = load_settings(config)
    if count > 1 and not settings.store_url.startswith(POSTGRES):
        raise SettingsError(
            "server.workers: a SQLite file has one writing process. Give a PostgreSQL address in store.url, or run one."
        )
    telegram = settings.channels.telegram
    if count > 1 and telegram.enabled and telegram.mode == "polling":
        raise SettingsError("server.workers: only one process may fetch Telegram's messages. Use its webhook mode.")
    return settings.model_copy(update={"server": settings.server.model_copy(update={"workers": count})})


def _crew(settings: Settings, count: int, listening: socket.socket, running: tuple[int, ...], tell: Tell) -> int:
    preload()
    import compose

    made = compose.whole(settings, listening)
    parent = os.getpid()

    def child(ready: Callable[[], None], number: int) -> int:
        configure(level=settings.log.level, pretty=settings.log.format == "text")
        say = tell if number == 1 else _silent
        return asyncio.run(compose.run(made, listening, say, parent=parent, shared=ready))

    overlap = settings.store_url.startswith(POSTGRES)
    tell(f"{settings.brand.name} at {made.settings.public_url}: {count} worker{'' if count == 1 else 's'}.")
    crew = Crew(count, listening, partial(_guarded, child), tell, settings.server.drain, overlap, running)
    return crew.run()


def _guarded(child: Callable[[Callable[[], None], int], int], ready: Callable[[], None], number: int) -> int:
    from app import guarded

    return guarded(lambda: child(ready, number))


def _nobody(ready: Callable[[], None], number: int) -> int:
    return 1


def _silent(line: str) -> None:
    return
