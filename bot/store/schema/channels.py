"""The channels: their limits, what could not be taken, and what was asked in public."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

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
    Column("closure", Text),
    Column("closure_held", Double),
    UniqueConstraint("connection", "key", name="public_ask_key"),
    Index("public_ask_open", "held", postgresql_where=text("held IS NOT NULL"), sqlite_where=text("held IS NOT NULL")),
)
"""`closure`: offered, wanted, said or not_said: a closing line for all to see, which only the asker can want."""

kept_file = Table(
    "kept_file",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("ref", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("body", LargeBinary),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("held", Double),
    moment("at", nullable=False),
    Index("kept_file_conversation", "conversation"),
    Index("kept_file_open", "held", postgresql_where=text("held IS NOT NULL"), sqlite_where=text("held IS NOT NULL")),
)
"""`state`: wanted (to be fetched from the platform by `ref`), kept, refused (`why` is an error's name)."""
