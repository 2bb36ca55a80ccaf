"""The tables, once, for both stores and for the migrations. Times are epoch seconds; JSON is text.

Columns named `due`, `held`, `deadline`, `retry_at` are liveness (the database's clock); all other times are meaning
(the injected clock). No column mixes the two. `person` marks a table that can hold somebody's words or data.

`conversation.due` says when the next claim may take it: NULL, nothing waits; with `leased` = 1, a worker's lease ends
then; with `leased` = 0, it is ready (past) or backs off (future). `out_due` is the same for the outbox, where the lease
is a row with status `sending`. `outbound.held` is that row's lease, or for a `queued` row when to try again.
`outbound.status`: queued, sending, sent, withheld, dead, expired, superseded.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()


def _time(name: str, *, nullable: bool = True) -> Column[float]:
    return Column(name, Double, nullable=nullable)


conversation = Table(
    "conversation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("person", Text),
    Column("locale", Text),
    Column("party", Text, nullable=False, server_default="bot"),
    Column("party_epoch", Integer, nullable=False, server_default="0"),
    Column("state", LargeBinary, nullable=False),
    Column("seq", BigInteger, nullable=False, server_default="0"),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("pos", BigInteger, nullable=False, server_default="0"),
    Column("due", Double),
    Column("leased", Integer, nullable=False, server_default="0"),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("needs", Integer, nullable=False, server_default="0"),
    Column("control", Text),
    Column("control_seq", BigInteger),
    Column("out_due", Double),
    Column("out_epoch", BigInteger, nullable=False, server_default="0"),
    Column("case_id", Text),
    _time("last_inbound_at"),
    _time("created_at", nullable=False),
    UniqueConstraint("connection", "user_id", "thread", name="conversation_address"),
    Index("conversation_due", "due", postgresql_where=text("due IS NOT NULL"), sqlite_where=text("due IS NOT NULL")),
    Index(
        "conversation_out_due",
        "out_due",
        postgresql_where=text("out_due IS NOT NULL"),
        sqlite_where=text("out_due IS NOT NULL"),
    ),
    Index("conversation_person", "person"),
)

inbound = Table(
    "inbound",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("locale", Text),
    Column("person", Text),
    _time("at", nullable=False),
    sqlite_with_rowid=False,
)

outbound = Table(
    "outbound",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("uncertain", Integer, nullable=False, server_default="0"),
    Column("platform_id", Text),
    Column("reason", Text),
    Column("person", Text),
    Column("case_id", Text),
    Column("held", Double),
    _time("expires_at"),
    _time("created_at", nullable=False),
    _time("sent_at"),
    Index(
        "outbound_open",
        "conversation",
        "seq",
        "n",
        postgresql_where=text("status IN ('queued', 'sending')"),
        sqlite_where=text("status IN ('queued', 'sending')"),
    ),
    sqlite_with_rowid=False,
)

entry = Table(
    "entry",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("pos", BigInteger, primary_key=True),
    Column("side", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("ref", Text, nullable=False, server_default=""),
    Column("person", Text),
    Column("case_id", Text),
    _time("at", nullable=False),
    sqlite_with_rowid=False,
)

seen = Table(
    "seen",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    _time("at", nullable=False),
    sqlite_with_rowid=False,
)

timer = Table(
    "timer",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("op", Text, primary_key=True),
    _time("at", nullable=False),
    Index("timer_at", "at"),
)

person = Table(
    "person",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    _time("created_at", nullable=False),
    UniqueConstraint("brand", "customer_ref", name="person_customer"),
)

address_of = Table(
    "address_of",
    metadata,
    Column("person", Text, primary_key=True),
    Column("connection", Text, primary_key=True),
    Column("user_id", Text, primary_key=True),
    Column("from_at", Double, primary_key=True),
    _time("to_at"),
    Index("address_of_user", "connection", "user_id"),
)

case = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("brand", Text, nullable=False),
    Column("person", Text),
    Column("conversation", Text, nullable=False),
    Column("op", Text, nullable=False, server_default=""),
    Column("origin", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("about", Text),
    Column("outcome", Text),
    _time("opened", nullable=False),
    _time("closed"),
    Index("cases_open", "opened", postgresql_where=text("closed IS NULL"), sqlite_where=text("closed IS NULL")),
)

effect = Table(
    "effect",
    metadata,
    Column("key", Text, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("case_id", Text),
    Column("dialog", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("read_back", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("reference", Text),
    Column("deadline", Double, nullable=False),
    _time("begun_at", nullable=False),
    _time("settled_at"),
    Index("effect_person", "person", "begun_at"),
    Index(
        "effect_open",
        "status",
        postgresql_where=text("status IN ('intent', 'unknown')"),
        sqlite_where=text("status IN ('intent', 'unknown')"),
    ),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("what", Text, nullable=False),
    Column("conversation", Text),
    Column("person", Text),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("digest", Text, nullable=False),
    _time("at", nullable=False),
    Index("audit_at", "at"),
    Index("audit_person", "person", "at"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("id_hash", LargeBinary, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("user_id", Text, nullable=False, unique=True),
    _time("created_at", nullable=False),
    _time("last_seen_at", nullable=False),
    _time("expires_at", nullable=False),
)

stream_token = Table(
    "stream_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("watermark", BigInteger, nullable=False),
    _time("expires_at", nullable=False),
    _time("used_at"),
)

socket = Table(
    "socket",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    _time("opened_at", nullable=False),
)

file_handle = Table(
    "file_handle",
    metadata,
    Column("handle_hash", LargeBinary, primary_key=True),
    Column("conversation", Text, nullable=False),
    Column("person", Text),
    Column("ref", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    _time("expires_at", nullable=False),
)

identity_link = Table(
    "identity_link",
    metadata,
    Column("id", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("sub", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("acr", Text),
    Column("session", LargeBinary),
    Column("version", Integer, nullable=False, server_default="1"),
    _time("auth_time", nullable=False),
    _time("linked_at", nullable=False),
    _time("last_used_at", nullable=False),
    _time("expires_at", nullable=False),
    _time("revoked_at"),
    Column("revoked_why", Text),
    Index(
        "identity_link_active",
        "connection",
        "user_id",
        unique=True,
        postgresql_where=text("revoked_at IS NULL"),
        sqlite_where=text("revoked_at IS NULL"),
    ),
    Index("identity_link_person", "person"),
    Index("identity_link_sub", "issuer", "sub"),
)

bound_identity = Table(
    "bound_identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("sub", Text, primary_key=True),
    Column("brand", Text, nullable=False),
    Column("person", Text, nullable=False),
    _time("bound_at", nullable=False),
    _time("revoked_at"),
    Index("bound_identity_person", "person"),
)

link_txn = Table(
    "link_txn",
    metadata,
    Column("id", Text, primary_key=True),
    Column("handle_hash", LargeBinary, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("connection", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("op", Text, nullable=False),
    Column("person", Text),
    Column("display_name", Text),
    Column("provider", Text),
    Column("action", Text),
    Column("action_hash", LargeBinary),
    Column("shown", Text),
    Column("link", Text),
    Column("link_version", Integer),
    Column("cookie_hash", LargeBinary),
    Column("csrf_hash", LargeBinary),
    Column("state_hash", LargeBinary),
    Column("secrets", LargeBinary),
    Column("issuer", Text),
    Column("sub", Text),
    Column("customer_ref", Text),
    Column("masked", Text),
    Column("acr", Text),
    _time("auth_time"),
    Column("code_hash", LargeBinary),
    Column("code_tries", Integer, nullable=False, server_default="0"),
    _time("code_expires_at"),
    Column("locale", Text),
    _time("created_at", nullable=False),
    _time("expires_at", nullable=False),
    _time("ended_at"),
    Column("ended_why", Text),
    Index("link_txn_user", "connection", "user_id", "created_at"),
    Index("link_txn_conversation", "conversation"),
    Index(
        "link_txn_live",
        "expires_at",
        postgresql_where=text("ended_at IS NULL"),
        sqlite_where=text("ended_at IS NULL"),
    ),
    Index(
        "link_txn_ended",
        "ended_at",
        postgresql_where=text("ended_at IS NOT NULL"),
        sqlite_where=text("ended_at IS NOT NULL"),
    ),
    Index(
        "link_txn_code",
        "code_hash",
        postgresql_where=text("code_hash IS NOT NULL"),
        sqlite_where=text("code_hash IS NOT NULL"),
    ),
)

browser_login = Table(
    "browser_login",
    metadata,
    Column("cookie_hash", LargeBinary, primary_key=True),
    Column("issuer", Text, primary_key=True),
    Column("sub", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("acr", Text),
    _time("auth_time", nullable=False),
    _time("expires_at", nullable=False),
)

token_blob = Table(
    "token_blob",
    metadata,
    Column("link", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("held", Double),
    Column("person", Text),
    _time("expires_at"),
    Index("token_blob_expires", "expires_at"),
)

step_up_grant = Table(
    "step_up_grant",
    metadata,
    Column("id", Text, primary_key=True),
    Column("txn", Text, nullable=False, unique=True),
    Column("conversation", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("action_hash", LargeBinary, nullable=False),
    Column("link", Text, nullable=False),
    Column("link_version", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("used_by", Text),
    _time("granted_at", nullable=False),
    _time("expires_at", nullable=False),
    _time("used_at"),
    _time("voided_at"),
)

rate = Table(
    "rate",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("tokens", Double, nullable=False),
    Column("held", Double, nullable=False),
)

dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("person", Text),
    _time("at", nullable=False),
    Index("dead_letter_at", "at"),
)

public_ask = Table(
    "public_ask",
    metadata,
    Column("id", Text, primary_key=True),
    Column("connection", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("locale", Text),
    Column("person", Text),
    Column("conversation", Text),
    Column("post", Text),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("held", Double),
    _time("created_at", nullable=False),
    _time("expires_at", nullable=False),
    _time("answered_at"),
    _time("entered_at"),
    UniqueConstraint("connection", "key", name="public_ask_key"),
    Index("public_ask_open", "held", postgresql_where=text("held IS NOT NULL"), sqlite_where=text("held IS NOT NULL")),
)

PERSON_FREE = frozenset({"seen", "timer", "stream_token", "socket", "rate", "web_session"})
"""Tables without anything of a person; a test keeps each table either here or with a `person` column."""
