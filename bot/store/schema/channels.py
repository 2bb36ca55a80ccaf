"""The channels: their limits, what could not be taken, and what was asked in public."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from bot.store.schema.meta import metadata, moment

rate = Table(
    "rate",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("tokens", Double, nullable=False),
    Column("held", Double, nullable=False),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("person", Text),
    moment("at", nullable=False),
    Index("dead_letter_at", "at"),
)

public_ask = Table(
    "public_ask",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("locale", Text),
    Column("person", Text),
    Column("conversation", Text),
    Column("post", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("held", Double),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    moment("answered_at"),
    moment("entered_at"),
    UniqueConstraint("connection", "key", name="public_ask_key"),
    Index("public_ask_open", "held", postgresql_where=text("held IS NOT NULL"), sqlite_where=text("held IS NOT NULL")),
)
