"""A call back: nobody is at a desk, so the case is kept for a person and the customer is told how to reach one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bot.ports import Case, Opened, Sql
from bot.settings import Settings


class CallbackDesk:
    """Implements `bot.ports.Handoff`. The engine writes the case itself with the turn; `app.py cases` lists it."""

    def attended(self, now: datetime) -> bool:
        """Never."""
        return False

    def opens(self, now: datetime) -> Mapping[str, Any]:
        """Not known."""
        return {}

    def close(self, conversation: str, why: str, now: datetime) -> tuple[Sql, ...]:
        """Nothing to take back: the case stays for a person."""
        return ()

    def rated(self, case: str, score: int | None, now: datetime) -> tuple[Sql, ...]:
        """Nobody is asked."""
        return ()

    def open(self, case: Case, now: datetime) -> Opened:
        """Nobody is there: the customer gets the reference, the phone number and the hours, and the dialog goes on."""
        return Opened(changes=(), waits=False, text="host.callback", values={"reference": case.reference})


def build(settings: Settings) -> CallbackDesk:
    """For `desk` in the configuration."""
    return CallbackDesk()
