"""Files that customers sent, kept for a person; and what becomes of a public question's closing line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kept_file",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False, server_default=""),
        sa.Column("body", sa.LargeBinary),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("held", sa.Double),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("kept_file_conversation", "kept_file", ["conversation"])
    open_only = sa.text("held IS NOT NULL")
    op.create_index("kept_file_open", "kept_file", ["held"], postgresql_where=open_only, sqlite_where=open_only)
    op.add_column("public_ask", sa.Column("closure", sa.Text))
    op.add_column("public_ask", sa.Column("closure_held", sa.Double))


def downgrade() -> None:
    """Undo."""
    op.drop_column("public_ask", "closure_held")
    op.drop_column("public_ask", "closure")
    op.drop_table("kept_file")
