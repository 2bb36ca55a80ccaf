"""What this process knows of who is at the desk: read from the store every second, asked in the middle of a turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.ports import Store

# An agent who wraps up takes the next conversation in a moment; one who is away does not.
_AGENTS = "SELECT count(*) AS there FROM desk_agent WHERE presence IN ('available', 'wrapping_up') AND seen_at > :since"
_WAITED = (
    "SELECT claimed_at - waiting_since AS waited FROM desk_item WHERE claimed_at > :since AND live = 1"
    " ORDER BY claimed_at DESC LIMIT 50"
)
_AHEAD = "SELECT count(*) AS ahead FROM desk_item WHERE state <> 'ended' AND state = 'waiting' AND live = 1"
_FREE = (
    "SELECT count(*) AS free FROM desk_agent a WHERE a.presence = 'available' AND a.seen_at > :since AND a.capacity >"
    " (SELECT count(*) FROM desk_item i WHERE i.agent = a.id AND i.state <> 'ended' AND i.state = 'held')"
)


@dataclass(frozen=True, slots=True)
class Wait:
    """An honest wait: minutes, from the last hour's answers; both 0 where nobody has waited lately."""

    low: int = 0
    high: int = 0

    def told(self) -> str:
        """A short mark of what was said, so that only a change is said again."""
        return f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True)
class Seen:
    """Who is there, how long it takes, how many wait."""

    there: int = 0
    free: int = 0
    ahead: int = 0
    wait: Wait = Wait()


async def look(store: Store, now: datetime, offline: float) -> Seen:
    """The desk as it is now."""
    at = now.timestamp()
    there = await store.query(_AGENTS, since=at - offline)
    free = await store.query(_FREE, since=at - offline)
    ahead = await store.query(_AHEAD)
    waited = await store.query(_WAITED, since=at - 3600)
    return Seen(int(there[0]["there"]), int(free[0]["free"]), int(ahead[0]["ahead"]), wait_of(waited))


def wait_of(rows: Sequence[Mapping[str, Any]]) -> Wait:
    """The middle half of what people waited in the last hour, in whole minutes, at least one."""
    waited = sorted(float(row["waited"]) for row in rows)
    if not waited:
        return Wait()
    low, high = waited[len(waited) // 4], waited[(3 * len(waited)) // 4]
    return Wait(max(1, round(low / 60)), max(1, -int(-high // 60)))
