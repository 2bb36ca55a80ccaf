"""The hot path on PostgreSQL: one statement a step.

A statement sees the tables as they were when it began, but a row that it had to wait for as it is now. So what is
decided about a conversation is decided from its own row, never from a subquery, in every statement that locks it.
"""

from __future__ import annotations

from bot.store.claims import CLAIMED, NEXT
from bot.store.named import NOW
from bot.store.outbox import WITHHELD

TURNS, OUTBOX, LOG = "parley_turns", "parley_outbox", "parley_log"
"""Channels of NOTIFY. A log's payload is its conversation."""

# $1 key_hash, $2 at, $3 shown, $4 locale, $5 last_inbound_at, $6 control, $7 kind, $8 key, $9 text, $10 data,
# $11 body, $12 conversation, and by address $13 brand, $14 connection, $15 channel, $16 kind, $17 user, $18 thread.
_MARKS = """ seq = c.seq + 1, pos = c.pos + $3::int, locale = coalesce(c.locale, $4::text),
  due = CASE WHEN c.due IS NULL OR (c.leased = 0 AND $6::text IS NOT NULL) THEN {now} ELSE c.due END,
  last_inbound_at = coalesce($5::float8, c.last_inbound_at), control = coalesce($6::text, c.control),
  control_seq = CASE WHEN $6::text IS NULL THEN c.control_seq ELSE c.seq + 1 END"""

_REST = f"""
RETURNING c.id, c.seq, c.pos, c.person, c.case_id, c.due),
i AS (INSERT INTO inbound (conversation, seq, kind, key, text, data, locale, person, at)
  SELECT id, seq, $7::text, $8::text, $9::text, $10::text, $4::text, person, $2::float8 FROM c),
e AS (INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)
  SELECT id, pos, 'customer', $7::text, $11::text, $8::text, person, case_id, $2::float8 FROM c WHERE $3::int = 1)
SELECT id, seq, pos,
  CASE WHEN due = {NOW} THEN pg_notify('{TURNS}', '') END,
  CASE WHEN $3::int = 1 AND EXISTS (SELECT 1 FROM socket WHERE conversation = c.id) THEN pg_notify('{LOG}', c.id) END
FROM c"""

ACCEPT_BY_ADDRESS = f"""
WITH s AS (INSERT INTO seen (connection, key_hash, at) VALUES ($14::text, $1::bytea, $2::float8)
  ON CONFLICT DO NOTHING RETURNING 1),
c AS (INSERT INTO conversation AS c (id, brand, connection, channel, kind, user_id, thread, state, seq, pos, due,
    locale, last_inbound_at, control, control_seq, created_at)
  SELECT $12::text, $13::text, $14::text, $15::text, $16::text, $17::text, $18::text, convert_to('{{}}', 'UTF8'), 1,
    $3::int, {NOW}, $4::text, $5::float8, $6::text, CASE WHEN $6::text IS NULL THEN NULL ELSE 1 END, $2::float8 FROM s
  ON CONFLICT (connection, user_id, thread) DO UPDATE SET{_MARKS.format(now="excluded.due")}{_REST}"""

ACCEPT_BY_ID = f"""
WITH k AS (SELECT id, connection FROM conversation WHERE id = $12::text),
s AS (INSERT INTO seen (connection, key_hash, at) SELECT connection, $1::bytea, $2::float8 FROM k
  ON CONFLICT DO NOTHING RETURNING 1),
c AS (UPDATE conversation AS c SET{_MARKS.format(now=NOW)} FROM s WHERE c.id = $12::text{_REST}"""

CLAIM = f"""
WITH r AS (SELECT id, due AS was FROM conversation WHERE due <= {NOW} AND needs <= $2::int
  ORDER BY due LIMIT $1::int FOR UPDATE SKIP LOCKED),
u AS (UPDATE conversation AS c SET epoch = epoch + 1, tries = tries + leased,
    leased = CASE WHEN seq > done THEN 1 ELSE 0 END, due = CASE WHEN seq > done THEN {NOW} + $3::float8 END
  FROM r WHERE c.id = r.id RETURNING c.*, r.was)
SELECT {CLAIMED}, {NEXT} FROM u AS c LEFT JOIN inbound i ON i.conversation = c.id AND i.seq = c.done + 1
WHERE c.seq > c.done ORDER BY c.was"""

# $1 state, $2 needs, $3 how many rows, $4 person, $5 case_id, $6 locale, $7 conversation, $8 epoch, $9 seq, $10 lease,
# $11 n[], $12 purpose[], $13 side[], $14 body[], $15 expires_at[], $16 passed to, $17 log channel, $18 at,
# $19 queues the bot's rows, $20 an agent's, $21 a closure.
_WRITE = """
WITH u AS (UPDATE conversation SET state = $1::bytea, needs = $2::int, pos = pos + $3::int,
    person = nullif(coalesce($4::text, person), ''), case_id = nullif(coalesce($5::text, case_id), ''),
    locale = coalesce($6::text, locale),
    out_due = CASE WHEN $20::bool AND 'agent' IN (party, $16::text) THEN {now}
      WHEN $21::bool OR ($19::bool AND 'bot' IN (party, $16::text)) THEN coalesce(out_due, {now})
      ELSE out_due END{done}
  WHERE id = $7::text AND epoch = $8::bigint AND done = $9::bigint - 1 AND leased = 1
  RETURNING party, party_epoch, person, case_id, locale, control, control_seq, last_inbound_at, pos, seq, id, out_due),
d AS (SELECT x.*, u.id, u.pos, u.person, u.case_id,
    x.purpose = 'closure' OR CASE x.purpose WHEN 'agent' THEN 'agent' ELSE 'bot' END IN (u.party, $16::text) AS ok
  FROM u, unnest($11::int[], $12::text[], $13::text[], $14::text[], $15::float8[])
    WITH ORDINALITY AS x(n, purpose, side, body, expires_at, place)),
o AS (INSERT INTO outbound (conversation, seq, n, purpose, status, body, reason, person, case_id, expires_at,
    created_at, sent_at)
  SELECT id, $9::bigint, n, purpose, CASE WHEN NOT ok THEN 'withheld' WHEN $17::bool THEN 'sent' ELSE 'queued' END,
    body, CASE WHEN ok THEN NULL WHEN purpose = 'agent' THEN '{by_bot}' ELSE '{by_agent}' END, person, case_id,
    expires_at, $18::float8, CASE WHEN ok AND $17::bool THEN $18::float8 END FROM d),
e AS (INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)
  SELECT id, pos - $3::int + place, CASE WHEN ok THEN side ELSE 'system' END,
    CASE WHEN ok THEN 'message' ELSE 'withheld' END, body, $9::bigint || '.' || n, person, case_id, $18::float8 FROM d)
SELECT u.party, u.party_epoch, u.person, u.case_id, u.locale, u.control, u.control_seq, u.last_inbound_at, u.pos, u.seq,
  {next},
  CASE WHEN u.out_due = {now} THEN pg_notify('{outbox}', '') END,
  CASE WHEN $3::int > 0 AND EXISTS (SELECT 1 FROM socket WHERE conversation = u.id) THEN pg_notify('{log}', u.id) END
FROM u"""

_DONE = f""",
    done = $9::bigint, tries = 0, leased = CASE WHEN seq > $9::bigint THEN 1 ELSE 0 END,
    due = CASE WHEN seq > $9::bigint THEN {NOW} + $10::float8 END,
    control = CASE WHEN control_seq > $9::bigint THEN control END,
    control_seq = CASE WHEN control_seq > $9::bigint THEN control_seq END"""

_FILL = {"now": NOW, "outbox": OUTBOX, "log": LOG, "by_agent": WITHHELD[0], "by_bot": WITHHELD[1]}

CHECKPOINT = _WRITE.format(done="", next="$10::float8", **_FILL)
COMMIT = _WRITE.format(done=_DONE, next=NEXT, **_FILL) + (
    " LEFT JOIN inbound i ON i.conversation = u.id AND i.seq = $9::bigint + 1"
)

TURNS_DUE = f"SELECT EXISTS (SELECT 1 FROM conversation WHERE due <= {NOW} AND needs <= $1::int AND seq > done)"
OUTBOX_DUE = f"SELECT EXISTS (SELECT 1 FROM conversation WHERE out_due <= {NOW})"

WAITING = f"SELECT {NEXT} FROM inbound i WHERE i.conversation = $1 AND i.seq = $2"
PARTY = "SELECT party, party_epoch FROM conversation WHERE id = $1"

# What comes next is not looked up here: rows committed while this statement waited for the conversation's row would
# be missed. The next claim of the outbox looks, and clears `out_due` where nothing is left.
SENT = f"""
WITH c AS (UPDATE conversation SET pos = pos + 1, out_due = {NOW}
  WHERE id = $1::text AND out_epoch = $2::bigint AND EXISTS (SELECT 1 FROM outbound
    WHERE conversation = $1::text AND seq = $3::bigint AND n = $4::int AND status = 'sending')
  RETURNING id, pos, person, case_id),
o AS (UPDATE outbound AS o SET status = 'sent', platform_id = $5::text, sent_at = $6::float8, held = NULL
  FROM c WHERE o.conversation = c.id AND o.seq = $3::bigint AND o.n = $4::int),
e AS (INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)
  SELECT id, pos, 'system', 'receipt', $7::text, $8::text, person, case_id, $6::float8 FROM c)
SELECT id, CASE WHEN EXISTS (SELECT 1 FROM socket WHERE conversation = c.id) THEN pg_notify('{LOG}', c.id) END FROM c"""

NOTIFY = "SELECT pg_notify($1::text, $2::text)"
NOTIFY_LOG = f"SELECT pg_notify('{LOG}', conversation) FROM socket WHERE conversation = $1"
ENTRIES = (
    "SELECT conversation, pos, side, kind, at, body, ref FROM entry WHERE conversation = $1 AND pos > $2::bigint"
    " ORDER BY pos LIMIT $3::bigint"
)
FIRST = """
SELECT c.id, i.seq, e.pos FROM conversation c LEFT JOIN inbound i ON i.conversation = c.id AND i.key = $1::text
LEFT JOIN entry e ON e.conversation = c.id AND e.side = 'customer' AND e.ref = $1::text"""
FIRST_BY_ID = f"{FIRST} WHERE c.id = $2::text"
FIRST_BY_ADDRESS = f"{FIRST} WHERE c.connection = $2::text AND c.user_id = $3::text AND c.thread = $4::text"
EXISTS = "SELECT 1 FROM conversation WHERE id = $1"
DATABASE_NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"
