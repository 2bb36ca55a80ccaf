"""The append-only audit: what was tried, by whom and how it ended, in ids and hashes alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

import msgspec

from bot.model import Plain
from bot.ports import Sql

_INSERT = (
    "INSERT INTO audit (id, what, conversation, person, subject, detail, digest, at)"
    " VALUES (:id, :what, :conversation, :person, :subject, :detail, :digest, :at)"
)


def audit_row(
    *,
    what: str,
    at: datetime,
    conversation: str | None = None,
    person: str | None = None,
    subject: str = "",
    detail: Mapping[str, Plain] | None = None,
) -> Sql:
    """The statement that adds one audit row to a change.

    `what` is a dotted name ("link.done"), `subject` the id of the thing it is about. `detail` holds ids, hashes and
    reasons only: never a token, a code, an address of a page or a customer's words. `digest` is the SHA-256 (hex) of
    the row's other columns as canonical JSON, so that a row changed afterwards is seen.
    """
    row: dict[str, Plain] = {
        "id": uuid4().hex,
        "what": what,
        "conversation": conversation,
        "person": person,
        "subject": subject,
        "detail": msgspec.json.encode(detail or {}, order="deterministic").decode(),
        "at": at.timestamp(),
    }
    return Sql(_INSERT, {**row, "digest": digest(row)}, rows=1)


def digest(row: Mapping[str, Plain]) -> str:
    """The digest of an audit row's columns, `digest` itself left out."""
    kept = {name: value for name, value in row.items() if name != "digest"}
    return sha256(msgspec.json.encode(kept, order="deterministic")).hexdigest()
