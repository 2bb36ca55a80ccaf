"""What platforms sent that could not be read, and questions asked in public until they go on in private."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("dead_letter_at", "dead_letter", ["at"])
    op.create_table(
        "public_ask",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("locale", sa.Text),
        sa.Column("person", sa.Text),
        sa.Column("conversation", sa.Text),
        sa.Column("post", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("held", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("answered_at", sa.Double),
        sa.Column("entered_at", sa.Double),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection", "key", name="public_ask_key"),
    )
    open_only = sa.text("held IS NOT NULL")
    op.create_index("public_ask_open", "public_ask", ["held"], postgresql_where=open_only, sqlite_where=open_only)


def downgrade() -> None:
    """Undo."""
    op.drop_table("public_ask")
    op.drop_table("dead_letter")
