"""What an operation or a replay comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """The operation has an outcome; the dialog goes on with it."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The operation ends in an error that the dialog may catch."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Wait:
    """The dialog waits with this operation."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The dialog calls another one."""

    dialog: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restart:
    """The dialog starts anew, journal empty. With `args` None it keeps its arguments and only replays."""

    args: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The dialog returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Waits:
    """The dialog waits."""


Outcome = Done | Failed
Step = Ended | Waits | Calls | Restart
