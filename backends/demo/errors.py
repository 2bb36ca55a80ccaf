"""What can go wrong in the demo backend."""

from __future__ import annotations

from bot.errors import Permanent, SettingsError
from dialogs.services import BackendUnavailable


class ToldToBeDown(BackendUnavailable):
    """The demo backend has been told to be down."""


class ResponseLost(BackendUnavailable):
    """The demo backend did its work and has been told to lose the answer."""


class KeyReused(Permanent):
    """This idempotency key was used before for another call."""


class FixtureError(SettingsError):
    """A line that sets the demo backend up for a test is not understood."""


class SeedError(SettingsError):
    """The demo brand's seed is not understood."""
