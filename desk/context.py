"""What an agent sees beside a conversation: who, what they wanted, where it stands, what was done and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from bot.model import Address
from bot.ports import Channel, Clock, Identity, Recogniser, Store
from bot.script.catalogue import Dialogs, parameters
from bot.script.frame import answers
from bot.script.leaving import lines_left
from bot.script.texts import Texts
from desk.acts import approval_shape
from desk.board import who
from desk.log import CONVERSATIONS
from desk.staff import Agent
from desk.times import iso, iso_or_none
from desk.window import window

TRAIL = 12
"""The customer's latest messages whose meaning is shown."""

_CONVERSATION = "SELECT * FROM conversation WHERE id = :id"
_SAID = (
    "SELECT e.at, e.body FROM entry e WHERE e.conversation = :id AND e.side = 'customer' AND e.kind = 'message'"
    " ORDER BY e.pos DESC LIMIT :limit"
)
_EFFECTS = (
    "SELECT e.begun_at, e.function, e.status, e.reference FROM effect e WHERE e.conversation = :id"
    " OR (CAST(:person AS TEXT) IS NOT NULL AND e.person = :person) ORDER BY e.begun_at DESC LIMIT 10"
)
_ACTS = (
    "SELECT t.*, a.name FROM desk_act t JOIN desk_agent a ON a.id = t.agent WHERE t.item = :item ORDER BY t.asked_at"
)
_CASES = (
    "SELECT k.reference, k.cause, k.opened, k.closed, k.summary FROM cases k WHERE k.conversation = :id"
    " OR (CAST(:person AS TEXT) IS NOT NULL AND k.person = :person) ORDER BY k.opened DESC LIMIT 10"
)
_FAILED = (
    "SELECT at, what, detail FROM audit WHERE conversation = :id AND what IN ('turn.parked', 'effect.refused',"
    " 'effect.unknown', 'link.refused', 'stepup.refused', 'link.failed') ORDER BY at DESC LIMIT 8"
)
_QUESTION = "SELECT o.body FROM outbound o WHERE o.conversation = :id ORDER BY o.seq DESC, o.n DESC LIMIT 60"

HIDDEN = frozenset({"human", "stop", "fallback", "greet", "thanks", "goodbye", "help"})
"""Dialogs of the host's own, which nobody would offer."""


class Words(Protocol):
    """How reasons are called."""

    def __call__(self, reason: str) -> str:
        """The label."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What the panel reads from."""

    store: Store
    clock: Clock
    identity: Identity
    recogniser: Recogniser
    channels: Mapping[str, Channel]
    dialogs: Dialogs
    texts: Texts
    reason: Words
    care: frozenset[str] = frozenset()
    """Dialogs that only lead to a person, whom the customer has already."""


async def context(known: Known, row: Mapping[str, Any], me: Agent, agents: Mapping[str, Agent]) -> dict[str, Any]:
    """The panel of one conversation."""
    store, id = known.store, row["conversation"]
    person = row["person"] or row.get("known")
    kept = (await store.query(_CONVERSATION, id=id))[0]
    address = Address(kept["brand"], kept["connection"], kept["channel"], kept["user_id"], kept["kind"], kept["thread"])
    now = known.clock.now()
    standing = await known.identity.standing(address, now)
    proven = standing.proven_at
    trail = await _trail(known, id, kept["locale"])
    open_now = await _open(known, id, kept["state"])
    cases = await store.query(_CASES, id=id, person=person)
    acts = await store.query(_ACTS, item=row["id"])
    return {
        "summary": _summary(known, row, open_now, trail, cases),
        "customer": {
            "who": who(row.get("customer_ref")),
            "assurance": standing.level.name.lower(),
            "proven_at": iso(proven) if proven else None,
            "age": int((now - proven).total_seconds()) if proven else None,
        },
        "conversations": [
            {
                "id": one["id"],
                "channel": one["channel"],
                "last_at": iso_or_none(one["last_inbound_at"] or one["created_at"]),
                "current": one["id"] == id,
            }
            for one in await store.query(CONVERSATIONS, id=id, person=person)
        ],
        "trail": trail,
        "open": open_now,
        "suggested": _suggested(known, trail, open_now),
        "effects": _effects(await store.query(_EFFECTS, id=id, person=person), acts),
        "failed": [
            {"at": iso_or_none(one["at"]), "what": one["what"].replace(".", ": ").replace("_", " ")}
            for one in await store.query(_FAILED, id=id)
        ],
        "cases": [
            {
                "reference": one["reference"],
                "reason_label": known.reason(one["cause"]),
                "opened": iso_or_none(one["opened"]),
                "closed": iso_or_none(one["closed"]),
            }
            for one in cases
        ],
        "window": window(known.channels.get(row["channel"]), kept["last_inbound_at"], now),
        "return_lines": return_lines(known, me),
        "approvals": [approval_shape(one, agents) for one in acts if one["decided_at"] or one["status"] == "asked"],
    }


def return_lines(known: Known, me: Agent) -> dict[str, Any]:
    """The very lines that the customer reads when the bot has the conversation again."""
    returned = known.texts.format("host.returned", None, {"name": me.first}, None)
    return {
        "resume": returned,
        "start": dict.fromkeys(offerable(known), returned),
        "close": known.texts.format("host.returned-closed", None, {"name": me.first}, None),
        "resolve": known.texts.format("host.resolved", None, {"name": me.first}, None),
        "transfer": known.texts.format("host.passed-on", None, {"name": me.first}, None),
    }


def offerable(known: Known) -> list[str]:
    """The dialogs that an agent may start or offer."""
    return sorted(
        id
        for id, spec in known.dialogs.by_id.items()
        if spec.intents and id not in HIDDEN | known.care and known.texts.has(f"dialog.{id}")
    )


async def _trail(known: Known, id: str, locale: str | None) -> list[dict[str, Any]]:
    said = await known.store.query(_SAID, id=id, limit=TRAIL)
    trail: list[dict[str, Any]] = []
    for row in reversed(said):
        text = str(msgspec.json.decode(row["body"]).get("text", ""))
        control = known.recogniser.control(text, locale)
        parse = await known.recogniser.parse(text, locale)
        trail.append(
            {
                "at": iso_or_none(row["at"]),
                "intent": control or parse.intent,
                "text": text[:200],
                "entities": {one.name: one.value for one in parse.entities},
            }
        )
    return trail


async def _open(known: Known, id: str, state: bytes) -> list[dict[str, Any]]:
    kept = msgspec.json.decode(state) if len(state) > 2 else {}
    asked: dict[str, str] = {}
    for row in await known.store.query(_QUESTION, id=id):
        body = msgspec.json.decode(row["body"])
        asked.setdefault(str(body.get("op", "")), str(body.get("text", "")))
    found: list[dict[str, Any]] = []
    for stack in kept.get("k", ()):
        dialog, frame = stack[0]
        script = isinstance(frame, dict) and "j" in frame
        found.append(
            {
                "dialog": dialog,
                "title": title(known, dialog),
                "step": str(frame.get("w", "")) if script else "",
                "question": asked.get(str(frame.get("op", "-")), "") if script else "",
                "answers": [{"name": name, "value": str(value)} for name, value in answers(frame).items()]
                if script
                else [],
                "top": False,
            }
        )
    if found:
        found[-1]["top"] = True
    return found


def title(known: Known, dialog: str) -> str:
    """A dialog as customers know it."""
    has = known.texts.has(f"dialog.{dialog}")
    return known.texts.format(f"dialog.{dialog}", None, {}, None) if has else dialog.replace("_", " ").capitalize()


def _suggested(known: Known, trail: Sequence[dict[str, Any]], open_now: Sequence[dict[str, Any]]) -> Any:
    """What to offer: the task left open, else the latest thing asked for."""
    may = set(offerable(known))
    for one in reversed(open_now):
        if one["dialog"] in may:
            filled = {answer["name"]: answer["value"] for answer in one["answers"]}
            return {"dialog": one["dialog"], "title": one["title"], "answers": filled}
    for said in reversed(trail):
        dialog = known.dialogs.by_intent.get(said["intent"])
        if dialog in may and dialog is not None:
            wanted = {name for name, *_ in parameters_of(known, dialog)}
            filled = {name: value for name, value in said["entities"].items() if name in wanted}
            return {"dialog": dialog, "title": title(known, dialog), "answers": filled}
    return None


def parameters_of(known: Known, dialog: str) -> list[tuple[str, Any, bool]]:
    """What a dialog can be started with: (name, type, whether it may be left out)."""
    found = parameters(known.dialogs.by_id[dialog].fn)
    # A service is given by its contract, a Protocol; what is left is what somebody can fill in.
    return [(name, kind, given) for name, kind, given in found if name != "intent" and not _is_service(kind)]


def _is_service(kind: Any) -> bool:
    return bool(getattr(kind, "_is_protocol", False))


def _summary(
    known: Known,
    row: Mapping[str, Any],
    open_now: Sequence[dict[str, Any]],
    trail: Sequence[dict[str, Any]],
    cases: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Three lines: why they are here, what they were doing, what they left for us or last said."""
    again = f" (handed over {row['times']} times within a week)" if row["times"] > 1 else ""
    tasks = [one for one in open_now if one["dialog"] not in HIDDEN and not str(one["step"]).startswith("handoff:")]
    if tasks:
        top = tasks[-1]
        given = "; ".join(f"{one['name']}: {one['value']}" for one in top["answers"])
        doing = f"Open: {top['title']}, at “{_cut(top['question'] or top['step'], 90)}”" + (
            f". Given: {given}" if given else ""
        )
    else:
        doing = "Nothing else is open."
    last = trail[-1]["text"][:120] if trail else ""
    left = [line for case in cases if not case["closed"] for line in lines_left(str(case["summary"]))]
    said = f"Last said: “{last}”" if last else "They have written nothing yet."
    return [f"{known.reason(row['reason'])}{again}", doing, _cut(" · ".join(left), 300) if left else said]


def _effects(rows: Sequence[Mapping[str, Any]], acts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    made = [
        {
            "at": iso_or_none(one["begun_at"]),
            "function": one["function"],
            "status": {"refused": "failed"}.get(one["status"], one["status"]),
            "reference": one["reference"],
            "by": "bot",
            "reason": None,
        }
        for one in rows
    ]
    made += [
        {
            "at": iso_or_none(one["asked_at"]),
            "function": f"desk.{one['act']}",
            "status": {"refused": "failed"}.get(one["status"], one["status"]),
            "reference": one["reference"],
            "by": one["name"],
            "reason": one["reason"],
        }
        for one in acts
        if one["status"] in ("intent", "done", "refused", "unknown")
    ]
    return sorted(made, key=lambda one: str(one["at"]), reverse=True)[:10]


def _cut(text: str, most: int) -> str:
    """The text's beginning, cut between words."""
    if len(text) <= most:
        return text
    return f"{text[:most].rsplit(' ', 1)[0].rstrip(' ,;:')}…"
