"""The desk's statements: each states what it expects, so that two who want the same thing cannot both have it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.ports import Case, Sql

ITEM = (
    "i.id, i.reference, i.conversation, i.person, i.channel, i.reason, i.skill, i.language, i.urgency, i.live, i.state,"
    " i.version, i.agent, i.offered_to, i.seen_pos, i.times, i.opened_at, i.waiting_since, i.offered_at, i.claimed_at,"
    " i.replied_at, i.snoozed_until, i.told, i.told_at, i.tariff"
)

_OPEN = (
    "INSERT INTO desk_item (id, reference, brand, conversation, person, channel, reason, skill, language, urgency,"
    " live, state, times, told, told_at, opened_at, waiting_since) VALUES (:id, :reference, :brand, :conversation,"
    " :person, :channel, :reason, :skill, :language, :urgency, :live, 'waiting',"
    " 1 + (SELECT count(*) FROM desk_item b WHERE b.conversation = :conversation AND b.ended_at > :lately),"
    " :told, :at, :at, :at)"
    " ON CONFLICT (conversation) WHERE state <> 'ended' DO UPDATE SET version = desk_item.version + 1,"
    " reason = CASE WHEN excluded.urgency > desk_item.urgency THEN excluded.reason ELSE desk_item.reason END,"
    " skill = CASE WHEN excluded.urgency > desk_item.urgency THEN excluded.skill ELSE desk_item.skill END,"
    " urgency = CASE WHEN excluded.urgency > desk_item.urgency THEN excluded.urgency ELSE desk_item.urgency END,"
    " live = CASE WHEN excluded.live > desk_item.live THEN excluded.live ELSE desk_item.live END,"
    # Put aside, it is its holder's all the same, and the bot is silent: what has come up wakes it for them.
    " snoozed_until = CASE WHEN desk_item.state = 'snoozed' THEN excluded.waiting_since ELSE desk_item.snoozed_until"
    " END, state = CASE WHEN desk_item.state = 'snoozed' THEN 'held' ELSE desk_item.state END"
)
_TOUCHED = "UPDATE desk_item SET version = version + 1"

OWED = (
    "EXISTS (SELECT 1 FROM cases k WHERE k.conversation = :conversation AND k.closed IS NULL AND k.origin <> 'public')"
)
"""Whether anything in this conversation still waits for a person."""

REHANDOFF = 7 * 86400.0
"""A conversation that comes back within so many seconds counts as handed over again."""


def opened(case: Case, *, skill: str | None, language: str, urgency: int, live: bool, told: str, now: datetime) -> Sql:
    """A conversation joins the queue; one that is there already keeps its place and becomes no less urgent."""
    at = now.timestamp()
    return Sql(
        _OPEN,
        {
            "id": case.id,
            "reference": case.reference,
            "brand": case.brand,
            "conversation": case.conversation,
            "person": case.person,
            "channel": case.channel,
            "reason": case.reason,
            "skill": skill,
            "language": language,
            "urgency": urgency,
            "live": int(live),
            "told": told,
            "lately": at - REHANDOFF,
            "at": at,
        },
        rows=1,
    )


def claimed(item: str, agent: str, now: datetime) -> Sql:
    """Compare and set: an agent takes what still waits."""
    return Sql(
        f"{_TOUCHED}, state = 'held', agent = :agent, claimed_at = :at, offered_to = NULL, offered_at = NULL,"
        " snoozed_until = NULL, seen_pos = (SELECT c.pos FROM conversation c WHERE c.id = desk_item.conversation)"
        " WHERE id = :id AND state IN ('waiting', 'snoozed')"
        " AND (state = 'waiting' OR agent = :agent)",
        {"id": item, "agent": agent, "at": now.timestamp()},
        rows=1,
    )


def released(
    item: str, agent: str | None, *, to: str | None, skill: str | None, keep_skill: bool, now: datetime
) -> Sql:
    """Back to the queue, from its holder (`agent` None: whoever it is); offered to one agent first where named."""
    guard = "" if agent is None else " AND agent = :agent"
    values: dict[str, Any] = {"id": item, "to": to, "at": now.timestamp()}
    if agent is not None:
        values["agent"] = agent
    skilled = "" if keep_skill else ", skill = :skill"
    if not keep_skill:
        values["skill"] = skill
    return Sql(
        f"{_TOUCHED}, state = 'waiting', agent = NULL, offered_to = :to,"
        f" offered_at = CASE WHEN CAST(:to AS TEXT) IS NULL THEN NULL ELSE :at END{skilled}"
        f" WHERE id = :id AND state IN ('held', 'snoozed'){guard}",
        values,
        rows=1,
    )


def snoozed(item: str, agent: str, until: datetime) -> Sql:
    """Put aside by its holder until a time."""
    return Sql(
        f"{_TOUCHED}, state = 'snoozed', snoozed_until = :until WHERE id = :id AND state = 'held' AND agent = :agent",
        {"id": item, "agent": agent, "until": until.timestamp()},
        rows=1,
    )


def woken(item: str, now: datetime) -> Sql:
    """Back with its holder; since when, stands where it said until when it slept."""
    return Sql(
        f"{_TOUCHED}, state = 'held', snoozed_until = :at WHERE id = :id AND state = 'snoozed'",
        {"id": item, "at": now.timestamp()},
        rows=1,
    )


def ended(item: str, agent: str, why: str, now: datetime) -> Sql:
    """Its holder is done with it."""
    return Sql(
        f"{_TOUCHED}, state = 'ended', ended_why = :why, ended_at = :at, snoozed_until = NULL"
        " WHERE id = :id AND state IN ('held', 'snoozed') AND agent = :agent",
        {"id": item, "agent": agent, "why": why, "at": now.timestamp()},
        rows=1,
    )


def withdrawn(conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
    """The customer waits no longer. Whoever holds it already keeps it, and so does the queue while another of their
    cases is open: a call that was promised for that one is still owed."""
    values = {"conversation": conversation, "why": why, "at": now.timestamp()}
    waits = " WHERE conversation = :conversation AND state = 'waiting'"
    return (
        Sql(f"{_TOUCHED}, state = 'ended', ended_why = :why, ended_at = :at{waits} AND NOT {OWED}", values),
        Sql(f"{_TOUCHED}, live = 0{waits} AND live = 1", {"conversation": conversation}),
    )


def replied(item: str, agent: str, now: datetime) -> Sql:
    """Its holder has written; refused unless they still hold it."""
    return Sql(
        f"{_TOUCHED}, replied_at = coalesce(replied_at, :at) WHERE id = :id AND agent = :agent AND state = 'held'",
        {"id": item, "agent": agent, "at": now.timestamp()},
        rows=1,
    )


def rated(item: str, score: int | None, now: datetime) -> Sql:
    """That the customer was asked how it went, or what they said."""
    if score is None:
        text = "UPDATE desk_item SET csat_at = :at WHERE id = :id AND csat_at IS NULL"
        return Sql(text, {"id": item, "at": now.timestamp()})
    return Sql("UPDATE desk_item SET csat = :score WHERE id = :id AND csat IS NULL", {"id": item, "score": score})


def cases_closed(conversation: str, outcome: str, now: datetime) -> Sql:
    """Every open case of this conversation has been dealt with."""
    return Sql(
        "UPDATE cases SET closed = :at, outcome = :outcome WHERE conversation = :conversation AND closed IS NULL",
        {"conversation": conversation, "outcome": outcome, "at": now.timestamp()},
    )
