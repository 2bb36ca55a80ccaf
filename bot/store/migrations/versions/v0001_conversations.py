"""Conversations and all that hangs on them: messages, log, outbox, timers, people, cases, effects, audit."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "conversation",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("thread", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("locale", sa.Text),
        sa.Column("party", sa.Text, nullable=False, server_default="bot"),
        sa.Column("party_epoch", sa.Integer, nullable=False, server_default="0"),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("done", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("pos", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("due", sa.Double),
        sa.Column("leased", sa.Integer, nullable=False, server_default="0"),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("needs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("control", sa.Text),
        sa.Column("control_seq", sa.BigInteger),
        sa.Column("out_due", sa.Double),
        sa.Column("out_epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("case_id", sa.Text),
        sa.Column("last_inbound_at", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection", "user_id", "thread", name="conversation_address"),
    )
    op.create_index("conversation_due", "conversation", ["due"], **_where("due IS NOT NULL"))
    op.create_index("conversation_out_due", "conversation", ["out_due"], **_where("out_due IS NOT NULL"))
    op.create_index("conversation_person", "conversation", ["person"])
    op.create_table(
        "inbound",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("locale", sa.Text),
        sa.Column("person", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("conversation", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbound",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("uncertain", sa.Integer, nullable=False, server_default="0"),
        sa.Column("platform_id", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("person", sa.Text),
        sa.Column("case_id", sa.Text),
        sa.Column("held", sa.Double),
        sa.Column("expires_at", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("sent_at", sa.Double),
        sa.PrimaryKeyConstraint("conversation", "seq", "n"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "outbound_open", "outbound", ["conversation", "seq", "n"], **_where("status IN ('queued', 'sending')")
    )
    op.create_table(
        "entry",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("pos", sa.BigInteger, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("ref", sa.Text, nullable=False, server_default=""),
        sa.Column("person", sa.Text),
        sa.Column("case_id", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("conversation", "pos"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seen",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("connection", "key_hash"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "timer",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("conversation", "op"),
    )
    op.create_index("timer_at", "timer", ["at"])
    op.create_table(
        "person",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("customer_ref", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("brand", "customer_ref", name="person_customer"),
    )
    op.create_table(
        "address_of",
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("from_at", sa.Double, nullable=False),
        sa.Column("to_at", sa.Double),
        sa.PrimaryKeyConstraint("person", "connection", "user_id", "from_at"),
    )
    op.create_index("address_of_user", "address_of", ["connection", "user_id"])
    op.create_table(
        "cases",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False, server_default=""),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("about", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("opened", sa.Double, nullable=False),
        sa.Column("closed", sa.Double),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("cases_open", "cases", ["opened"], **_where("closed IS NULL"))
    op.create_table(
        "effect",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("case_id", sa.Text),
        sa.Column("dialog", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("function", sa.Text, nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("read_back", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("deadline", sa.Double, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("settled_at", sa.Double),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("effect_open", "effect", ["status"], **_where("status IN ('intent', 'unknown')"))
    op.create_index("effect_person", "effect", ["person", "begun_at"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text),
        sa.Column("person", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_at", "audit", ["at"])
    op.create_index("audit_person", "audit", ["person", "at"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("audit")
    op.drop_table("effect")
    op.drop_table("cases")
    op.drop_table("address_of")
    op.drop_table("person")
    op.drop_table("timer")
    op.drop_table("seen")
    op.drop_table("entry")
    op.drop_table("outbound")
    op.drop_table("inbound")
    op.drop_table("conversation")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}
