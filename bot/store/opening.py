"""Opens whichever store an address names."""

from __future__ import annotations

from bot.ports import Clock, Store
from bot.store.sqlite import open_sqlite
from bot.store.sqlite_open import Fsync, Place
from bot.store.urls import POSTGRES, sqlite_path


async def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    log_channels: frozenset[str] = frozenset(),
    fsync: Fsync = "full",
    readonly: bool = False,
    writer: Place = "thread",
) -> Store:
    """Open a migrated database: `sqlite:///path`, `sqlite://:memory:` or `postgresql://…`.

    `log_channels` read the log themselves, so their rows need no send. `fsync`, `readonly` and `writer` concern SQLite
    alone.
    Raises `SchemaBehind`, `StoreLocked`, `StoreUnavailable`, `SettingsError`.
    """
    if url.startswith(POSTGRES):
        from bot.store.postgres import open_postgres

        return await open_postgres(url, clock=clock, log_channels=log_channels)
    path = sqlite_path(url)
    return open_sqlite(path, clock=clock, log_channels=log_channels, fsync=fsync, readonly=readonly, writer=writer)
