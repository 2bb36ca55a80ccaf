"""The desk: agents, what waits for them and what they hold, notes, replies, acts, files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "desk_agent",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("presence", sa.Text, nullable=False),
        sa.Column("skills", sa.Text, nullable=False),
        sa.Column("languages", sa.Text, nullable=False),
        sa.Column("capacity", sa.Integer, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("issuer", "sub", name="desk_agent_sub"),
    )
    op.create_table(
        "desk_session",
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
    )
    op.create_index("desk_session_expires", "desk_session", ["expires_at"])
    op.create_table(
        "desk_item",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("skill", sa.Text),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("urgency", sa.Integer, nullable=False),
        sa.Column("live", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("agent", sa.Text),
        sa.Column("offered_to", sa.Text),
        sa.Column("seen_pos", sa.Integer, nullable=False, server_default="0"),
        sa.Column("times", sa.Integer, nullable=False, server_default="1"),
        sa.Column("told", sa.Text, nullable=False, server_default=""),
        sa.Column("ended_why", sa.Text),
        sa.Column("csat", sa.Integer),
        sa.Column("tariff", sa.Text),
        sa.Column("opened_at", sa.Double, nullable=False),
        sa.Column("waiting_since", sa.Double, nullable=False),
        sa.Column("offered_at", sa.Double),
        sa.Column("claimed_at", sa.Double),
        sa.Column("replied_at", sa.Double),
        sa.Column("snoozed_until", sa.Double),
        sa.Column("told_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("csat_at", sa.Double),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "desk_item_active",
        "desk_item",
        ["conversation"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
        sqlite_where=sa.text("state <> 'ended'"),
    )
    op.create_index("desk_item_conversation", "desk_item", ["conversation", "opened_at"])
    op.create_index("desk_item_opened", "desk_item", ["opened_at"])
    op.create_table(
        "desk_note",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("desk_note_conversation", "desk_note", ["conversation", "at"])
    op.create_table(
        "desk_reply",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("shortcut", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "desk_act",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("amount", sa.Integer),
        sa.Column("wanted_at", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_why", sa.Text),
        sa.Column("held", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("asked_at", sa.Double, nullable=False),
        sa.Column("decided_at", sa.Double),
        sa.Column("settled_at", sa.Double),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("desk_act_item", "desk_act", ["item", "asked_at"])
    op.create_index(
        "desk_act_open",
        "desk_act",
        ["status"],
        postgresql_where=sa.text("status IN ('asked', 'intent', 'unknown')"),
        sqlite_where=sa.text("status IN ('asked', 'intent', 'unknown')"),
    )
    op.create_table(
        "desk_viewer",
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("typing_at", sa.Double),
        sa.PrimaryKeyConstraint("item", "agent"),
    )
    op.create_table(
        "desk_file",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("desk_file_conversation", "desk_file", ["conversation"])
    op.create_table(
        "desk_feed",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("cases", sa.Text, nullable=False),
        sa.Column("pos", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("held", sa.Double),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("conversation"),
    )
    op.create_index(
        "desk_feed_due",
        "desk_feed",
        ["held"],
        postgresql_where=sa.text("held IS NOT NULL"),
        sqlite_where=sa.text("held IS NOT NULL"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("desk_feed")
    op.drop_table("desk_file")
    op.drop_table("desk_viewer")
    op.drop_table("desk_act")
    op.drop_table("desk_reply")
    op.drop_table("desk_note")
    op.drop_table("desk_item")
    op.drop_table("desk_session")
    op.drop_table("desk_agent")
