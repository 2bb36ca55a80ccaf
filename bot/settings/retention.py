"""How long what is kept is kept, in days."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bot.settings.kinds import Seconds, Section

Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionSettings(Section):
    """Days by what is kept; 0 keeps for ever."""

    inbound: Days = 30
    outbound: Days = 30
    log: Days = 395
    dead_letters: Days = 30
    public_asks: Days = 30
    cases: Days = 730
    effects: Days = 730
    links: Days = 90
    audit: Days = 2190
    unsure: Days = 30
    batch: Annotated[int, Field(ge=10, le=10_000)] = 500
    every: Seconds = 1.0
