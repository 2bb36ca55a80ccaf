"""What the composition root passes in: providers and durations. All durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from auth.errors import ProviderMisconfigured

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""Algorithms whose verification key cannot sign: a public key can never be taken for a shared secret."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One OpenID Connect provider. The first one configured names the brand's customers.

    `customer_claim` is the id_token's claim with the brand's own customer reference. Where `acr_values` are given they
    are asked for, and one of them must come back. `back_channel` replaces the issuer in calls from this server
    (discovery, token, keys), where the public address cannot be reached from inside. `form_origins` are further origins
    that the provider redirects a sign-in through.
    """

    id: str
    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    kind: Literal["oidc"] = "oidc"
    label: str = ""
    scopes: tuple[str, ...] = ("openid",)
    customer_claim: str = "customer_ref"
    acr_values: tuple[str, ...] = ()
    allowed_algs: tuple[str, ...] = ("RS256", "ES256")
    back_channel: str = ""
    form_origins: tuple[str, ...] = ()
    timeout: float = 5.0

    def __post_init__(self) -> None:
        if not self.id.replace("-", "").replace("_", "").isalnum():
            raise ProviderMisconfigured(f"identity.providers: {self.id!r} is not a name; use letters, digits and '-'.")
        if not self.client_id:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.client_id is empty.")
        if "openid" not in self.scopes:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.scopes must contain 'openid'.")
        if wrong := set(self.allowed_algs) - ASYMMETRIC:
            raise ProviderMisconfigured(
                f"identity.providers.{self.id}.allowed_algs: {', '.join(sorted(wrong))} is not an asymmetric algorithm."
            )
        if not secure(self.issuer):
            raise ProviderMisconfigured(f"identity.providers.{self.id}.issuer must be https (or http on loopback).")


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How long things last, in seconds."""

    transaction: float = 600
    """A link or approval page, from the moment it is asked for."""
    step_up_max_age: float = 300
    """A login in the same browser no older than this satisfies an approval's authentication; 0: always anew."""
    link_max_age: float = 300
    """How old the login may be that a link is made from. The provider is asked for a new one in any case."""
    grant: float = 300
    """An approval, from the moment it is given until the effect begins."""
    login: float = 12 * 3600
    """A login, for reading the account; older, the chat is only known to be linked."""
    unused: float = 30 * 86400
    """A link that was not used for this long needs a login before the account is read again."""
    life: float = 180 * 86400
    """A link, from its last login; after that it counts no more."""
    idle: Mapping[str, float] = field(default_factory=lambda: {"webchat": 900.0})
    """By channel: how long after the account was last used a login must be repeated."""
    touch: float = 60
    """`last_used_at` is written at most once in this time, so that idleness is exact to this."""
    leeway: float = 60
    """What another server's clock may be off by."""
    metadata: float = 3600
    """How long a provider's discovery document is kept."""


def secure(url: str) -> bool:
    """Whether an address is https, or http on this machine alone (RFC 8252 §8.3)."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and loopback(url))


def loopback(url: str) -> bool:
    """Whether an address names this machine."""
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def origin(url: str) -> str:
    """Scheme, host and port of an address, as browsers write it in `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
