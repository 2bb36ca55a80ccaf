"""What the sections of the configuration are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

HOME = Path(__file__).resolve().parent.parent.parent
"""The tree this release was started from; `{parley}` in a path stands for it."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Factory = Annotated[str, StringConstraints(pattern=r"^\.?[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`module:function`; a module that begins with a dot stands in the brand's folder."""
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^?#\s]+[^/?#\s]$")]
"""Where a platform's interface is, without a slash at its end."""
Number = Annotated[str, Field(coerce_numbers_to_str=True, pattern=r"^\d*$")]
"""Digits that are a name; YAML reads them as a number where nobody quotes them."""
Shift = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""Part of a day, local time: "08:00-12:30"."""
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """One section of the configuration; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
