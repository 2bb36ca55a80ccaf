"""What can go wrong with a sign-in; the docstring is the message."""

from __future__ import annotations

from bot.errors import Permanent, SettingsError, Temporary


class ProviderDown(Temporary):
    """The sign-in provider does not answer."""


class ProviderMisconfigured(SettingsError):
    """The sign-in provider's settings do not fit the provider."""


class SignInRefused(Permanent):
    """The sign-in was not accepted. `why` is one word for the audit."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class TokenRevoked(Permanent):
    """The provider no longer honours this link's refresh token."""


class VaultBroken(Permanent):
    """A sealed value cannot be opened: it was changed, belongs elsewhere, or its key is gone."""
