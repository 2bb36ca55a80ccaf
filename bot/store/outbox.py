"""The outbox as a queue: one head row per conversation, in order, fenced by `out_epoch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from bot.errors import Fenced
from bot.ports import OutboxClaim, Sql
from bot.store.claims import Held
from bot.store.codec import OPEN, address_of, dump, moment, moment_or_none, outbound_of
from bot.store.procedure import Procedure, Wake

PASSED = "a person has taken over"
WITHHELD = ("a person holds the conversation", "the bot holds the conversation")
"""Why a row is withheld as it is written: said by the bot, said by an agent."""

_READY = (
    "SELECT id, brand, connection, channel, user_id, kind, thread, party, last_inbound_at, locale, out_epoch, :db_now"
    " FROM conversation WHERE out_due <= :db_now ORDER BY out_due LIMIT :limit /*lock*/"
)
_HEADS = (
    "SELECT seq, n, purpose, status, tries, uncertain, held, body, created_at FROM outbound"
    f" WHERE conversation = :id AND {OPEN} ORDER BY seq, n LIMIT 1"
)
_AGENT_HEADS = (
    "SELECT seq, n, purpose, status, tries, uncertain, held, body, created_at FROM outbound"
    f" WHERE conversation = :id AND {OPEN} AND purpose = 'agent' ORDER BY seq, n LIMIT 1"
)
_TAKE_ROW = (
    "UPDATE outbound SET status = 'sending', uncertain = :uncertain, held = :held"
    " WHERE conversation = :id AND seq = :seq AND n = :n"
)
_TAKE = "UPDATE conversation SET out_epoch = out_epoch + 1, out_due = :held WHERE id = :id"
_LEASED = (
    "UPDATE conversation SET out_due = (SELECT max(held) FROM outbound WHERE conversation = :id AND status = 'sending')"
    " WHERE id = :id"
)
_FENCE = "UPDATE conversation SET pos = pos + :pos WHERE id = :id AND out_epoch = :epoch RETURNING pos, person, case_id"
_ROW = " WHERE conversation = :id AND seq = :seq AND n = :n AND status = 'sending'"
_SENT = (
    "UPDATE outbound SET status = 'sent', platform_id = :platform_id, sent_at = :at, held = NULL"
    + _ROW
    + " RETURNING n"
)
_UNSENT = (
    "UPDATE outbound SET status = 'queued', held = :db_now + :delay, tries = tries + 1, reason = :reason,"
    " uncertain = :uncertain" + _ROW + " RETURNING n"
)
_DEAD = "UPDATE outbound SET status = :status, reason = :reason, held = NULL" + _ROW + " RETURNING n"
_SUPERSEDE = (
    "UPDATE outbound SET status = 'superseded', reason = :reason, held = NULL"
    " WHERE conversation = :id AND seq = :seq AND status = 'queued' RETURNING n"
)
_WITHHOLD = (
    "UPDATE outbound SET status = 'withheld', reason = :reason, held = NULL WHERE conversation = :id"
    " AND status = 'queued' AND purpose IN ('reply', 'proactive') AND seq <> :seq RETURNING seq, n"
)
_PASS = "UPDATE conversation SET party = :party, party_epoch = party_epoch + 1 WHERE id = :id AND party <> :party"
_MOVE_POS = "UPDATE conversation SET pos = pos + :pos WHERE id = :id RETURNING pos, person, case_id"
_ENTRY = (
    "INSERT INTO entry (conversation, pos, side, kind, body, ref, person, case_id, at)"
    " VALUES (:id, :pos, 'system', 'receipt', :body, :ref, :person, :case_id, :at)"
)
# The head, and the first of an agent's rows, which passes a head of the bot's that waits for its retry.
_NEXT_DUE = (
    "(SELECT min(w) FROM (SELECT * FROM (SELECT coalesce(held, :db_now) AS w FROM outbound WHERE conversation = :id"
    " AND status = 'queued' ORDER BY seq, n LIMIT 1) AS a UNION ALL SELECT * FROM (SELECT coalesce(held, :db_now) AS w"
    " FROM outbound WHERE conversation = :id AND status = 'queued' AND purpose = 'agent' ORDER BY seq, n LIMIT 1) AS b)"
    " AS waiting)"
)
_NEXT = f"UPDATE conversation SET out_due = {_NEXT_DUE} WHERE id = :id"
_NEXT_UNLESS_SENDING = _NEXT + (
    " AND NOT EXISTS (SELECT 1 FROM outbound WHERE conversation = :id AND status = 'sending')"
)


def claim_outbox(limit: int, lease: float) -> Procedure[list[tuple[Any, ...]]]:
    """Mark the heads of up to `limit` conversations as being sent; a row for `claimed` each."""
    taken: list[tuple[Any, ...]] = []
    for row in (yield Sql(_READY, {"limit": limit})):
        *address, party, last_inbound_at, locale, out_epoch, now = row
        conversation = address.pop(0)
        heads = yield Sql(_HEADS, {"id": conversation})
        if heads and _retries(heads[0]):
            heads = [*(yield Sql(_AGENT_HEADS, {"id": conversation})), *heads]
        head = next((head for head in heads if head[6] is None or head[6] <= now), None)
        if head is None:
            yield Sql(_LEASED if heads and heads[0][3] == "sending" else _NEXT, {"id": conversation})
            continue
        seq, n, purpose, status, tries, uncertain, _, body, created_at = head
        again = bool(uncertain) or status == "sending"
        until = now + lease
        yield Sql(_TAKE_ROW, {"id": conversation, "seq": seq, "n": n, "uncertain": int(again), "held": until})
        yield Sql(_TAKE, {"id": conversation, "held": until})
        place = (conversation, out_epoch + 1, seq, n)
        taken.append((*place, address, body, purpose, tries, again, last_inbound_at, party, created_at, locale))
    return taken


def claimed(row: Sequence[Any]) -> OutboxClaim:
    """A claim from what `claim_outbox` returned."""
    conversation, epoch, seq, n, address, body, purpose, tries, again, last_inbound_at, party, created_at, locale = row
    return OutboxClaim(
        conversation=conversation,
        address=address_of(*address),
        epoch=epoch,
        seq=seq,
        n=n,
        said=outbound_of(body),
        purpose=purpose,
        tries=tries,
        uncertain=again,
        last_inbound_at=moment_or_none(last_inbound_at),
        party=party,
        created_at=moment(created_at),
        locale=locale,
    )


def _retries(head: Any) -> bool:
    _, _, purpose, status, tries, *_ = head
    return bool(status == "queued" and tries > 0 and purpose != "agent")


def sent(held: OutboxClaim | Held, platform_id: str, at: float) -> Procedure[None]:
    """The row went out: its receipt joins the log and the next row is due."""
    base = yield from _fenced(held)
    if not (yield Sql(_SENT, {**_ids(held), "platform_id": platform_id, "at": at})):
        raise Fenced
    yield from _receipts(held.conversation, [(held.seq, held.n, "sent")], base, at)
    yield from _next(held.conversation)


def unsent(held: OutboxClaim | Held, delay: float, reason: str, uncertain: bool) -> Procedure[None]:
    """The row waits for another try."""
    yield from _fenced(held, receipts=0)
    said = {"delay": delay, "reason": reason, "uncertain": int(uncertain)}
    if not (yield Sql(_UNSENT, {**_ids(held), **said})):
        raise Fenced
    yield from _next(held.conversation)


def dead(
    held: OutboxClaim | Held, status: Literal["dead", "expired", "withheld"], reason: str, at: float
) -> Procedure[None]:
    """The row will never go out, nor the rest of its turn."""
    base = yield from _fenced(held, receipts=0)
    if not (yield Sql(_DEAD, {**_ids(held), "status": status, "reason": reason})):
        raise Fenced
    because = f"{held.seq}.{held.n} is {status}: {reason}"
    rest = yield Sql(_SUPERSEDE, {"id": held.conversation, "seq": held.seq, "reason": because})
    gone = [(held.seq, held.n, str(status)), *((held.seq, n, "superseded") for (n,) in sorted(map(tuple, rest)))]
    base = (yield Sql(_MOVE_POS, {"id": held.conversation, "pos": len(gone)}))[0]
    yield from _receipts(held.conversation, gone, base, at)
    yield from _next(held.conversation)


def pass_party(conversation: str, party: str, seq: int, at: float) -> Procedure[None]:
    """Pass the conversation to an agent or back. What the bot said in turn `seq` itself still goes out."""
    yield Sql(_PASS, {"id": conversation, "party": party})
    if party != "agent":
        return
    rows = yield Sql(_WITHHOLD, {"id": conversation, "seq": seq, "reason": PASSED})
    if not rows:
        return
    gone = sorted((row[0], row[1], "withheld") for row in rows)
    base = (yield Sql(_MOVE_POS, {"id": conversation, "pos": len(gone)}))[0]
    yield from _receipts(conversation, gone, base, at)
    yield Sql(_NEXT_UNLESS_SENDING, {"id": conversation})


def _ids(held: OutboxClaim | Held) -> dict[str, Any]:
    return {"id": held.conversation, "seq": held.seq, "n": held.n}


def _fenced(held: OutboxClaim | Held, receipts: int = 1) -> Procedure[Any]:
    rows = yield Sql(_FENCE, {"id": held.conversation, "epoch": held.epoch, "pos": receipts})
    if not rows:
        raise Fenced
    return rows[0]


def _receipts(conversation: str, gone: list[tuple[int, int, str]], base: Any, at: float) -> Procedure[None]:
    last, person, case_id = base
    for pos, (seq, n, status) in enumerate(gone, last - len(gone) + 1):
        ref = f"{seq}.{n}"
        values = {"id": conversation, "pos": pos, "body": dump({"ref": ref, "status": status}), "ref": ref}
        yield Sql(_ENTRY, {**values, "person": person, "case_id": case_id, "at": at})
    yield Wake(f"log:{conversation}")


def _next(conversation: str) -> Procedure[None]:
    ((due, now),) = yield Sql(_NEXT + " RETURNING out_due, :db_now", {"id": conversation})
    if due is not None and due <= now:
        yield Wake("outbox")
