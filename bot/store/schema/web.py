"""The web chat: its visitors' sessions, their streams and sockets, and the files they may fetch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from bot.store.schema.meta import metadata, moment

web_session = Table(
    "web_session",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("user_id", Text, nullable=False, unique=True),
    moment("created_at", nullable=False),
    moment("last_seen_at", nullable=False),
    moment("expires_at", nullable=False),
)

stream_token = Table(
    "stream_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("watermark", BigInteger, nullable=False),
    moment("expires_at", nullable=False),
    moment("used_at"),
)

socket = Table(
    "socket",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    moment("opened_at", nullable=False),
    moment("customer_typed_at"),
    moment("agent_typed_at"),
)
"""`…_typed_at`: the last sign that either side writes, kept only while a person holds the conversation."""

file_handle = Table(
    "file_handle",
    metadata,
    Column("handle_hash", LargeBinary, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("ref", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    moment("expires_at", nullable=False),
)
