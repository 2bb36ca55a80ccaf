"""Cases: what waits for a person, with a reference the customer can quote and a summary an agent can start from."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from bot.errors import UnknownText
from bot.ports import Case, Opened, Sql
from bot.script.drive import Drive
from bot.script.frame import Frame, answers, op_id, unsettled
from bot.script.scope import Scope
from bot.script.values import digest, to_plain

_OPEN = (
    "INSERT INTO cases (id, reference, brand, person, conversation, op, origin, cause, summary, about, opened)"
    " VALUES (:id, :reference, :brand, :person, :conversation, :op, :origin, :cause, :summary, :about, :at)"
)


@dataclass(frozen=True, slots=True)
class OpenedCase:
    """A case and how its hand-over began."""

    reference: str
    opened: Opened


def open_case(run: Drive, cause: str, *, about: Any, op: str) -> OpenedCase:
    """Open a case for this dialog; its rows are part of the turn."""
    return open_for(run.scope, cause, about=about, op=op, summary=summary_of(run))


def open_for(scope: Scope, cause: str, *, about: Any, op: str, summary: str) -> OpenedCase:
    """Open a case in this turn and hand it over."""
    id = digest(scope.conversation, str(scope.claim.seq), op, cause)
    reference = f"{scope.host.reference_prefix}-{base64.b32encode(bytes.fromhex(id)[:5]).decode()[:7]}"
    plain = to_plain(about, cause)
    case = Case(
        id=id,
        reference=reference,
        conversation=scope.conversation,
        brand=scope.host.brand,
        person=scope.person or scope.claim.person,
        op=op,
        reason=cause,
        summary=summary,
        about=plain,
        channel=scope.claim.address.channel,
        # The customer's own language, and not the nearest that we have texts in.
        locale=scope.claim.locale or scope.claim.inbound.locale or scope.locale,
    )
    values = {
        "id": id,
        "reference": reference,
        "brand": case.brand,
        "person": case.person,
        "conversation": case.conversation,
        "op": op,
        "origin": scope.claim.address.channel,
        "cause": cause,
        "summary": summary,
        "about": msgspec.json.encode(plain).decode(),
        "at": scope.now.timestamp(),
    }
    scope.changes.append(Sql(_OPEN, values, rows=1))
    opened = scope.host.handoff.open(case, scope.now)
    scope.changes.extend(opened.changes)
    told = {"case": id, "reference": reference, "reason": cause, "summary": summary, "waits": opened.waits}
    scope.handoffs.append(("handoff.initiate", told))
    scope.audit("case.opened", id, cause=cause)
    scope.trace.setdefault("cases", []).append(cause)
    scope.case_id = id
    return OpenedCase(reference, opened)


def now_unknown(key: str) -> Sql:
    """An effect that was begun and that nobody will read back any more."""
    return Sql("UPDATE effect SET status = 'unknown' WHERE key = :key AND status = 'intent'", {"key": key})


def leave_effects(scope: Scope, dialog: str, frame: Frame) -> None:
    """A dialog is left for good: whatever it began and did not settle goes to a person, and the customer is told."""
    for name, entry in unsettled(frame).items():
        scope.changes.append(now_unknown(entry["key"]))
        summary = f"{title(scope, dialog)} was left while {name} was not settled."
        about = {"effect": entry["key"]}
        case = open_for(scope, "effect_unsettled", about=about, op=op_id(frame, name), summary=summary)
        scope.tell("host.effect-unknown", reference=case.reference)


def withdraw(scope: Scope, reference: str) -> None:
    """The customer waits for a person no longer: that one case is closed, and then the desk hears of it."""
    text = (
        "UPDATE cases SET closed = :at, outcome = 'withdrawn' WHERE conversation = :conversation"
        " AND reference = :reference AND closed IS NULL"
    )
    values = {"conversation": scope.conversation, "reference": reference, "at": scope.now.timestamp()}
    scope.changes.append(Sql(text, values))
    scope.changes.extend(scope.host.handoff.close(scope.conversation, "withdrawn", scope.now))


async def open_reference(scope: Scope, cause: str, about: Any) -> str | None:
    """The reference of this conversation's open case for the same cause and matter, if nobody has closed it yet."""
    rows = await scope.host.store.query(
        "SELECT reference FROM cases WHERE conversation = :conversation AND cause = :cause AND about = :about"
        " AND closed IS NULL ORDER BY opened DESC LIMIT 1",
        conversation=scope.conversation,
        cause=cause,
        about=msgspec.json.encode(to_plain(about, cause)).decode(),
    )
    return str(rows[0]["reference"]) if rows else None


def summary_of(run: Drive) -> str:
    """Three lines: what the customer is doing, where it stands, what they answered so far."""
    scope, frame = run.scope, run.frame
    lines = [f"Dialog: {title(scope, run.spec.id)} ({run.spec.id})"]
    if frame.get("w"):
        lines.append(f"Step: {frame['w']}")
    given = answers(frame)
    if given:
        lines.append("Answers: " + "; ".join(f"{name} = {value}" for name, value in given.items()))
    return "\n".join(lines)


def title(scope: Scope, dialog: str) -> str:
    """A dialog's name as the customer knows it."""
    try:
        return scope.text(f"dialog.{dialog}")
    except UnknownText:
        return dialog.replace("_", " ")
