"""Turns what happens in turns and sends into metrics, and passes turns on to whoever watches."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from bot.observe.metrics import (
    CASES,
    DEAD_LETTERS,
    EFFECTS,
    INTENTS,
    LOGINS,
    PARSE_SECONDS,
    POISON,
    SENDS,
    TURN_SECONDS,
    TURNS,
)


class Watcher(Protocol):
    """Is shown each committed turn."""

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        ...


class Counting:
    """Implements `bot.turn.TurnObserver` and `bot.delivery.DeliveryObserver`."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self._watcher = watcher

    def turn(self, trace: dict[str, Any], seconds: float) -> None:
        """A turn was committed."""
        TURNS.labels("committed").inc()
        TURN_SECONDS.observe(seconds)
        parse = trace.get("parse")
        if parse is not None:
            INTENTS.labels(parse.intent or "none").inc()
            PARSE_SECONDS.labels(parse.backend).observe(parse.ms / 1000)
        for effect in trace.get("effects", ()):
            EFFECTS.labels(effect["function"], effect["status"]).inc()
        if "login" in trace:
            LOGINS.labels(*trace["login"]).inc()
        for cause in trace.get("cases", ()):
            CASES.labels(cause).inc()
        if self._watcher is not None:
            self._watcher.turn(trace, seconds)

    def failed(self, error: str, *, parked: bool) -> None:
        """A turn failed; `parked`: for good."""
        TURNS.labels("poison" if parked else "released").inc()
        if parked:
            POISON.inc()

    def sent(self, channel: str, status: Literal["sent", "retry", "dead", "expired", "withheld"]) -> None:
        """One send ended so; a retry is no end."""
        if status == "retry":
            return
        SENDS.labels(channel, status).inc()
        if status in ("dead", "expired"):
            DEAD_LETTERS.labels(channel).inc()
