"""The desk: who works there, which conversations wait for or are held by whom, notes, replies, acts, files."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from bot.store.schema.meta import metadata, moment

desk_agent = Table(
    "desk_agent",
    metadata,
    Column("id", Text, primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("sub", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("skills", Text, nullable=False),
    Column("languages", Text, nullable=False),
    Column("capacity", Integer, nullable=False),
    moment("seen_at", nullable=False),
    moment("created_at", nullable=False),
    UniqueConstraint("issuer", "sub", name="desk_agent_sub"),
)

desk_session = Table(
    "desk_session",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("agent", Text, nullable=False),
    moment("created_at", nullable=False),
    moment("expires_at", nullable=False),
    Index("desk_session_expires", "expires_at"),
)

desk_item = Table(
    "desk_item",
    metadata,
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("channel", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("skill", Text),
    Column("language", Text, nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("live", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("agent", Text),
    Column("offered_to", Text),
    Column("seen_pos", Integer, nullable=False, server_default="0"),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("told", Text, nullable=False, server_default=""),
    Column("ended_why", Text),
    Column("csat", Integer),
    Column("tariff", Text),
    moment("opened_at", nullable=False),
    moment("waiting_since", nullable=False),
    moment("offered_at"),
    moment("claimed_at"),
    moment("replied_at"),
    moment("snoozed_until"),
    moment("told_at"),
    moment("ended_at"),
    moment("csat_at"),
    Index(
        "desk_item_active",
        "conversation",
        unique=True,
        postgresql_where=text("state <> 'ended'"),
        sqlite_where=text("state <> 'ended'"),
    ),
    Index("desk_item_opened", "opened_at"),
    Index("desk_item_claimed", "claimed_at"),
    Index("desk_item_conversation", "conversation", "opened_at"),
)
"""`state`: waiting, held, snoozed, ended. At most one that is not ended for a conversation; `live`: somebody waits."""

desk_note = Table(
    "desk_note",
    metadata,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("agent", Text, nullable=False),
    Column("text", Text, nullable=False),
    moment("at", nullable=False),
    Index("desk_note_conversation", "conversation", "at"),
)

desk_reply = Table(
    "desk_reply",
    metadata,
    Column("id", Text, primary_key=True),
    Column("shortcut", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", Text),
    moment("at", nullable=False),
)

desk_act = Table(
    "desk_act",
    metadata,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("agent", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("amount", Integer),
    Column("wanted_at", Text),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reference", Text),
    Column("decided_by", Text),
    Column("decided_why", Text),
    Column("held", Double),
    Column("tries", Integer, nullable=False, server_default="0"),
    moment("asked_at", nullable=False),
    moment("decided_at"),
    moment("settled_at"),
    Index("desk_act_item", "item", "asked_at"),
    Index(
        "desk_act_open",
        "status",
        postgresql_where=text("status IN ('asked', 'intent', 'unknown')"),
        sqlite_where=text("status IN ('asked', 'intent', 'unknown')"),
    ),
)
"""`status`: asked (a lead decides), declined, intent, done, refused, unknown."""

desk_viewer = Table(
    "desk_viewer",
    metadata,
    Column("item", Text, primary_key=True),
    Column("agent", Text, primary_key=True),
    moment("at", nullable=False),
    moment("typing_at"),
)

desk_file = Table(
    "desk_file",
    metadata,
    Column("id", Text, primary_key=True),
    Column("item", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("agent", Text),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    moment("at", nullable=False),
    Index("desk_file_conversation", "conversation"),
)

desk_feed = Table(
    "desk_feed",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("reference", Text, nullable=False),
    Column("person", Text),
    Column("cases", Text, nullable=False),
    Column("pos", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("why", Text, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("held", Double),
    moment("at", nullable=False),
    Index("desk_feed_due", "held", postgresql_where=text("held IS NOT NULL"), sqlite_where=text("held IS NOT NULL")),
)
"""What an external desk has been told of: the log up to `pos`. `state`: opening, open, closing, closed."""
