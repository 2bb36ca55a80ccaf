"""Identity linking and step-up: proof by the customer's own sign-in, on our pages."""

from __future__ import annotations

from auth.pages import WebProof
from auth.service import Auth
from auth.settings import AuthSettings, ProviderSettings

__all__ = ["Auth", "AuthSettings", "ProviderSettings", "WebProof"]
