"""What the pages need of a sign-in provider, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from auth.id_token import SignedIn
from auth.settings import ProviderSettings


class Provider(Protocol):
    """One provider. Every method may raise `ProviderDown` and `ProviderMisconfigured`."""

    settings: ProviderSettings

    async def form_origins(self) -> tuple[str, ...]:
        """The origins that a form leading to the sign-in may be sent on to."""
        ...

    async def begin(self, *, redirect_uri: str, state: str, max_age: float) -> tuple[str, dict[str, str]]:
        """The address of the sign-in, and the secrets to finish it with."""
        ...

    async def requires_iss(self) -> bool:
        """Whether its responses must name their issuer (RFC 9207 §3)."""
        ...

    async def finish(self, *, code: str, secrets: Mapping[str, str], max_age: float) -> SignedIn:
        """Exchange the code and validate the sign-in. Raises `SignInRefused`."""
        ...

    async def refresh(self, refresh_token: str) -> str:
        """Turn a refresh token in for the next one. Raises `TokenRevoked`."""
        ...

    async def revoke(self, refresh_token: str) -> None:
        """Tell the provider that a token is no longer wanted (RFC 7009)."""
        ...

    async def logout_claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a logout token whose signature holds. Raises `SignInRefused`."""
        ...

    async def problem(self) -> str:
        """What is wrong and how to mend it, or nothing."""
        ...
