"""Who writes in a web chat just now: the customer, and whoever holds the conversation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("socket", sa.Column("customer_typed_at", sa.Double))
    op.add_column("socket", sa.Column("agent_typed_at", sa.Double))


def downgrade() -> None:
    """Undo."""
    op.drop_column("socket", "agent_typed_at")
    op.drop_column("socket", "customer_typed_at")
