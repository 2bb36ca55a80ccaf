"""What the composition root passes in: providers and durations. All durations are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from auth.errors import ProviderMisconfigured

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"})
"""Algorithms whose verification key cannot sign: a public key can never be taken for a shared secret."""


Kind = Literal["oidc", "facebook", "slack", "telegram"]


@dataclass(frozen=True, slots=True)
class _Preset:
    """What is known of a kind of provider beforehand. `proves`: the channel whose accounts it names."""

    issuer: str = ""
    scopes: tuple[str, ...] = ("openid",)
    customer_claim: str = "customer_ref"
    account_claim: str = ""
    proves: str = ""


_PRESETS: Mapping[Kind, _Preset] = {
    "oidc": _Preset(),
    "facebook": _Preset("https://www.facebook.com", ("public_profile",), "", "", "messenger"),
    "slack": _Preset("https://slack.com", ("openid", "profile"), "", "https://slack.com/user_id", "slack"),
    "telegram": _Preset("https://oauth.telegram.org", ("openid", "profile"), "", "id", "telegram"),
}


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One sign-in provider. The first one of kind `oidc` names the brand's customers; the other kinds are social.

    `customer_claim` is the id_token's claim with the brand's own customer reference. Where `acr_values` are given they
    are asked for, and one of them must come back. `back_channel` replaces the issuer in calls from this server
    (discovery, token, keys), where the public address cannot be reached from inside. `form_origins` are further origins
    that the provider redirects a sign-in through.

    Social kinds: `account_claim` is the claim with the person's id on the channel; `proof`: whether that id proves
    which account of the channel is in the browser; `team` is Slack's workspace id; `page` is the Facebook page's id,
    which accounts are matched by; `api` is Facebook's Graph API; `step_up`: whether a login here may approve actions.

    Staff: `roles_claim` is the id_token's claim with what the brand's own people may do.
    """

    id: str
    issuer: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    kind: Kind = "oidc"
    label: str = ""
    scopes: tuple[str, ...] = ()
    customer_claim: str = ""
    acr_values: tuple[str, ...] = ()
    roles_claim: str = ""
    allowed_algs: tuple[str, ...] = ("RS256", "ES256")
    back_channel: str = ""
    form_origins: tuple[str, ...] = ()
    account_claim: str = ""
    proof: bool = True
    team: str = ""
    page: str = ""
    api: str = "https://graph.facebook.com/v25.0"
    step_up: bool | None = None
    timeout: float = 5.0

    def __post_init__(self) -> None:
        preset = _PRESETS[self.kind]
        for name in ("issuer", "scopes", "customer_claim", "account_claim"):
            if not getattr(self, name):
                object.__setattr__(self, name, getattr(preset, name))
        if not self.id.replace("-", "").replace("_", "").isalnum():
            raise ProviderMisconfigured(f"identity.providers: {self.id!r} is not a name; use letters, digits and '-'.")
        if not self.client_id:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.client_id is empty.")
        if self.kind != "facebook" and "openid" not in self.scopes:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.scopes must contain 'openid'.")
        if self.kind == "facebook" and not self.client_secret:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.client_secret is empty: Facebook needs it.")
        if self.kind == "slack" and not self.team:
            raise ProviderMisconfigured(f"identity.providers.{self.id}.team is empty: which workspace (T…)?")
        if self.social and self.customer_claim:
            raise ProviderMisconfigured(f"identity.providers.{self.id}: a social login names no customer.")
        if wrong := set(self.allowed_algs) - ASYMMETRIC:
            raise ProviderMisconfigured(
                f"identity.providers.{self.id}.allowed_algs: {', '.join(sorted(wrong))} is not an asymmetric algorithm."
            )
        for name in ("issuer", "api"):
            if not secure(getattr(self, name)):
                raise ProviderMisconfigured(f"identity.providers.{self.id}.{name} must be https (or http on loopback).")

    @property
    def social(self) -> bool:
        """Whether it knows people, but no customers of the brand."""
        return self.kind != "oidc"

    @property
    def proves(self) -> str:
        """The channel whose accounts it proves in the browser, or ""."""
        return _PRESETS[self.kind].proves if self.proof else ""

    @property
    def approves(self) -> bool:
        """Whether a login here may approve an action: by default only where customers are known."""
        return not self.social if self.step_up is None else self.step_up


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
    code: float = 300
    """A code, from the moment a page shows it until it is typed."""
    tries: int = 5
    """How many wrong codes end a sign-in."""
    requests: int = 5
    """Sign-ins and approvals that one chat may ask for in `requests_per`."""
    requests_per: float = 60
    """See `requests`."""
    refresh: float = 24 * 3600
    """How often a refresh token is turned in, to hear whether its provider still stands by the login."""
    kept: float = 90 * 86400
    """How long an ended sign-in is kept; the audit is kept longer."""
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
