"""A conversation's log as agents see it: every channel of the person, what was withheld, what failed and why, notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bot.ports import Store
from desk.times import iso_or_none

PAGE = 200

CONVERSATIONS = (
    "SELECT c.id, c.channel, c.pos, c.last_inbound_at, c.created_at FROM conversation c WHERE c.id = :id"
    " OR (CAST(:person AS TEXT) IS NOT NULL AND c.person = :person) ORDER BY c.last_inbound_at DESC"
)
_LINES = (
    "SELECT e.conversation, e.pos, e.side, e.kind, e.body, e.ref, e.at, c.channel FROM entry e"
    " JOIN conversation c ON c.id = e.conversation"
    " WHERE (e.conversation = :id OR (CAST(:person AS TEXT) IS NOT NULL AND c.person = :person)) AND e.kind <> 'typing'"
    " AND e.at < :before ORDER BY e.at DESC, e.pos DESC LIMIT :limit"
)
_NEWER = (
    "SELECT e.conversation, e.pos, e.side, e.kind, e.body, e.ref, e.at, c.channel FROM entry e"
    " JOIN conversation c ON c.id = e.conversation WHERE e.conversation = :id AND e.pos > :after"
    " ORDER BY e.pos LIMIT 200"
)
_ROWS = (
    "SELECT o.seq, o.n, o.status, o.reason, i.key, i.data FROM outbound o LEFT JOIN inbound i"
    " ON i.conversation = o.conversation AND i.seq = o.seq AND i.kind = 'agent'"
    " WHERE o.conversation = :id AND o.seq >= :first AND o.seq <= :last"
)
_NOTES = (
    "SELECT n.*, a.name FROM desk_note n JOIN desk_agent a ON a.id = n.agent"
    " WHERE n.conversation IN (SELECT c.id FROM conversation c WHERE c.id = :id"
    "  OR (CAST(:person AS TEXT) IS NOT NULL AND c.person = :person)) AND n.at < :before AND n.at >= :since"
    " ORDER BY n.at"
)


async def page(
    store: Store, conversation: str, person: str | None, me: str, *, case: str, before: float
) -> tuple[list[dict[str, Any]], str | None]:
    """The lines before a time (epoch seconds), oldest first, and the cursor of the page before them."""
    rows = await store.query(_LINES, id=conversation, person=person, before=before, limit=PAGE)
    rows.reverse()
    more = repr(rows[0]["at"]) if len(rows) == PAGE else None
    since = rows[0]["at"] if more else 0.0
    notes = await store.query(_NOTES, id=conversation, person=person, before=before, since=since)
    lines = [*await drawn(store, rows, me, case), *(note_line(note, me) for note in notes)]
    return sorted(lines, key=lambda line: str(line["at"])), more


async def newer(store: Store, conversation: str, after: int, me: str, *, case: str) -> list[dict[str, Any]]:
    """The lines behind a position."""
    return await drawn(store, await store.query(_NEWER, id=conversation, after=after), me, case)


async def drawn(store: Store, rows: Sequence[Mapping[str, Any]], me: str, case: str) -> list[dict[str, Any]]:
    """Log rows as lines, with what became of each row that was sent."""
    spans: dict[str, list[int]] = {}
    for row in rows:
        seq = _seq(row)
        if seq is not None:
            spans.setdefault(row["conversation"], []).append(seq)
    outs: dict[tuple[str, str], Mapping[str, Any]] = {}
    for id, seqs in spans.items():
        for out in await store.query(_ROWS, id=id, first=min(seqs), last=max(seqs)):
            outs[id, f"{out['seq']}.{out['n']}"] = out
    lines = [line(row, outs.get((row["conversation"], row["ref"])), me, case) for row in rows]
    return await _as_kept(store, lines)


async def _as_kept(store: Store, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files that customers sent are what was found in them, not what their platform or sender said they are."""
    sent = {f"k{at}": one["file"] for at, one in enumerate(lines) if one["kind"] == "file" and one["file"]}
    if not sent:
        return lines
    found = await store.query(
        f"SELECT id, state, type, size FROM kept_file WHERE id IN ({', '.join(f':{name}' for name in sent)})",
        **{name: file["id"] for name, file in sent.items()},
    )
    kept = {row["id"]: row for row in found}
    for file in sent.values():
        row = kept.get(file["id"])
        if row is not None:
            file["state"] = row["state"]
            if row["state"] == "kept":
                file.update(type=row["type"], size=row["size"])
            elif row["state"] == "refused":
                file["url"] = ""
    return lines


def _seq(row: Mapping[str, Any]) -> int | None:
    first = row["ref"].partition(".")[0]
    return int(first) if row["side"] != "customer" and first.isdigit() else None


def line(row: Mapping[str, Any], out: Mapping[str, Any] | None, me: str, case: str) -> dict[str, Any]:
    """One line."""
    body = msgspec.json.decode(row["body"])
    receipt = row["kind"] == "receipt"
    by = msgspec.json.decode(out["data"]) if out and out["data"] else {}
    key = str(out["key"]) if out and out["key"] else ""
    return {
        "conversation": row["conversation"],
        "pos": row["pos"],
        "channel": row["channel"],
        "side": row["side"],
        "kind": row["kind"],
        "at": iso_or_none(row["at"]),
        "author": str(body.get("author", "")),
        "text": str(body.get("text", "")),
        "choices": [str(one["label"]) for one in body.get("choices", ())],
        "card": _card(body.get("card")),
        "cards": [_card(one) for one in (body.get("items") or {}).get("cards", ())],
        "link": (body.get("link") or {}).get("label"),
        "file": _file(row, body, case),
        "ref": row["ref"],
        "status": body.get("status") if receipt else (out["status"] if out else None),
        "reason": out["reason"] if out else None,
        "mine": by.get("agent") == me and row["side"] == "agent",
        "key": key.rpartition(":")[2] if key.startswith("desk:") else None,
    }


def _card(card: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if card is None:
        return None
    return {"title": card["title"], "text": card.get("text", ""), "rows": [list(pair) for pair in card.get("rows", ())]}


def _file(row: Mapping[str, Any], body: Mapping[str, Any], case: str) -> dict[str, Any] | None:
    given = body.get("file") or (body.get("data") if row["kind"] == "file" else None)
    if not given:
        return None
    # Sent by somebody at the desk, or by the customer and fetched from their platform.
    kind, _, id = str(given.get("ref", "")).rpartition(":")
    url = f"/desk/api/cases/{case}/files/{id}" if kind in ("desk", "file") else ""
    return {
        "id": id,
        "name": str(given.get("name", "file")),
        "type": str(given.get("type", "")),
        "size": int(given.get("size", 0) or 0),
        "url": url,
        "state": "kept",
    }


def note_line(note: Mapping[str, Any], me: str) -> dict[str, Any]:
    """A private note among the lines; it never was, and never can be, an outbound row."""
    return {
        "conversation": note["conversation"],
        "pos": f"n{note['id']}",
        "channel": "",
        "side": "agent",
        "kind": "note",
        "at": iso_or_none(note["at"]),
        "author": str(note["name"]),
        "text": str(note["text"]),
        "choices": [],
        "card": None,
        "cards": [],
        "link": None,
        "file": None,
        "ref": "",
        "status": None,
        "reason": None,
        "mine": note["agent"] == me,
        "key": str(note["id"]).rpartition(":")[2],
    }
