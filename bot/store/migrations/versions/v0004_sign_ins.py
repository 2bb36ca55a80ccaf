"""Sign-ins by what is asked of them: those that run out, those to forget, a code's, a customer's at one provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_PARTIAL = {
    "link_txn_live": ("expires_at", "ended_at IS NULL"),
    "link_txn_ended": ("ended_at", "ended_at IS NOT NULL"),
    "link_txn_code": ("code_hash", "code_hash IS NOT NULL"),
}


def upgrade() -> None:
    """Apply."""
    for name, (column, condition) in _PARTIAL.items():
        only = sa.text(condition)
        op.create_index(name, "link_txn", [column], postgresql_where=only, sqlite_where=only)
    op.create_index("identity_link_sub", "identity_link", ["issuer", "sub"])
    op.create_index("bound_identity_person", "bound_identity", ["person"])
    op.create_index("token_blob_expires", "token_blob", ["expires_at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index("token_blob_expires", "token_blob")
    op.drop_index("bound_identity_person", "bound_identity")
    op.drop_index("identity_link_sub", "identity_link")
    for name in _PARTIAL:
        op.drop_index(name, "link_txn")
