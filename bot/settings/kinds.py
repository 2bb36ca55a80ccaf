"""What the sections of the configuration are made of."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

HOME = Path(__file__).resolve().parent.parent.parent
"""The tree this release was started from; `{parley}` in a path stands for it."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Factory = Annotated[str, StringConstraints(pattern=r"^\.?[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`module:function`; a module that begins with a dot stands in the brand's folder."""
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^?#\s]+[^/?#\s]$")]
"""Where a platform's interface is, without a slash at its end."""
Number = Annotated[str, Field(coerce_numbers_to_str=True, pattern=r"^\d*$")]
"""Digits that are a name; YAML reads them as a number where nobody quotes them."""


def _site(origin: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/?", origin):
        raise ValueError(f"{origin} is no site: http:// or https://, its name and nothing behind it")
    return origin.rstrip("/")


def _forwards(shift: str) -> str:
    begins, _, ends = shift.partition("-")
    if begins >= ends:
        raise ValueError(f"{shift} ends before it begins; over midnight, give two: until 24:00, and from 00:00")
    return shift


def _known(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"there is no time zone {zone}; they are named like Europe/London") from None
    return zone


Shift = Annotated[
    str,
    StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"),
    AfterValidator(_forwards),
]
"""Part of a day, local time: "08:00-12:30"."""
Origin = Annotated[str, AfterValidator(_site)]
"""A site as browsers name it: scheme, host and perhaps a port."""
Zone = Annotated[str, AfterValidator(_known)]
"""A time zone by its name in the IANA database."""
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """One section of the configuration; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
