"""Which schema this release needs."""

from __future__ import annotations

from bot.errors import SchemaBehind

HEAD = "0010"
"""The newest migration. Ids are numbers of four digits, so a database that is ahead of this release sorts after it."""

VERSION = "SELECT version_num FROM alembic_version"


def require(found: str | None) -> None:
    """Raise `SchemaBehind` if the database lacks a migration. One that is ahead is fine: migrations expand first."""
    if found is None:
        raise SchemaBehind("(It has no schema yet.)")
    if found < HEAD:
        raise SchemaBehind(f"(It is at {found}; this release needs {HEAD}.)")
