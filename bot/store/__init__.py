"""The durable ground: one schema, two stores behind `bot.ports.Store`."""

from bot.store.migration import migrate
from bot.store.opening import open_store
from bot.store.sqlite import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "migrate", "open_sqlite", "open_store"]
