"""What the channels, the pages and the proof of identity keep."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "web_session",
        sa.Column("id_hash", sa.LargeBinary, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("last_seen_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id_hash"),
        sa.UniqueConstraint("user_id"),
    )
    op.create_table(
        "stream_token",
        sa.Column("token_hash", sa.LargeBinary, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    op.create_table(
        "socket",
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("opened_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("conversation"),
    )
    op.create_table(
        "file_handle",
        sa.Column("handle_hash", sa.LargeBinary, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("handle_hash"),
    )
    op.create_table(
        "identity_link",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("customer_ref", sa.Text, nullable=False),
        sa.Column("acr", sa.Text),
        sa.Column("session", sa.LargeBinary),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("auth_time", sa.Double, nullable=False),
        sa.Column("linked_at", sa.Double, nullable=False),
        sa.Column("last_used_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
        sa.Column("revoked_why", sa.Text),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "identity_link_active", "identity_link", ["connection", "user_id"], unique=True, **_where("revoked_at IS NULL")
    )
    op.create_index("identity_link_person", "identity_link", ["person"])
    op.create_table(
        "bound_identity",
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("bound_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
        sa.PrimaryKeyConstraint("issuer", "sub"),
    )
    op.create_table(
        "link_txn",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("handle_hash", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("display_name", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("action_hash", sa.LargeBinary),
        sa.Column("shown", sa.Text),
        sa.Column("link", sa.Text),
        sa.Column("link_version", sa.Integer),
        sa.Column("cookie_hash", sa.LargeBinary),
        sa.Column("csrf_hash", sa.LargeBinary),
        sa.Column("state_hash", sa.LargeBinary),
        sa.Column("secrets", sa.LargeBinary),
        sa.Column("issuer", sa.Text),
        sa.Column("sub", sa.Text),
        sa.Column("customer_ref", sa.Text),
        sa.Column("masked", sa.Text),
        sa.Column("acr", sa.Text),
        sa.Column("auth_time", sa.Double),
        sa.Column("code_hash", sa.LargeBinary),
        sa.Column("code_tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("code_expires_at", sa.Double),
        sa.Column("locale", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("ended_why", sa.Text),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle_hash"),
    )
    op.create_index("link_txn_conversation", "link_txn", ["conversation"])
    op.create_index("link_txn_user", "link_txn", ["connection", "user_id", "created_at"])
    op.create_table(
        "browser_login",
        sa.Column("cookie_hash", sa.LargeBinary, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("sub", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("acr", sa.Text),
        sa.Column("auth_time", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("cookie_hash", "issuer"),
    )
    op.create_table(
        "token_blob",
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
        sa.Column("held", sa.Double),
        sa.Column("person", sa.Text),
        sa.Column("expires_at", sa.Double),
        sa.PrimaryKeyConstraint("link", "kind"),
    )
    op.create_table(
        "step_up_grant",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("txn", sa.Text, nullable=False),
        sa.Column("conversation", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("action_hash", sa.LargeBinary, nullable=False),
        sa.Column("link", sa.Text, nullable=False),
        sa.Column("link_version", sa.Integer, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("used_by", sa.Text),
        sa.Column("granted_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("used_at", sa.Double),
        sa.Column("voided_at", sa.Double),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("txn"),
    )
    op.create_table(
        "rate",
        sa.Column("bucket", sa.Text, nullable=False),
        sa.Column("tokens", sa.Double, nullable=False),
        sa.Column("held", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("bucket"),
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("rate")
    op.drop_table("step_up_grant")
    op.drop_table("token_blob")
    op.drop_table("browser_login")
    op.drop_table("link_txn")
    op.drop_table("bound_identity")
    op.drop_table("identity_link")
    op.drop_table("file_handle")
    op.drop_table("socket")
    op.drop_table("stream_token")
    op.drop_table("web_session")


def _where(condition: str) -> dict[str, Any]:
    return {"postgresql_where": sa.text(condition), "sqlite_where": sa.text(condition)}
