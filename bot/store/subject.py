"""Everything the database holds about one person: found by the columns that tables have, not by a list of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bot.ports import Sql, Store

if TYPE_CHECKING:
    from sqlalchemy import Table

BY_TEXT = frozenset({"dead_letter"})
"""Tables whose rows tell of an address only in what a platform sent."""

KEPT = frozenset({"audit"})
"""Tables that an erasure leaves as they are: ids and hashes alone, which then belong to nobody."""

_LINKED = (
    "SELECT connection, user_id FROM identity_link WHERE person = :person"
    " UNION SELECT connection, user_id FROM address_of WHERE person = :person"
    " UNION SELECT connection, user_id FROM conversation WHERE person = :person"
    " UNION SELECT connection, user_id FROM link_txn WHERE person = :person"
)
_OTHERS = (
    "SELECT person FROM identity_link WHERE connection = :connection AND user_id = :user AND person NOT IN ({persons})"
    " UNION SELECT person FROM address_of WHERE connection = :connection AND user_id = :user"
    " AND person NOT IN ({persons})"
)
_NAMED = (
    "SELECT id AS person, NULL AS connection, NULL AS user_id FROM person WHERE id = :name"
    " OR (brand = :brand AND customer_ref = :name)"
    " UNION SELECT person, connection, user_id FROM conversation WHERE id = :name"
    " UNION SELECT person, connection, user_id FROM conversation WHERE connection || '/' || user_id = :name"
    " UNION SELECT NULL, connection, user_id FROM public_ask WHERE connection || '/' || user_id = :name"
    " UNION SELECT person, connection, user_id FROM identity_link WHERE revoked_at IS NULL AND customer_ref = :name"
    " AND brand = :brand"
)
_LETTERS = "SELECT id, body FROM dead_letter WHERE connection = :connection AND id > :after ORDER BY id LIMIT 200"
_WORD = rb"[0-9A-Za-z_]"


@dataclass(frozen=True, slots=True)
class Subject:
    """One person: ids of `person`, and addresses as (connection, user).

    `conversations` are theirs alone. `shared` are those in which another customer has been known as well (a browser
    that two people use): of them only the rows of these persons are meant, and what was said before by nobody known.
    """

    persons: tuple[str, ...] = ()
    addresses: tuple[tuple[str, str], ...] = ()
    conversations: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is known of them."""
        return not (self.persons or self.addresses or self.letters)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of one table: a condition and its values."""

    table: str
    where: str
    values: dict[str, Any]


async def find(store: Store, brand: str, name: str) -> Subject:
    """Whom a name means: a customer's reference, a person's id, a conversation's id, or `connection/user`."""
    rows = await store.query(_NAMED, name=name, brand=brand)
    persons = {row["person"] for row in rows if row["person"]}
    addresses = {(row["connection"], row["user_id"]) for row in rows if row["connection"]}
    return await whole(store, persons, addresses)


async def whole(store: Store, persons: Iterable[str], addresses: Iterable[tuple[str, str]]) -> Subject:
    """The subject of these persons and addresses, with all that hangs on them."""
    known, places = sorted(set(persons)), set(addresses)
    for person in known:
        places |= {(row["connection"], row["user_id"]) for row in await store.query(_LINKED, person=person)}
    alone: list[str] = []
    shared: list[str] = []
    letters: list[str] = []
    for connection, user in sorted(places):
        names = {"connection": connection, "user": user}
        others = await store.query(_OTHERS.format(persons=_listed("p", known)), **names, **_values("p", known))
        found = await store.query(
            "SELECT id FROM conversation WHERE connection = :connection AND user_id = :user", **names
        )
        (shared if known and others else alone).extend(row["id"] for row in found)
        letters += [letter async for letter in _letters(store, connection, user)]
    subject = Subject(tuple(known), tuple(sorted(places)), tuple(alone), tuple(shared), letters=tuple(letters))
    cases = await store.query(
        f"SELECT id FROM cases WHERE person IN ({_listed('p', known)}) OR conversation IN ({_listed('c', alone)})",
        **_values("p", known),
        **_values("c", alone),
    )
    links = await store.query(
        f"SELECT id FROM identity_link WHERE person IN ({_listed('p', known)})", **_values("p", known)
    )
    return replace(subject, cases=tuple(row["id"] for row in cases), links=tuple(row["id"] for row in links))


async def _letters(store: Store, connection: str, user: str) -> Any:
    """Dead letters that name this user of the platform."""
    after, word = "", re.compile(rb"(?<!" + _WORD + rb")" + re.escape(user.encode()) + rb"(?!" + _WORD + rb")")
    while rows := await store.query(_LETTERS, connection=connection, after=after):
        for row in rows:
            if word.search(bytes(row["body"])):
                yield row["id"]
        after = rows[-1]["id"]


def tables() -> Sequence[Table]:
    """Every table there is. Imports SQLAlchemy, which takes a moment."""
    from bot.store.schema import metadata

    return metadata.sorted_tables


def keys(table: Table) -> frozenset[str]:
    """By which columns this table's rows can be somebody's."""
    columns = set(table.columns.keys())
    found: set[str] = {name for name in ("person", "conversation", "case_id", "link") if name in columns}
    if {"connection", "user_id"} <= columns:
        found.add("address")
    if table.name in ("person", "conversation", "cases"):
        found.add("id")
    if table.name in BY_TEXT:
        found.add("text")
    return frozenset(found)


def selections(subject: Subject) -> Iterator[Selection]:
    """Every table's rows about the subject. The conversations come first: who writes to one waits for that, or fails.

    Raises nothing; a table without any of the columns is passed over (a test keeps those in PERSON_FREE).
    """
    ordered = sorted(tables(), key=lambda one: one.name != "conversation")
    for table in ordered:
        conditions = list(_conditions(table, subject))
        if conditions:
            values = {name: value for _, given in conditions for name, value in given.items()}
            yield Selection(table.name, " OR ".join(f"({text})" for text, _ in conditions), values)


def _conditions(table: Table, subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    by = keys(table)
    ids = {"person": subject.persons, "conversation": subject.conversations, "cases": subject.cases}
    if "id" in by and ids[table.name]:
        yield f"id IN ({_listed('i', ids[table.name])})", _values("i", ids[table.name])
    # Of a shared conversation the row stays, for the others' sake.
    if "person" in by and subject.persons and table.name != "conversation":
        yield f"person IN ({_listed('p', subject.persons)})", _values("p", subject.persons)
    if "conversation" in by and subject.conversations:
        yield f"conversation IN ({_listed('c', subject.conversations)})", _values("c", subject.conversations)
    if "case_id" in by and subject.cases and table.name != "conversation":
        mine, people = _mine(table, subject)
        yield f"case_id IN ({_listed('k', subject.cases)}){mine}", {**_values("k", subject.cases), **people}
    if "link" in by and subject.links:
        yield f"link IN ({_listed('n', subject.links)})", _values("n", subject.links)
    if "text" in by and subject.letters:
        yield f"id IN ({_listed('l', subject.letters)})", _values("l", subject.letters)
    if "address" in by and table.name != "conversation":
        yield from _by_address(table, subject)


def _by_address(table: Table, subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    mine, people = _mine(table, subject)
    for at, (connection, user) in enumerate(subject.addresses):
        yield f"connection = :ac{at} AND user_id = :au{at}{mine}", {f"ac{at}": connection, f"au{at}": user, **people}


def _mine(table: Table, subject: Subject) -> tuple[str, dict[str, Any]]:
    """Leaves out another customer's own rows, at an address or in a case that both have had to do with."""
    if "person" not in keys(table):
        return "", {}
    people = _listed("p", subject.persons)
    return f" AND (person IS NULL OR person IN ({people}))", _values("p", subject.persons)


def nobodys(conversation: str, last: float) -> Iterator[Selection]:
    """What was said in a shared conversation by nobody known, up to the subject's own last words there."""
    for table, time in (("inbound", "at"), ("outbound", "created_at"), ("entry", "at")):
        where = f"conversation = :shared AND person IS NULL AND {time} <= :last"
        yield Selection(table, where, {"shared": conversation, "last": last})


def deletion(selection: Selection) -> Sql:
    """The statement that removes a selection's rows."""
    return Sql(f"DELETE FROM {selection.table} WHERE {selection.where}", selection.values)


def _listed(prefix: str, items: Sequence[str]) -> str:
    return ", ".join(f":{prefix}{at}" for at in range(len(items))) or "NULL"


def _values(prefix: str, items: Sequence[str]) -> dict[str, Any]:
    return {f"{prefix}{at}": item for at, item in enumerate(items)}
