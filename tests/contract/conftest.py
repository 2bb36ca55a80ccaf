"""What the contract tests of both stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.ports import Store
from bot.store import migrate, open_store
from bot.store.sqlite_open import Place
from tests.postgres import fresh_database

LOG_CHANNELS = frozenset({"webchat"})


class HandClock:
    """Meaning's clock, moved by the test."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """The time, aware UTC."""
        return self.time

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


Opener = Callable[[], Awaitable[Store]]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


# A file is written through to the disk at each commit, which takes its time; a quick look is at the one in memory.
APART = "sqlite, a writing process"
KINDS = [
    "memory",
    pytest.param("sqlite", marks=pytest.mark.slow),
    pytest.param(APART, marks=pytest.mark.slow),
    pytest.param("postgres", marks=pytest.mark.postgres),
]


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a fresh, migrated database of each kind."""
    if request.param == "postgres":
        async with fresh_database() as url:
            yield url
        return
    url = "sqlite://:memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/parley.db"
    await migrate(url)
    yield url


@pytest.fixture
async def opener(request: pytest.FixtureRequest, database: str, clock: HandClock) -> AsyncIterator[Opener]:
    """Opens the database, again if asked; closes all at the end."""
    writer: Place = "process" if request.node.callspec.params["database"] == APART else "thread"
    async with AsyncExitStack() as stack:

        async def opened() -> Store:
            store = await open_store(database, clock=clock, log_channels=LOG_CHANNELS, writer=writer)
            stack.push_async_callback(store.close)
            return store

        yield opened


@pytest.fixture
async def store(opener: Opener) -> Store:
    return await opener()
