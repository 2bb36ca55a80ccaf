"""Named in a brand's configuration as `services`: each takes (settings, clock) and shares one backend per file.

Settings: `path`, the backend's own database file; `seed`, the file it is filled from the first time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backends.demo.agent_acts import DemoAgentActs
from backends.demo.backend import DemoBackend, build
from backends.demo.bills import DemoBilling
from backends.demo.customers import DemoAccounts, DemoPayg
from backends.demo.debits import DemoDirectDebits
from backends.demo.people import Persona
from bot.errors import SettingsError
from bot.ports import Clock

_OPEN: dict[str, DemoBackend] = {}


def shared(settings: Mapping[str, Any], clock: Clock) -> DemoBackend:
    """The one backend of this process for `settings["path"]`; raises `SettingsError`."""
    path = settings.get("path")
    if not isinstance(path, (str, Path)):
        raise SettingsError("The demo backend needs `path`, its own database file.")
    key = str(path) if str(path) == ":memory:" else str(Path(path).resolve())
    if key not in _OPEN:
        seed = settings.get("seed")
        _OPEN[key] = build(path, clock, seed=Path(seed) if seed else None)
    return _OPEN[key]


def close_all() -> None:
    """Close every backend that a factory opened."""
    while _OPEN:
        _OPEN.popitem()[1].close()


def billing(settings: Mapping[str, Any], clock: Clock) -> DemoBilling:
    """For `Billing` and `Files`."""
    return shared(settings, clock).billing


def direct_debits(settings: Mapping[str, Any], clock: Clock) -> DemoDirectDebits:
    """For `DirectDebits`."""
    return shared(settings, clock).direct_debits


def accounts(settings: Mapping[str, Any], clock: Clock) -> DemoAccounts:
    """For `Accounts`."""
    return shared(settings, clock).accounts


def payg(settings: Mapping[str, Any], clock: Clock) -> DemoPayg:
    """For `Payg`."""
    return shared(settings, clock).payg


def agent_acts(settings: Mapping[str, Any], clock: Clock) -> DemoAgentActs:
    """For `desk.acts`."""
    return shared(settings, clock).agent_acts


def personas(settings: Mapping[str, Any], clock: Clock) -> tuple[Persona, ...]:
    """Who the demo sign-in page offers."""
    return shared(settings, clock).personas
