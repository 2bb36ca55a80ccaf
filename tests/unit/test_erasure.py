"""Erasure and export over every table there is, found by their columns: a new table is covered, or a test fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from sqlalchemy import BigInteger, Double, Integer, LargeBinary, Table

from bot.audit import audit_row, digest
from bot.erasure import Erasure, Mark, NobodyKnown
from bot.errors import Conflict
from bot.ports import Sql, Store
from bot.store import open_store
from bot.store.schema import PERSON_FREE, metadata
from bot.store.subject import keys
from bot.testing.clock import SetClock
from tests.postgres import fresh_database

SECRET = b"a secret of the erasure tests, long enough"
AT = 1_790_000_000.0


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(fresh_database()) if kind == "postgres" else "sqlite://:memory:"
        store = await open_store(url)
        stack.push_async_callback(store.close)
        yield store


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with opened("memory") as made:
        yield made


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
async def each_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with opened(request.param) as made:
        yield made


def erasure(store: Store) -> Erasure:
    return Erasure(store, SetClock(), "larkspur", [SECRET])


def row_of(table: Table, who: str, *, known: bool) -> dict[str, Any]:
    """A row about somebody, every text of it marked; `known`: with the person's id, where the table leaves a choice."""
    given: dict[str, Any] = {
        "person": f"person-{who}",
        "conversation": f"conversation-{who}",
        "connection": "telegram",
        "user_id": f"user-{who}",
        "case_id": f"case-{who}",
        "link": f"link-{who}",
        "brand": "larkspur",
        "at": AT,
    }
    ids = {"person": "person", "conversation": "conversation", "cases": "case", "identity_link": "link"}
    row: dict[str, Any] = {}
    for column in table.columns:
        name = column.name
        if name == "id" and table.name in ids:
            row[name] = f"{ids[table.name]}-{who}"
        elif name == "person" and column.nullable and not known:
            row[name] = None
        elif name in given:
            row[name] = given[name]
        elif isinstance(column.type, BigInteger | Integer):
            row[name] = 1 if known else 2
        elif isinstance(column.type, Double):
            row[name] = AT
        elif isinstance(column.type, LargeBinary):
            row[name] = f'{{"by":"user-{who}","words":"words of {who} {table.name} {known}"}}'.encode()
        else:
            row[name] = f"words of {who} {table.name}.{name} {known}"
    if table.name in ("conversation", "cases"):
        row["person"] = f"person-{who}" if known else None
    return row


def insertion(table: Table, row: dict[str, Any]) -> Sql:
    names = ", ".join(row)
    return Sql(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join(f':{name}' for name in row)})", row, rows=1)


async def fill(store: Store, who: str) -> None:
    """Two rows about somebody in every table: one that names the person, and one that was written before we knew."""
    for table in metadata.sorted_tables:
        if table.name in PERSON_FREE and not keys(table):
            continue
        if table.name == "audit":
            await store.change([audit_row(what="link.done", at=SetClock().now(), person=f"person-{who}", subject="x")])
            continue
        await store.change([insertion(table, row_of(table, who, known=True))])
        if "person" in table.columns and table.columns["person"].nullable:
            with suppress(Conflict):  # Of some there is one row alone for a conversation.
                await store.change([insertion(table, row_of(table, who, known=False))])


async def everything(store: Store) -> dict[str, str]:
    """All that stands in each table, as one text."""
    found: dict[str, str] = {}
    for table in metadata.sorted_tables:
        rows = await store.query(f"SELECT * FROM {table.name}")
        plain = [{name: bytes(v) if isinstance(v, memoryview) else v for name, v in row.items()} for row in rows]
        found[table.name] = repr(plain)
    return found


def of(who: str) -> tuple[str, ...]:
    return (f"words of {who}", f"user-{who}", f"conversation-{who}", f"case-{who}", f"person-{who}")


@pytest.mark.parametrize("table", [one.name for one in metadata.sorted_tables if one.name not in PERSON_FREE])
def test_every_table_about_somebody_can_be_found_without_a_filled_person(table: str) -> None:
    by = keys(metadata.tables[table])
    required = "person" in metadata.tables[table].columns and not metadata.tables[table].columns["person"].nullable
    assert by - {"person"} or required, f"{table} needs `conversation`, `connection` with `user_id`, or `case_id`"


async def test_after_an_erasure_no_table_holds_anything_of_the_person(each_store: Store) -> None:
    store = each_store
    await fill(store, "ana")
    await fill(store, "bob")
    before = await everything(store)
    assert all("ana" in text for table, text in before.items() if table not in PERSON_FREE)
    counts = await erasure(store).erase("person-ana")
    after = await everything(store)
    for table, text in after.items():
        if table == "audit":
            assert not any(word in text for word in of("ana")[:4])
            continue
        assert not any(word in text for word in of("ana")), table
        assert text.count("bob") == before[table].count("bob"), table
    assert counts["conversation"] == counts["person"] == 1
    assert counts["dead_letter"] == counts["entry"] == 2


async def test_what_the_audit_holds_still_verifies_and_belongs_to_nobody(store: Store) -> None:
    await fill(store, "ana")
    await erasure(store).erase("person-ana")
    rows = await store.query("SELECT * FROM audit ORDER BY at, what")
    assert {row["what"] for row in rows} == {"link.done", "person.erased"}
    for row in rows:
        assert digest({name: value for name, value in row.items() if name != "digest"}) == row["digest"]
    assert "ana" not in next(repr(row) for row in rows if row["what"] == "person.erased")
    assert await store.query("SELECT id FROM person") == []


@pytest.mark.parametrize(
    "name", ["person-ana", "words of ana person.customer_ref True", "conversation-ana", "telegram/user-ana"]
)
async def test_a_person_is_found_by_each_of_their_names(each_store: Store, name: str) -> None:
    store = each_store
    await fill(store, "ana")
    found = await erasure(store).find(name)
    assert found.persons == ("person-ana",)
    assert found.addresses == (("telegram", "user-ana"),)


async def test_nobody_of_that_name_is_an_error_and_erases_nothing(store: Store) -> None:
    await fill(store, "ana")
    before = await everything(store)
    for name in ("", "%", "person-an", "telegram/", "ana' OR 1=1 --"):
        with pytest.raises(NobodyKnown):
            await erasure(store).erase(name)
    assert await everything(store) == before


async def test_somebody_who_never_signed_in_is_erased_by_their_chat(store: Store) -> None:
    await fill(store, "ana")
    await store.change([Sql("DELETE FROM person"), Sql("UPDATE conversation SET person = NULL")])
    for table in ("identity_link", "address_of", "link_txn", "step_up_grant", "bound_identity", "browser_login"):
        await store.change([Sql(f"DELETE FROM {table}")])
    await erasure(store).erase("telegram/user-ana")
    left = await everything(store)
    assert [table for table, text in left.items() if "words of ana" in text and "person-ana" not in text] == []
    assert "words of ana" not in left["entry"] + left["inbound"] + left["dead_letter"] + left["public_ask"]


async def test_the_export_has_every_table_and_no_sealed_bytes(store: Store) -> None:
    await fill(store, "ana")
    await fill(store, "bob")
    found = await erasure(store).export("person-ana")
    text = msgspec.json.encode(found).decode()
    wanted = {one.name for one in metadata.sorted_tables if keys(one)}
    assert set(found["kept"]) == wanted
    assert "bob" not in text
    assert found["kept"]["entry"][0]["at"] == "2026-09-21T14:13:20Z"
    assert found["about"] == {"persons": ["person-ana"], "addresses": [{"connection": "telegram", "user": "user-ana"}]}
    assert found["kept"]["conversation"][0]["state"]["words"] == "words of ana conversation True"
    assert not any("ciphertext" in row or "handle_hash" in row for rows in found["kept"].values() for row in rows)


async def test_a_file_is_exported_as_it_is(store: Store) -> None:
    await fill(store, "ana")
    await store.change([Sql("UPDATE desk_file SET body = :body", {"body": b"%PDF\xff\x00"})])
    found = await erasure(store).export("person-ana")
    assert {row["body"]["base64"] for row in found["kept"]["desk_file"]} == {"JVBERv8A"}


async def test_of_a_chat_that_two_customers_used_only_ones_rows_go(each_store: Store) -> None:
    store = each_store
    await fill(store, "ana")
    entry, link = metadata.tables["entry"], metadata.tables["identity_link"]
    bobs = {**row_of(entry, "ana", known=True), "person": "person-bob", "pos": 7, "body": "words of bob", "at": AT + 9}
    later = {**row_of(entry, "ana", known=False), "pos": 8, "body": "words of somebody", "at": AT + 10, "case_id": None}
    linked = {**row_of(link, "ana", known=True), "id": "link-bob", "person": "person-bob", "revoked_at": None}
    await store.change([insertion(entry, bobs), insertion(entry, later), insertion(link, linked)])
    found = await erasure(store).find("person-ana")
    assert (found.conversations, found.shared) == ((), ("conversation-ana",))
    await erasure(store).erase("person-ana")
    rows = await store.query("SELECT person, body FROM entry ORDER BY pos")
    assert rows == [
        {"person": "person-bob", "body": "words of bob"},
        {"person": None, "body": "words of somebody"},
    ]
    [left] = await store.query("SELECT person, state, due FROM conversation")
    assert (left["person"], bytes(left["state"]), left["due"]) == (None, b"{}", None)
    assert [row["id"] for row in await store.query("SELECT id FROM identity_link")] == ["link-bob"]


async def test_an_erasure_is_done_again_where_it_has_not_been_seen_and_only_there(each_store: Store) -> None:
    store = each_store
    await fill(store, "ana")
    here = erasure(store)
    await here.erase("person-ana")
    marks = await here.marks()
    assert len({one.id for one in marks}) == 1
    assert not any(word in repr(marks) for word in of("ana"))
    # The same customer comes back: what was erased here before is not erased again.
    await fill(store, "ana")
    assert await here.again(marks) == 0
    assert "words of ana" in (await everything(store))["entry"]
    # A database that has not seen the erasure, under a secret that has been replaced since.
    await store.change([Sql("DELETE FROM erasure")])
    replaced = Erasure(store, SetClock(), "larkspur", [b"another secret, long enough too..", SECRET])
    assert await replaced.again(marks) == 1
    left = await everything(store)
    assert [table for table, text in left.items() if "words of ana" in text] == []
    assert await here.marks() == marks


async def test_an_erasure_is_remembered_under_the_servers_secret_alone(store: Store) -> None:
    await fill(store, "ana")
    marks = [*await told(store)]
    assert await Erasure(store, SetClock(), "larkspur", [b"not the secret of this server...."]).again(marks) == 1
    assert "words of ana" in (await everything(store))["entry"]


async def told(store: Store) -> list[Mark]:
    """What erasing Ana elsewhere would leave."""
    await erasure(store).erase("person-ana")
    marks = await erasure(store).marks()
    await store.change([Sql("DELETE FROM erasure")])
    await fill(store, "ana")
    return marks
