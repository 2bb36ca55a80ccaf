"""What the recogniser is yet to learn."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from bot.store.schema.meta import metadata, moment

unsure = Table(
    "unsure",
    metadata,
    Column("id", Text, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("text", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("ranking", Text, nullable=False),
    Column("model", Text, nullable=False),
    moment("at", nullable=False),
)
"""An utterance, redacted, that was not understood (`why`: unsure) or whose reading was put right (repaired)."""
