"""What the promises say, read afterwards from the database, the platform, the customers' diaries and the ledger."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._chaos.chats import Diary
from bot.ports import Store

_ENTERED = re.compile(r"(Put in|Posted) ([\d,]+) pence\. Your reference is ([DP]-\d+)")
_CANCELLED = re.compile(r"is cancelled\. Your reference is (DD-\d+)")


@dataclass(slots=True)
class Findings:
    """Each broken promise with what shows it; a run is right when all are empty."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    effects_twice: list[str] = field(default_factory=list)
    falsely_done: list[str] = field(default_factory=list)
    unknown_open: list[str] = field(default_factory=list)
    unsent: list[str] = field(default_factory=list)
    maybe_twice: int = 0
    messages: int = 0
    turns: int = 0
    sends: int = 0
    effects: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        names = ("lost", "twice", "reordered", "effects_twice", "falsely_done", "unknown_open", "unsent")
        return {name: len(getattr(self, name)) for name in names}


async def settled(store: Store) -> bool:
    """Whether nothing is left to do."""
    left = "SELECT COUNT(*) AS n FROM conversation WHERE done < seq OR leased = 1 OR out_due IS NOT NULL"
    if (await store.query(left))[0]["n"]:
        return False
    return not (await store.query("SELECT COUNT(*) AS n FROM effect WHERE status = 'intent'"))[0]["n"]


async def check(store: Store, diaries: Sequence[Diary], folder: Path) -> Findings:
    """Everything."""
    found = Findings()
    at = {row["user_id"]: row for row in await store.query("SELECT id, user_id, channel, seq, done FROM conversation")}
    by_id = {row["id"]: row for row in at.values()}
    for row in at.values():
        if row["done"] != row["seq"]:
            found.lost.append(f"{row['id']}: {row['done']} of {row['seq']} done")
        found.turns += row["seq"]
    for diary in diaries:
        if not diary.sent:
            continue
        of = at.get(diary.user) or by_id.get(diary.user)
        if of is None:
            found.lost.append(f"{diary.channel} {diary.user}: no conversation")
            continue
        await _messages(store, diary, of["id"], found)
        await _rows(store, diary, of["id"], found)
    await _effects(store, diaries, folder, found)
    return found


async def _messages(store: Store, diary: Diary, conversation: str, found: Findings) -> None:
    """Each acknowledged message once, answered, in the order it was sent."""
    rows = await store.query(
        "SELECT seq, key, data FROM inbound WHERE conversation = :id AND kind IN ('message', 'press') ORDER BY seq",
        id=conversation,
    )
    keys = [row["key"] for row in rows]
    times = Counter(keys)
    found.messages += len(diary.sent)
    found.lost += [f"{conversation}: {key} was acknowledged" for key in diary.sent if not times[_key(key, times)]]
    found.twice += [f"{conversation}: {key} {n} times" for key, n in times.items() if n > 1]
    ours = [_key(key, times) for key in diary.sent]
    order = {key: place for place, key in enumerate(keys)}
    places = [order[key] for key in ours if key in order]
    if places != sorted(places):
        found.reordered.append(f"{conversation}: messages {places}")
    shown = [int(one.rpartition("|")[2].partition(".")[0]) for one in diary.entries]
    if shown != sorted(shown):
        found.reordered.append(f"{conversation}: activities {shown}")
    rows_of = await store.query("SELECT seq FROM outbound WHERE conversation = :id", id=conversation)
    # What is being settled is told with the timer or the message that settles it, which come later.
    answered = max((row["seq"] for row in rows_of), default=0)
    silent = [row["seq"] for row in rows if row["seq"] > answered and not _coded(row)]
    found.lost += [f"{conversation}.{seq}: no answer" for seq in silent]


def _coded(row: dict[str, Any]) -> bool:
    """Whether it brought a sign-in's code, which the signal that it becomes answers."""
    return bool(msgspec.json.decode(row["data"]).get("code"))


def _key(sent: str, known: Iterable[str]) -> str:
    """The key our record has for what a platform calls `sent`."""
    return next((key for key in (sent, f"update:{sent}", f"telegram:{sent}", f"tg:{sent}") if key in known), sent)


async def _rows(store: Store, diary: Diary, conversation: str, found: Findings) -> None:
    """Each row reached the customer, in order; twice only where it is marked that it may have."""
    rows = await store.query(
        "SELECT seq, n, status, uncertain, platform_id, body FROM outbound WHERE conversation = :id ORDER BY seq, n",
        id=conversation,
    )
    found.sends += len(rows)
    left = [row for row in rows if row["status"] != "sent"]
    found.unsent += [f"{conversation}.{row['seq']}.{row['n']}: {row['status']}" for row in left]
    texts = [msgspec.json.decode(row["body"]).get("text", "") for row in rows]
    if diary.channel == "webchat":
        heard = Counter(one.text for one in diary.shown)
        missing = Counter(text for text in texts if text) - heard
        # What was said after the tab was closed was not heard there, but stands in the log.
        missing -= Counter(texts[-_LATE:])
        found.unsent += [f"{conversation}: not shown: {text[:60]}" for text in missing]
        return
    place = {one: at for at, one in enumerate(diary.platform_ids)}
    ids = [one for row in rows if row["platform_id"] for one in str(row["platform_id"]).split(",")]
    found.unsent += [f"{conversation}: {one} is not at the platform" for one in ids if one not in place]
    order = [place[one] for one in ids if one in place]
    if order != sorted(order):
        found.reordered.append(f"{conversation}: sends {order}")
    again = Counter(diary.platform_ids) - Counter(ids)
    doubtful = [text for row, text in zip(rows, texts, strict=True) if row["uncertain"]]
    by_id = dict(zip(diary.platform_ids, (one.text for one in diary.shown), strict=True))
    for one in again:
        # A link's address stands below the words of its row.
        if any(by_id[one].startswith(text) for text in doubtful):
            found.maybe_twice += 1
        else:
            found.twice.append(f"{conversation}: sent again without a mark: {by_id[one][:60]}")


_LATE = 6


async def _effects(store: Store, diaries: Sequence[Diary], folder: Path, found: Findings) -> None:
    """Each effect at most once; "done" only of what stands in the ledger, and only after it stood there."""
    ledger = sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True)
    demo = sqlite3.connect(f"file:{folder / 'demo.db'}?mode=ro", uri=True)
    try:
        entered = ledger.execute("SELECT n, kind, customer, amount, at FROM entered").fetchall()
        cancelled = demo.execute("SELECT mandate.receipt, customer, ended_at FROM mandate WHERE receipt IS NOT NULL")
        receipts = {receipt: (customer, _moment(at)) for receipt, customer, at in cancelled}
        audited = demo.execute("SELECT arguments FROM audit WHERE outcome LIKE 'done%'").fetchall()
    finally:
        ledger.close()
        demo.close()
    times = Counter((kind, customer, amount) for _, kind, customer, amount, _ in entered)
    found.effects_twice += [f"{what} {n} times" for what, n in times.items() if n > 1]
    found.effects_twice += [f"{what[0]} {n} times" for what, n in Counter(audited).items() if n > 1]
    references = {f"{kind[0].upper()}-{n:06}": (customer, amount, at) for n, kind, customer, amount, at in entered}
    for diary in diaries:
        for shown in diary.shown:
            for _, amount, reference in _ENTERED.findall(shown.text):
                stood = references.get(reference)
                told = (diary.customer, int(amount.replace(",", "")))
                if stood is None or (stood[0], stood[1]) != told or stood[2] > shown.at:
                    found.falsely_done.append(f"{reference} {amount} for {diary.customer}: {stood}")
            for reference in _CANCELLED.findall(shown.text):
                stood_for = receipts.get(reference)
                if stood_for is None or stood_for[0] != diary.customer or stood_for[1] > shown.at:
                    found.falsely_done.append(f"{reference} for {diary.customer}: {stood_for}")
    await _records(store, entered, receipts, found)


async def _records(store: Store, entered: list[Any], receipts: dict[str, Any], found: Findings) -> None:
    rows = await store.query("SELECT key, function, arguments, status, reference, conversation FROM effect")
    cases = await store.query("SELECT about FROM cases WHERE cause IN ('effect_unknown', 'effect_unsettled')")
    held = {msgspec.json.decode(row["about"]).get("effect") for row in cases if row["about"]}
    recorded: dict[tuple[str, int], list[str]] = defaultdict(list)
    done = set()
    for row in rows:
        found.effects[f"{row['function'].rpartition('.')[2]} {row['status']}"] += 1
        arguments = msgspec.json.decode(row["arguments"])
        if "amount" in arguments:
            recorded[arguments["customer"], arguments["amount"]].append(row["status"])
        if row["status"] == "done":
            done.add(row["reference"])
        if row["status"] == "intent" or (row["status"] == "unknown" and row["key"] not in held):
            found.unknown_open.append(f"{row['key']} {row['function']}: {row['status']}")
    references = {f"{kind[0].upper()}-{n:06}" for n, kind, *_ in entered} | set(receipts)
    found.falsely_done += [f"{one} is recorded as done" for one in done if one not in references]
    for _, kind, customer, amount, _ in entered:
        statuses = recorded[customer, amount]
        if not statuses or set(statuses) - {"done", "unknown"}:
            found.unknown_open.append(f"{kind} {amount} for {customer} stands, and the record says {statuses}")


def _moment(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
