"""Conversations taken by agents, by when: what people waited lately is asked every second."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index("desk_item_claimed", "desk_item", ["claimed_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("desk_item_claimed", "desk_item")
