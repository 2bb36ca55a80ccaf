"""What outlives what was kept: which erasures were done, so that a restored backup forgets the same again."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from bot.store.schema.meta import metadata, moment

erasure = Table(
    "erasure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    moment("at", nullable=False),
    Index("erasure_at", "at"),
)
"""One erasure's subjects: a keyed hash of a person's id or of an address, never either of them."""
