"""The desk that ships: a queue in the store, agents at `/desk`, and an honest word to whoever waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.ports import Case, Opened, Sql
from bot.settings import DeskSettings, Settings
from desk import rows
from desk.hours import Hours, hours_of
from desk.presence import Seen


class BuiltInDesk:
    """Implements `bot.ports.Handoff`. `seen` is kept fresh by the desk's own worker; without one nobody is there."""

    def __init__(self, settings: DeskSettings, hours: Hours) -> None:
        self.settings, self.hours = settings, hours
        self.seen = Seen()

    def attended(self, now: datetime) -> bool:
        """Whether somebody is there to take a conversation now."""
        return self.seen.there > 0 and self.hours.is_open(now)

    def open(self, case: Case, now: datetime) -> Opened:
        """The conversation joins the queue in the turn's own transaction."""
        live = self.attended(now)
        text, values = self.promise(now) if live else self.absence(now)
        row = rows.opened(
            case,
            skill=self.settings.skills.get(case.reason),
            language=(case.locale or self.settings.languages[0]).replace("_", "-").split("-")[0].lower(),
            urgency=self.settings.urgency.get(case.reason, 0),
            live=live,
            told=self.seen.wait.told(),
            now=now,
        )
        return Opened((row,), live, text, {**values, "reference": case.reference})

    def close(self, conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
        """The customer waits no longer."""
        return rows.withdrawn(conversation, why, now)

    def rated(self, case: str, score: int | None, now: datetime) -> tuple[Sql, ...]:
        """Kept for the figures, once."""
        return (rows.rated(case, score, now),)

    def promise(self, now: datetime) -> tuple[str, dict[str, Any]]:
        """What somebody who waits is told of how long: a text and its values."""
        seen = self.seen
        if seen.free > 0 and seen.ahead == 0:
            return "host.desk-next", {}
        if seen.wait.high:
            low, high = seen.wait.low, seen.wait.high
            return (
                ("host.desk-range", {"low": low, "high": high}) if low < high else ("host.desk-about", {"high": high})
            )
        return "host.desk-soon", {"ahead": seen.ahead}

    def absence(self, now: datetime) -> tuple[str, dict[str, Any]]:
        """What is promised when nobody is there: the next opening by date, or a call back."""
        opens = self.opens(now)
        return ("host.desk-closed", opens) if opens else ("host.callback", {})

    def opens(self, now: datetime) -> dict[str, Any]:
        """The next opening, by day and hour."""
        opens = None if self.hours.is_open(now) else self.hours.next(now)
        if opens is None:
            return {}
        local = self.hours.local(opens)
        return {"day": local.date(), "time": clock_time(local)}


def clock_time(at: datetime) -> str:
    """A time of day as people say it: 8am, 12.30pm."""
    hour = at.hour % 12 or 12
    minutes = f".{at.minute:02}" if at.minute else ""
    return f"{hour}{minutes}{'am' if at.hour < 12 else 'pm'}"


def build(settings: Settings) -> BuiltInDesk:
    """For `desk.handoff` in the configuration."""
    return BuiltInDesk(settings.desk, hours_of(settings.desk))
