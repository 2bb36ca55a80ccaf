"""Who an address has proven to be, and how far that still holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from auth.settings import AuthSettings
from bot.model import Address, Assurance, Person, Standing
from bot.ports import Sql, Store

_LINK = """
SELECT id, person, customer_ref, version, auth_time, last_used_at, expires_at FROM identity_link
WHERE connection = :connection AND user_id = :user AND revoked_at IS NULL"""

_TOUCH = "UPDATE identity_link SET last_used_at = :now WHERE id = :link AND revoked_at IS NULL AND last_used_at < :now"


class Identities:
    """Implements `bot.ports.Identity` from one row.

    ANYONE: not a private chat, no link, or a link past its life. LINKED: a link whose login is older than
    `settings.login`, that was unused for `settings.unused`, or, where the channel is in `settings.idle`, for that long.
    KNOWN: none of these. Idleness counts from the last time KNOWN was found, so that it stays until the next login.
    APPROVED is never a standing: it is a grant for one action.
    """

    __slots__ = ("_settings", "_store")

    def __init__(self, store: Store, settings: AuthSettings) -> None:
        self._store = store
        self._settings = settings

    async def standing(self, address: Address, now: datetime) -> Standing:
        """The assurance in force now: one read, and at most one write in `settings.touch` seconds."""
        if address.kind != "private":
            return Standing()
        rows = await self._store.query(_LINK, connection=address.connection, user=address.user)
        if not rows or rows[0]["expires_at"] <= now.timestamp():
            return Standing()
        link = rows[0]
        level = self._level(link, address.channel, now.timestamp())
        if level is Assurance.KNOWN and now.timestamp() - link["last_used_at"] > self._settings.touch:
            await self._store.change([Sql(_TOUCH, {"link": link["id"], "now": now.timestamp()})])
        return Standing(
            level=level,
            person=Person(link["person"], link["customer_ref"]),
            link=link["id"],
            link_version=link["version"],
            proven_at=datetime.fromtimestamp(link["auth_time"], UTC),
        )

    def _level(self, link: dict[str, Any], channel: str, now: float) -> Assurance:
        idle = min(self._settings.unused, self._settings.idle.get(channel, self._settings.unused))
        if now - link["auth_time"] > self._settings.login or now - link["last_used_at"] > idle:
            return Assurance.LINKED
        return Assurance.KNOWN
