"""Conversations: what came, what goes out, the log both sides see, and what waits for its time."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from bot.store.schema.meta import metadata, moment

conversation = Table(
    "conversation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("person", Text),
    Column("locale", Text),
    Column("party", Text, nullable=False, server_default="bot"),
    Column("party_epoch", Integer, nullable=False, server_default="0"),
    Column("state", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("pos", BigInteger, nullable=False, server_default="0"),
    Column("due", Double),
    Column("leased", Integer, nullable=False, server_default="0"),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("needs", Integer, nullable=False, server_default="0"),
    Column("control", Text),
    Column("control_seq", BigInteger),
    Column("out_due", Double),
    Column("out_epoch", BigInteger, nullable=False, server_default="0"),
    Column("case_id", Text),
    moment("last_inbound_at"),
    moment("created_at", nullable=False),
    UniqueConstraint("connection", "user_id", "thread", name="conversation_address"),
    Index("conversation_due", "due", postgresql_where=text("due IS NOT NULL"), sqlite_where=text("due IS NOT NULL")),
    Index(
        "conversation_out_due",
        "out_due",
        postgresql_where=text("out_due IS NOT NULL"),
        sqlite_where=text("out_due IS NOT NULL"),
    ),
    Index("conversation_person", "person"),
)

inbound = Table(
    "inbound",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("locale", Text),
    Column("person", Text),
    moment("at", nullable=False),
    sqlite_with_rowid=False,
)

outbound = Table(
    "outbound",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("uncertain", Integer, nullable=False, server_default="0"),
    Column("platform_id", Text),
    Column("reason", Text),
    Column("person", Text),
    Column("case_id", Text),
    Column("held", Double),
    moment("expires_at"),
    moment("created_at", nullable=False),
    moment("sent_at"),
    Index(
        "outbound_open",
        "conversation",
        "seq",
        "n",
        postgresql_where=text("status IN ('queued', 'sending')"),
        sqlite_where=text("status IN ('queued', 'sending')"),
    ),
    sqlite_with_rowid=False,
)

entry = Table(
    "entry",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("pos", BigInteger, primary_key=True),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("ref", Text, nullable=False, server_default=""),
    Column("person", Text),
    Column("case_id", Text),
    moment("at", nullable=False),
    sqlite_with_rowid=False,
)

seen = Table(
    "seen",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    moment("at", nullable=False),
    sqlite_with_rowid=False,
)

timer = Table(
    "timer",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("op", Text, primary_key=True),
    moment("at", nullable=False),
    Index("timer_at", "at"),
)
