"""People: when they answer, how they sign in, what they may do."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from bot.settings.kinds import Factory, Seconds, Section, Shift, Zone

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""A language's subtag (BCP 47), without a region."""


class DeskHours(Section):
    """When somebody answers: by day, one or more shifts as "08:00-12:30"; an empty list is a day off."""

    mon: tuple[Shift, ...] = ()
    tue: tuple[Shift, ...] = ()
    wed: tuple[Shift, ...] = ()
    thu: tuple[Shift, ...] = ()
    fri: tuple[Shift, ...] = ()
    sat: tuple[Shift, ...] = ()
    sun: tuple[Shift, ...] = ()


class DeskLogin(Section):
    """How agents sign in: an OpenID Connect provider whose id_token says who may do what."""

    issuer: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    scopes: tuple[str, ...] = ("openid", "profile")
    roles_claim: str = "roles"
    agent_role: str = "agent"
    lead_role: str = "lead"
    back_channel: str = ""
    session: Seconds = 9 * 3600


class DeskExternal(Section):
    """A desk elsewhere, spoken to over HTTP."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^?#\s]+[^/?#\s])?$")] = ""
    token: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")


class DeskSettings(Section):
    """People: where they are reached, when, and what they may do by themselves. Money is pence."""

    handoff: Factory = "desk.callback:build"
    login: DeskLogin = DeskLogin()
    timezone: Zone = "Europe/London"
    hours: DeskHours = DeskHours()
    bank_holidays: Literal["", "england"] = ""
    closed: tuple[date, ...] = ()
    skills: dict[str, str] = {}
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("en",)
    urgency: dict[str, Annotated[int, Field(ge=0, le=3)]] = {
        "danger": 3,
        "bereavement": 2,
        "cannot_pay": 2,
        "complaint": 1,
        "effect_unknown": 1,
        "effect_unsettled": 1,
    }
    risk: Seconds = 300
    capacity: Annotated[int, Field(ge=1)] = 3
    offline: Seconds = 45
    unanswered: Seconds = 300
    offer: Seconds = 60
    quiet: Seconds = 3600
    update: Annotated[float, Field(ge=300)] = 300
    csat: bool = True
    goodwill: dict[Literal["agent", "lead"], Annotated[int, Field(ge=0)]] = {"agent": 1000, "lead": 5000}
    acts: Factory | Literal[""] = ""
    upload: Annotated[int, Field(gt=0)] = 5_000_000
    uploads: Annotated[float, Field(gt=0)] = 0.5
    uploads_burst: Annotated[float, Field(ge=1)] = 20.0
    external: DeskExternal = DeskExternal()
