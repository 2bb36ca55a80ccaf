"""The hot path on PostgreSQL for many at once: one statement, one round trip and one COMMIT for a batch.

Neither statement waits for a conversation that another transaction holds: it leaves that one out, and the caller
writes it by itself. So batches cannot deadlock, and one held row keeps nobody else waiting. Being single statements,
they end in the server even where the process that sent them is stopped in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

from bot.errors import Conflict
from bot.model import Accepted, Control, Inbound
from bot.store.claims import NEXT
from bot.store.codec import CUSTOMER_KINDS, dump, key_hash, shown_body
from bot.store.named import NOW
from bot.store.outbox import WITHHELD
from bot.store.postgres_gather import BY_ITSELF, By
from bot.store.postgres_sql import LOG, OUTBOX, TURNS
from bot.store.postgres_turn import Writing

# h: what is there and not held, or not there yet. In the upsert `excluded` is the row that was not inserted.
ACCEPT = f"""
WITH x AS (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
    $8::float8[], $9::int[], $10::float8[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
    $16::text[], $17::text[], $18::text[]) WITH ORDINALITY
  AS x(brand, connection, channel, kind, user_id, thread, key_hash, at, shown, last_inbound_at, locale, control, id,
    said, key, text, data, body, place)),
h AS MATERIALIZED (SELECT x.* FROM x
  LEFT JOIN LATERAL (SELECT c.id FROM conversation c WHERE c.connection = x.connection AND c.user_id = x.user_id
    AND c.thread = x.thread LIMIT 1) AS there ON true
  LEFT JOIN LATERAL (SELECT c.id FROM conversation c WHERE c.id = there.id FOR NO KEY UPDATE SKIP LOCKED) AS held
    ON true
  WHERE there.id IS NULL OR held.id IS NOT NULL),
s AS (INSERT INTO seen (connection, key_hash, at) SELECT connection, key_hash, at FROM h ORDER BY place
  ON CONFLICT DO NOTHING RETURNING connection, key_hash),
c AS (INSERT INTO conversation AS c (id, brand, connection, channel, kind, user_id, thread, state, seq, pos, due,
    locale, last_inbound_at, control, control_seq, created_at)
  SELECT h.id, h.brand, h.connection, h.channel, h.kind, h.user_id, h.thread, convert_to('{{}}', 'UTF8'), 1, h.shown,
    {NOW}, h.locale, h.last_inbound_at, h.control, CASE WHEN h.control IS NULL THEN NULL ELSE 1 END, h.at
  FROM h JOIN s ON s.key_hash = h.key_hash AND s.connection = h.connection ORDER BY h.place
  ON CONFLICT (connection, user_id, thread) DO UPDATE SET seq = c.seq + 1, pos = c.pos + excluded.pos,
    due = CASE WHEN c.due IS NULL OR (c.leased = 0 AND excluded.control IS NOT NULL) THEN excluded.due ELSE c.due END,
    locale = coalesce(c.locale, excluded.locale),
    last_inbound_at = coalesce(excluded.last_inbound_at, c.last_inbound_at),
    control = coalesce(excluded.control, c.control),
    control_seq = CASE WHEN excluded.control IS NULL THEN c.control_seq ELSE c.seq + 1 END
  RETURNING c.id, c.connection, c.user_id, c.thread, c.seq, c.pos, c.person, c.case_id, c.due),
f AS (SELECT h.place, h.said, h.key, h.text, h.data, h.body, h.locale, h.at, h.shown, c.id, c.seq, c.pos, c.person,
    c.case_id, c.due
  FROM c JOIN h ON h.user_id = c.user_id AND h.thread = c.thread AND h.connection = c.connection),
i AS (INSERT INTO inbound (conversation, seq, kind, key, text, data, locale, person, at)
  SELECT id, seq, said, key, text, data, locale, person, at FROM f),
e AS (INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)
  SELECT id, pos, 'customer', said, body, key, person, case_id, at FROM f WHERE shown = 1)
SELECT place, id, seq, pos,
  CASE WHEN due = {NOW} THEN pg_notify('{TURNS}', '') END,
  CASE WHEN shown = 1 AND EXISTS (SELECT 1 FROM socket WHERE conversation = f.id) THEN pg_notify('{LOG}', f.id) END
FROM f"""

# $1 id, $2 epoch, $3 seq, $4 state, $5 needs, $6 how many rows, $7 person, $8 case_id, $9 locale, $10 lease, $11 log
# channel, $12 at, $13 queues the bot's rows, $14 an agent's, $15 a closure; and of each row said $16 whose it is,
# $17 its place there, $18 n, $19 purpose, $20 side, $21 body, $22 expires_at.
COMMIT = f"""
WITH k AS MATERIALIZED (SELECT w.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::int[],
    $6::int[], $7::text[], $8::text[], $9::text[], $10::float8[], $11::bool[], $12::float8[], $13::bool[], $14::bool[],
    $15::bool[]) WITH ORDINALITY AS w(id, epoch, seq, state, needs, said, person, case_id, locale, lease, log, at, bots,
    agents, closes, place)
  CROSS JOIN LATERAL (SELECT 1 FROM conversation c WHERE c.id = w.id AND c.epoch = w.epoch AND c.done = w.seq - 1
    AND c.leased = 1 FOR NO KEY UPDATE SKIP LOCKED) AS held),
u AS (UPDATE conversation AS c SET state = k.state, needs = k.needs, pos = c.pos + k.said,
    person = nullif(coalesce(k.person, c.person), ''), case_id = nullif(coalesce(k.case_id, c.case_id), ''),
    locale = coalesce(k.locale, c.locale),
    out_due = CASE WHEN k.agents AND c.party = 'agent' THEN {NOW}
      WHEN k.closes OR (k.bots AND c.party = 'bot') THEN coalesce(c.out_due, {NOW}) ELSE c.out_due END,
    done = k.seq, tries = 0, leased = CASE WHEN c.seq > k.seq THEN 1 ELSE 0 END,
    due = CASE WHEN c.seq > k.seq THEN {NOW} + k.lease END,
    control = CASE WHEN c.control_seq > k.seq THEN c.control END,
    control_seq = CASE WHEN c.control_seq > k.seq THEN c.control_seq END
  FROM k WHERE c.id = k.id AND c.epoch = k.epoch AND c.done = k.seq - 1 AND c.leased = 1
  RETURNING k.place, k.seq AS turn, k.said, k.log, k.at, c.id, c.party, c.party_epoch, c.person, c.case_id, c.locale,
    c.control, c.control_seq, c.last_inbound_at, c.pos, c.seq, c.out_due),
d AS (SELECT u.id, u.turn, u.log, u.at, u.person, u.case_id, u.pos - u.said + x.nth AS pos, x.n, x.purpose, x.side,
    x.body, x.expires_at,
    x.purpose = 'closure' OR CASE x.purpose WHEN 'agent' THEN 'agent' ELSE 'bot' END = u.party AS ok
  FROM u JOIN unnest($16::bigint[], $17::int[], $18::int[], $19::text[], $20::text[], $21::text[], $22::float8[])
    AS x(place, nth, n, purpose, side, body, expires_at) ON x.place = u.place),
o AS (INSERT INTO outbound (conversation, seq, n, purpose, status, body, reason, person, case_id, expires_at,
    created_at, sent_at)
  SELECT id, turn, n, purpose, CASE WHEN NOT ok THEN 'withheld' WHEN log THEN 'sent' ELSE 'queued' END, body,
    CASE WHEN ok THEN NULL WHEN purpose = 'agent' THEN '{WITHHELD[1]}' ELSE '{WITHHELD[0]}' END, person, case_id,
    expires_at, at, CASE WHEN ok AND log THEN at END FROM d),
e AS (INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)
  SELECT id, pos, CASE WHEN ok THEN side ELSE 'system' END, CASE WHEN ok THEN 'message' ELSE 'withheld' END, body,
    turn || '.' || n, person, case_id, at FROM d)
SELECT u.place, u.party, u.party_epoch, u.person, u.case_id, u.locale, u.control, u.control_seq, u.last_inbound_at,
  u.pos, u.seq, {NEXT},
  CASE WHEN u.out_due = {NOW} THEN pg_notify('{OUTBOX}', '') END,
  CASE WHEN u.said > 0 AND EXISTS (SELECT 1 FROM socket WHERE conversation = u.id) THEN pg_notify('{LOG}', u.id) END
FROM u LEFT JOIN LATERAL (SELECT * FROM inbound WHERE conversation = u.id AND seq = u.turn + 1 LIMIT 1) AS i ON true"""


@dataclass(frozen=True, slots=True)
class Arriving:
    """An inbound at an address, on its way in."""

    inbound: Inbound
    control: Control | None

    @property
    def place(self) -> tuple[str, str, str]:
        """What makes its conversation one."""
        address = self.inbound.address
        if address is None:
            raise Conflict("An inbound names an address or a conversation.")
        return address.connection, address.user, address.thread

    def values(self, hashed: bytes) -> tuple[Any, ...]:
        """Its columns in ACCEPT."""
        inbound, address = self.inbound, self.inbound.address
        assert address is not None
        at = inbound.at.timestamp()
        shown = inbound.kind in CUSTOMER_KINDS
        return (
            address.brand, address.connection, address.channel, address.kind, address.user, address.thread, hashed, at,
            int(shown), at if shown else None, inbound.locale, self.control, uuid4().hex, inbound.kind, inbound.key,
            inbound.text, dump(inbound.data) if inbound.data else "{}", shown_body(inbound) if shown else "",
        )  # fmt: skip


async def accept_all(con: Any, arriving: Sequence[Arriving]) -> list[Accepted | Literal[By.ITSELF]]:
    """Take in what is new, each of another conversation; what is known or held by another is left as it is."""
    results: list[Accepted | Literal[By.ITSELF]] = [BY_ITSELF] * len(arriving)
    # In the order of their addresses, in every process: so two that make the same conversations wait, but not both.
    order = sorted(range(len(arriving)), key=lambda at: arriving[at].place)
    rows, places, keys = [], [], set()
    for at in order:
        one = arriving[at]
        key = (one.place[0], key_hash(one.inbound.key))
        if key not in keys:  # Of two with one key the second finds the first, when it is written by itself.
            keys.add(key)
            rows.append(one.values(key[1]))
            places.append(at)
    for place, conversation, seq, pos, *_ in await con.fetch(ACCEPT, *_columns(rows)):
        results[places[place - 1]] = Accepted(conversation, seq, pos, True)
    return results


async def commit_all(con: Any, writings: Sequence[Writing]) -> list[Any]:
    """End these turns, each of another conversation and by its own fence; the rows as `Writing.run` returns them."""
    results: list[Any] = [BY_ITSELF] * len(writings)
    rows, said = [], []
    for place, one in enumerate(writings, 1):
        rows.append(one.row())
        said += [(place, nth, *row[:5]) for nth, row in enumerate(one.said, 1)]
    columns = [*_columns(rows), *(_columns(said) or [[]] * 7)]
    for row in await con.fetch(COMMIT, *columns):
        results[row[0] - 1] = tuple(row)[1:]
    return results


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True))
