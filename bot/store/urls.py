"""Where a store is: `sqlite:///path`, `sqlite://:memory:`, `postgresql://…`."""

from __future__ import annotations

from bot.errors import SettingsError

POSTGRES = ("postgresql://", "postgres://")
_SQLITE = "sqlite://"


def sqlite_path(url: str) -> str:
    """The file of a SQLite URL, or ":memory:". `sqlite:///data/x.db` is relative, `sqlite:////data/x.db` is not."""
    if not url.startswith(_SQLITE):
        raise SettingsError(f"A store's address starts with sqlite:/// or postgresql://, not {url.partition(':')[0]}:.")
    path = url.removeprefix(_SQLITE)
    if path in (":memory:", "/:memory:"):
        return ":memory:"
    if len(path) < 2 or not path.startswith("/"):
        raise SettingsError("A SQLite address is sqlite:///FILE.")
    return path[1:]
