"""Opens whichever store an address names."""

from __future__ import annotations

from bot.ports import Clock, Store
from bot.store.sqlite import open_sqlite
from bot.store.sqlite_open import Fsync
from bot.store.urls import POSTGRES, sqlite_path


async def open_store(
    url: str,
    *,
    clock: Clock | None = None,
    log_channels: frozenset[str] = frozenset(),
    fsync: Fsync = "full",
    readonly: bool = False,
) -> Store:
    """Open a migrated database: `sqlite:///path`, `sqlite://:memory:` or `postgresql://…`.

    `log_channels` read the log themselves, so their rows need no send. `fsync` and `readonly` concern SQLite alone.
    Raises `SchemaBehind`, `StoreLocked`, `StoreUnavailable`, `SettingsError`.
    """
    if url.startswith(POSTGRES):
        from bot.store.postgres import open_postgres

        return await open_postgres(url, clock=clock, log_channels=log_channels)
    return open_sqlite(sqlite_path(url), clock=clock, log_channels=log_channels, fsync=fsync, readonly=readonly)
