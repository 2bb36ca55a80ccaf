"""Whether a reply may go out now, and until when: each platform's own rule, as its channel knows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from bot.ports import Channel
from desk.times import iso


def window(channel: Channel | None, last_inbound: float | None, now: datetime) -> dict[str, Any]:
    """Whether a reply may go out now, and until when: the platform's own rule."""
    last = None if last_inbound is None else datetime.fromtimestamp(last_inbound, now.tzinfo)
    told: dict[str, Any] = {"state": "open", "closes_at": None, "human_agent": False, "human_agent_until": None}
    if channel is None:
        return told
    told["state"] = channel.window(last, now)
    if last is None:
        return told
    day, moment = timedelta(hours=24), timedelta(seconds=1)
    if channel.window(last, last + day - moment) == "open" and channel.window(last, last + day + moment) != "open":
        told["closes_at"] = iso(last + day)
        human = bool(getattr(channel, "human_agent", False))
        told["human_agent"] = human and told["state"] == "template_only"
        told["human_agent_until"] = iso(last + timedelta(days=7)) if human else None
    return told
