"""A person's right to be forgotten, and to see what is kept: over every table, on either store."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from bot.audit import audit_row
from bot.errors import Permanent
from bot.ports import Clock, Sql, Store
from bot.secret import derive
from bot.store import subject as subjects
from bot.store.subject import Subject

_KEEP = "INSERT INTO erasure (id, subject, at) VALUES (:id, :subject, :at) ON CONFLICT (id, subject) DO NOTHING"
_DONE = "SELECT id, subject, at FROM erasure ORDER BY at, id, subject"
_LAST = "SELECT max(at) AS last FROM entry WHERE conversation = :shared AND person IN ({persons})"
# Whoever holds a turn of it is fenced off, and nothing of it waits any more.
_RESET = (
    "UPDATE conversation SET person = NULL, case_id = NULL, state = :state, done = seq, epoch = epoch + 1,"
    " due = NULL, leased = 0, tries = 0, control = NULL, control_seq = NULL"
    " WHERE id = :id AND (person IS NULL OR person IN ({persons}))"
)
_TOKENS = re.compile(rb"[0-9A-Za-z_.:@-]{3,128}")
_TIMES = re.compile(r"at|.*_at|.*_time|opened|closed")


class NobodyKnown(Permanent):
    """Nothing is kept about anybody of this name."""


class ErasuresUnknown(Permanent):
    """The present database cannot be read, so nobody knows who was erased since the copy was made. If none was, or you
    erase them again yourself, say `--without-erasures`."""


class NotAList(Permanent):
    """This file is not what `app.py erasures` wrote."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One subject of an erasure that was done: `subject` is a keyed hash."""

    id: str
    subject: str
    at: float


class Erasure:
    """Erases and exports. `secrets`: the server's, the present one first; erasures are remembered by hashes under it.

    What the brand's own backends hold is the brand's to erase.
    """

    def __init__(self, store: Store, clock: Clock, brand: str, secrets: Sequence[bytes]) -> None:
        self._store, self._clock, self._brand = store, clock, brand
        self._keys = [derive(secret, "erasure") for secret in secrets]

    async def find(self, name: str) -> Subject:
        """Whom a name means: a reference, a person's or conversation's id, `connection/user`. Raises `NobodyKnown`."""
        found = await subjects.find(self._store, self._brand, name)
        if found.empty:
            raise NobodyKnown
        return found

    async def erase(self, name: str) -> dict[str, int]:
        """Erase whom the name means; how many rows went, by table. Raises `NobodyKnown`, `StoreUnavailable`."""
        return await self._erase(await self.find(name), uuid4().hex, self._clock.now().timestamp())

    async def _erase(self, subject: Subject, id_: str, at: float, marks: Sequence[Mark] = ()) -> dict[str, int]:
        chosen = list(subjects.selections(subject))
        for conversation in subject.shared:
            chosen += await self._of_shared(conversation, subject)
        counts: dict[str, int] = {}
        for one in chosen:
            if one.table not in subjects.KEPT:
                rows = await self._store.query(f"SELECT count(*) AS n FROM {one.table} WHERE {one.where}", **one.values)
                counts[one.table] = counts.get(one.table, 0) + int(rows[0]["n"])
        deletions = [subjects.deletion(one) for one in chosen if one.table not in subjects.KEPT]
        remembered = marks or [Mark(id_, name, at) for name in self._names(subject)]
        await self._store.change(
            [
                *deletions,
                *self._resets(subject),
                *(Sql(_KEEP, {"id": one.id, "subject": one.subject, "at": one.at}) for one in remembered),
                audit_row(what="person.erased", at=self._clock.now(), subject=id_, detail={"tables": len(counts)}),
            ]
        )
        return {table: n for table, n in sorted(counts.items()) if n}

    async def _of_shared(self, conversation: str, subject: Subject) -> list[subjects.Selection]:
        people = {f"p{at}": person for at, person in enumerate(subject.persons)}
        listed = ", ".join(f":{name}" for name in people)
        rows = await self._store.query(_LAST.format(persons=listed), shared=conversation, **people)
        return list(subjects.nobodys(conversation, rows[0]["last"])) if rows[0]["last"] is not None else []

    def _resets(self, subject: Subject) -> Iterator[Sql]:
        people = {f"p{at}": person for at, person in enumerate(subject.persons)}
        for conversation in subject.shared:
            text = _RESET.format(persons=", ".join(f":{name}" for name in people))
            yield Sql(text, {"id": conversation, "state": b"{}", **people})

    # What was erased stays erased

    async def marks(self) -> list[Mark]:
        """The erasures done here, the oldest first."""
        return [Mark(row["id"], row["subject"], row["at"]) for row in await self._store.query(_DONE)]

    async def again(self, marks: Sequence[Mark]) -> int:
        """Do erasures again that this database, a restored one, has not seen; how many there were."""
        known = {one.id for one in await self.marks()}
        missing: dict[str, list[Mark]] = {}
        for one in marks:
            if one.id not in known:
                missing.setdefault(one.id, []).append(one)
        if not missing:
            return 0
        persons, addresses = await self._everybody()
        for id_, told in missing.items():
            wanted = {one.subject for one in told}
            subject = await subjects.whole(
                self._store,
                [persons[name] for name in wanted if name in persons],
                [addresses[name] for name in wanted if name in addresses],
            )
            await self._erase(subject, id_, told[0].at, told)
        return len(missing)

    async def _everybody(self) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
        """Every person and address of this database by the names that erasures are remembered by."""
        persons: dict[str, str] = {}
        addresses: dict[str, tuple[str, str]] = {}
        places: set[tuple[str, str]] = set()
        for table in subjects.tables():
            if {"connection", "user_id"} <= set(table.columns.keys()):
                rows = await self._store.query(f"SELECT DISTINCT connection, user_id FROM {table.name}")
                places |= {(row["connection"], row["user_id"]) for row in rows}
        for row in await self._store.query("SELECT connection, body FROM dead_letter"):
            places |= {(row["connection"], word.decode()) for word in _TOKENS.findall(bytes(row["body"]))}
        people = {row["id"] for row in await self._store.query("SELECT id FROM person")}
        for key in self._keys:
            persons |= {_name(key, "person", one): one for one in people}
            addresses |= {_name(key, "address", *one): one for one in places}
        return persons, addresses

    def _names(self, subject: Subject) -> Iterator[str]:
        key = self._keys[0]
        yield from (_name(key, "person", one) for one in subject.persons)
        yield from (_name(key, "address", *one) for one in subject.addresses)

    # What is kept

    async def export(self, name: str) -> dict[str, Any]:
        """All that is kept about whom the name means, by table, in plain JSON. Raises `NobodyKnown`.

        Times are ISO 8601, UTC. What is sealed or hashed is left out: it says nothing to anybody.
        """
        subject = await self.find(name)
        chosen = list(subjects.selections(subject))
        if subject.shared:
            listed = ", ".join(f":s{at}" for at in range(len(subject.shared)))
            values = {f"s{at}": one for at, one in enumerate(subject.shared)}
            chosen.append(subjects.Selection("conversation", f"id IN ({listed})", values))
        found: dict[str, list[dict[str, Any]]] = {}
        for one in chosen:
            rows = await self._store.query(f"SELECT * FROM {one.table} WHERE {one.where}", **one.values)
            if rows:
                shown = [_shown(row) for row in rows]
                found.setdefault(one.table, []).extend(sorted(shown, key=_when))
        about = {
            "persons": list(subject.persons),
            "addresses": [{"connection": connection, "user": user} for connection, user in subject.addresses],
        }
        return {"exported_at": _time(self._clock.now().timestamp()), "about": about, "kept": found}


def _name(key: bytes, *parts: str) -> str:
    return hmac.digest(key, "\0".join(parts).encode(), "sha256").hex()


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in row.items() if value is not None and not _hidden(name, value)}


def _hidden(name: str, value: Any) -> bool:
    return isinstance(value, bytes | memoryview) and name not in ("state", "body")


def _value(name: str, value: Any) -> Any:
    if isinstance(value, float):
        return _time(value) if _TIMES.fullmatch(name) else value
    if isinstance(value, bytes | memoryview):
        try:
            value = bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            return {"base64": b64encode(bytes(value)).decode()}  # A file, as it is.
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value  # A customer may write a brace.
    return value


def _when(row: dict[str, Any]) -> str:
    return str(row.get("at") or row.get("created_at") or row.get("begun_at") or "")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
