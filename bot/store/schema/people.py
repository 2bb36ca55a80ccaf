"""People: who they are, what was done for them, and the record of it."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Table, Text, UniqueConstraint, text

from bot.store.schema.meta import metadata, moment

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("brand", "customer_ref", name="person_customer"),
)

address_of = Table(
    "address_of",
    metadata,
    Column("person", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("from_at", Double, primary_key=True),
    moment("to_at"),
    Index("address_of_user", "connection", "user_id"),
)

case = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("brand", Text, nullable=False),
    Column("person", Text),
    Column("conversation", Text, nullable=False),
    Column("op", Text, nullable=False, server_default=""),
    Column("origin", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("about", Text),
    Column("outcome", Text),
    moment("opened", nullable=False),
    moment("closed"),
    Index("cases_open", "opened", postgresql_where=text("closed IS NULL"), sqlite_where=text("closed IS NULL")),
)

effect = Table(
    "effect",
    metadata,
    Column("key", Text, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("case_id", Text),
    Column("dialog", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("read_back", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("reference", Text),
    Column("deadline", Double, nullable=False),
    moment("begun_at", nullable=False),
    moment("settled_at"),
    Index("effect_person", "person", "begun_at"),
    Index(
        "effect_open",
        "status",
        postgresql_where=text("status IN ('intent', 'unknown')"),
        sqlite_where=text("status IN ('intent', 'unknown')"),
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("conversation", Text),
    Column("person", Text),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
    moment("at", nullable=False),
    Index("audit_at", "at"),
    Index("audit_person", "person", "at"),
)
