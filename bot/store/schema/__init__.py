"""The tables, once, for both stores and for the migrations. Times are epoch seconds; JSON is text.

Columns named `due`, `held`, `deadline`, `retry_at` are liveness (the database's clock); all other times are meaning
(the injected clock). No column mixes the two. `person` marks a table that can hold somebody's words or data.

`conversation.due` says when the next claim may take it: NULL, nothing waits; with `leased` = 1, a worker's lease ends
then; with `leased` = 0, it is ready (past) or backs off (future). `out_due` is the same for the outbox, where the lease
is a row with status `sending`. `outbound.held` is that row's lease, or for a `queued` row when to try again.
`outbound.status`: queued, sending, sent, withheld, dead, expired, superseded.
"""

from __future__ import annotations

from bot.store.schema.channels import dead_letter, kept_file, public_ask, rate
from bot.store.schema.conversations import conversation, entry, inbound, outbound, seen, timer
from bot.store.schema.desk import (
    desk_act,
    desk_agent,
    desk_feed,
    desk_file,
    desk_item,
    desk_note,
    desk_reply,
    desk_session,
    desk_viewer,
)
from bot.store.schema.keeping import erasure
from bot.store.schema.learning import unsure
from bot.store.schema.links import bound_identity, browser_login, identity_link, link_txn, step_up_grant, token_blob
from bot.store.schema.meta import PERSON_FREE, metadata
from bot.store.schema.people import address_of, audit, case, effect, person
from bot.store.schema.web import file_handle, socket, stream_token, web_session

__all__ = [
    "PERSON_FREE",
    "address_of",
    "audit",
    "bound_identity",
    "browser_login",
    "case",
    "conversation",
    "dead_letter",
    "desk_act",
    "desk_agent",
    "desk_feed",
    "desk_file",
    "desk_item",
    "desk_note",
    "desk_reply",
    "desk_session",
    "desk_viewer",
    "effect",
    "entry",
    "erasure",
    "file_handle",
    "identity_link",
    "inbound",
    "kept_file",
    "link_txn",
    "metadata",
    "outbound",
    "person",
    "public_ask",
    "rate",
    "seen",
    "socket",
    "step_up_grant",
    "stream_token",
    "timer",
    "token_blob",
    "unsure",
    "web_session",
]
