"""Agents and their sessions. A session's cookie is a secret of 256 bits; only its hash is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from hmac import digest as hmac_digest
from secrets import token_urlsafe
from typing import Any, Literal

import msgspec

from bot.audit import audit_row
from bot.ports import Clock, Sql, Store
from bot.settings import DeskSettings

Role = Literal["agent", "lead"]
Presence = Literal["available", "wrapping_up", "away"]

_UPSERT = (
    "INSERT INTO desk_agent (id, issuer, sub, name, role, presence, skills, languages, capacity, seen_at, created_at)"
    " VALUES (:id, :issuer, :sub, :name, :role, 'available', :skills, :languages, :capacity, :at, :at)"
    " ON CONFLICT (issuer, sub) DO UPDATE SET name = excluded.name, role = excluded.role, skills = excluded.skills,"
    " languages = excluded.languages, capacity = excluded.capacity, presence = 'available', seen_at = excluded.seen_at"
)
_BEGIN = (
    "INSERT INTO desk_session (id_hash, agent, created_at, expires_at)"
    " VALUES (:hash, (SELECT id FROM desk_agent WHERE issuer = :issuer AND sub = :sub), :at, :until)"
)
_OF = (
    "SELECT a.*, (SELECT count(*) FROM desk_item i WHERE i.agent = a.id AND i.state = 'held') AS load"
    " FROM desk_session s JOIN desk_agent a ON a.id = s.agent WHERE s.id_hash = :hash AND s.expires_at > :now"
)
_ALL = (
    "SELECT a.*, (SELECT count(*) FROM desk_item i WHERE i.agent = a.id AND i.state = 'held') AS load"
    " FROM desk_agent a ORDER BY a.name"
)


@dataclass(frozen=True, slots=True)
class SignedInStaff:
    """Somebody who has just signed in at the provider."""

    issuer: str
    sub: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """Somebody who works at the desk. `load`: conversations held now; `seen_at`: epoch seconds."""

    id: str
    name: str
    role: Role
    presence: Presence
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    capacity: int
    load: int
    seen_at: float

    @property
    def first(self) -> str:
        """What customers are told: a first name is enough."""
        return self.name.split()[0] if self.name.split() else "A colleague"

    @property
    def lead(self) -> bool:
        """Whether they lead."""
        return self.role == "lead"

    def there(self, now: datetime, offline: float) -> bool:
        """Whether their page has been heard of lately and they are not away."""
        return self.presence != "away" and self.seen_at > now.timestamp() - offline


def agent_of(row: dict[str, Any]) -> Agent:
    """An agent from their row."""
    return Agent(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        presence=row["presence"],
        skills=tuple(msgspec.json.decode(row["skills"])),
        languages=tuple(msgspec.json.decode(row["languages"])),
        capacity=row["capacity"],
        load=row["load"],
        seen_at=row["seen_at"],
    )


class Staff:
    """Who works at the desk, and in which browsers."""

    def __init__(self, store: Store, clock: Clock, settings: DeskSettings, secret: bytes) -> None:
        self._store, self._clock, self._settings, self._secret = store, clock, settings, secret

    def role_of(self, roles: tuple[str, ...]) -> Role | None:
        """What these roles allow here."""
        login = self._settings.login
        if login.lead_role in roles:
            return "lead"
        return "agent" if login.agent_role in roles else None

    async def begin(self, who: SignedInStaff, role: Role) -> str:
        """Begin a session; returns its cookie's value. Their skills and further languages are the roles that name
        one."""
        cookie, now = token_urlsafe(32), self._clock.now()
        id = sha256(f"{who.issuer}\n{who.sub}".encode()).hexdigest()[:20]
        known = set(self._settings.skills.values())
        values = {
            "id": id,
            "issuer": who.issuer,
            "sub": who.sub,
            "name": who.name or who.sub,
            "role": role,
            "skills": msgspec.json.encode(sorted(known & set(who.roles))).decode(),
            "languages": msgspec.json.encode(self._languages(who.roles)).decode(),
            "capacity": self._settings.capacity,
            "at": now.timestamp(),
        }
        until = now.timestamp() + self._settings.login.session
        session = {"hash": _hash(cookie), "issuer": who.issuer, "sub": who.sub, "at": now.timestamp(), "until": until}
        entered = audit_row(what="desk.signed_in", at=now, subject=id, detail={"role": role})
        await self._store.change([Sql(_UPSERT, values), Sql(_BEGIN, session, rows=1), entered])
        return cookie

    def _languages(self, roles: tuple[str, ...]) -> list[str]:
        """The first is everybody's, the others are theirs whose roles name them."""
        first, *others = self._settings.languages
        return [first, *(one for one in others if one in roles)]

    async def of(self, cookie: str) -> Agent | None:
        """Whose session this is, while it lasts."""
        if not cookie:
            return None
        rows = await self._store.query(_OF, hash=_hash(cookie), now=self._clock.now().timestamp())
        return agent_of(rows[0]) if rows else None

    async def end(self, cookie: str, agent: Agent) -> None:
        """Sign out: the session is gone and the agent is away."""
        now = self._clock.now()
        await self._store.change(
            [
                Sql("DELETE FROM desk_session WHERE id_hash = :hash", {"hash": _hash(cookie)}),
                Sql("UPDATE desk_agent SET presence = 'away' WHERE id = :id", {"id": agent.id}),
                audit_row(what="desk.signed_out", at=now, subject=agent.id),
            ]
        )

    async def seen(self, agent: str) -> None:
        """Their page is open: they are there."""
        at = self._clock.now().timestamp()
        await self._store.change([Sql("UPDATE desk_agent SET seen_at = :at WHERE id = :id", {"id": agent, "at": at})])

    async def present(self, agent: str, presence: Presence) -> None:
        """They say whether they are available."""
        at = self._clock.now().timestamp()
        text = "UPDATE desk_agent SET presence = :presence, seen_at = :at WHERE id = :id"
        await self._store.change([Sql(text, {"id": agent, "presence": presence, "at": at})])

    async def all(self) -> list[Agent]:
        """Everybody who has ever signed in, by name."""
        return [agent_of(row) for row in await self._store.query(_ALL)]

    def csrf(self, cookie: str) -> str:
        """What a request of this session's own page carries besides the cookie."""
        return hmac_digest(self._secret, f"csrf:{cookie}".encode(), "sha256").hex()

    def forget(self, now: datetime) -> Sql:
        """Sessions that are over."""
        return Sql("DELETE FROM desk_session WHERE expires_at <= :now", {"now": now.timestamp()})


def _hash(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()
