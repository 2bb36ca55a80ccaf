"""How the desk does: waiting, first response, resolution, returns, re-handoffs, abandonment, satisfaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bot.ports import Store
from desk.times import iso

_ENDED = (
    "SELECT reason, channel, tariff, live, state, times, opened_at, waiting_since, claimed_at, replied_at, ended_at,"
    " ended_why, agent, csat, csat_at FROM desk_item WHERE opened_at >= :since"
)
_AGENTS = "SELECT id, name, presence FROM desk_agent ORDER BY name"
_LOAD = "SELECT agent, count(*) AS load FROM desk_item WHERE state = 'held' GROUP BY agent"


async def figures(store: Store, now: datetime, hours: float, label: Callable[[str], str]) -> dict[str, Any]:
    """Those of the conversations handed over in the last `hours`, in all and by reason, channel and tariff."""
    begun = now - timedelta(hours=hours)
    rows = await store.query(_ENDED, since=begun.timestamp())
    groups = [group("all", "All", rows)]
    for by, name in (("reason", label), ("channel", str), ("tariff", str)):
        for value in sorted({str(row[by] or "") for row in rows} - {""}):
            groups.append(group(by, name(value), [row for row in rows if row[by] == value]))
    load = {row["agent"]: int(row["load"]) for row in await store.query(_LOAD)}
    return {
        "from": iso(begun),
        "to": iso(now),
        "groups": groups,
        "agents": [
            {
                "id": one["id"],
                "name": one["name"],
                "presence": one["presence"],
                "load": load.get(one["id"], 0),
                "held_today": sum(row["agent"] == one["id"] for row in rows),
                "resolved_today": sum(row["agent"] == one["id"] and row["ended_why"] == "resolved" for row in rows),
            }
            for one in await store.query(_AGENTS)
        ],
    }


def group(by: str, name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One line of the figures; times in whole seconds, None where nothing was measured."""
    scores = [row["csat"] for row in rows if row["csat"] is not None]
    return {
        "by": by,
        "name": name,
        "handoffs": len(rows),
        **_spread("waiting", (_between(row, "waiting_since", "claimed_at") for row in rows)),
        **_spread("first_response", (_between(row, "opened_at", "replied_at") for row in rows)),
        **_spread(
            "resolution",
            (_between(row, "opened_at", "ended_at") for row in rows if row["ended_why"] in ("resolved", "returned")),
        ),
        "returned": sum(row["ended_why"] == "returned" for row in rows),
        "rehandoffs": sum(row["times"] > 1 for row in rows),
        "abandoned": sum(row["ended_why"] in ("withdrawn", "closed") for row in rows),
        "resolved": sum(row["ended_why"] == "resolved" for row in rows),
        "csat": {
            "asked": sum(row["csat_at"] is not None for row in rows),
            "answered": len(scores),
            "mean": round(sum(scores) / len(scores), 2) if scores else None,
        },
    }


def _between(row: Mapping[str, Any], begins: str, ends: str) -> float | None:
    return None if row[ends] is None or row[begins] is None else max(0.0, row[ends] - row[begins])


def _spread(name: str, given: Iterable[float | None]) -> dict[str, int | None]:
    found = sorted(one for one in given if one is not None)
    if not found:
        return {f"{name}_p50": None, f"{name}_p90": None}
    # Nearest rank: the smallest that at least so many of a hundred do not exceed.
    return {f"{name}_p{rank}": round(found[-(-rank * len(found) // 100) - 1]) for rank in (50, 90)}
