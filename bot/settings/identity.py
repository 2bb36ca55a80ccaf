"""Identity: sign-in providers, and how long a proof holds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bot.settings.kinds import Factory, Name, Seconds, Section


class Provider(Section):
    """One sign-in provider."""

    id: Name
    kind: Literal["oidc", "facebook", "slack", "telegram"] = "oidc"
    issuer: str = ""
    client_id: str
    client_secret: SecretStr = SecretStr("")
    label: str = ""
    scopes: tuple[str, ...] = ()
    customer_claim: str = ""
    acr_values: tuple[str, ...] = ()
    allowed_algs: tuple[str, ...] = ("RS256", "ES256")
    back_channel: str = ""
    form_origins: tuple[str, ...] = ()
    account_claim: str = ""
    proof: bool = True
    team: str = ""
    page: str = ""
    api: str = "https://graph.facebook.com/v25.0"
    step_up: bool | None = None


class IdentitySettings(Section):
    """How customers prove who they are, and for how long it holds."""

    demo: bool = False
    personas: Factory | Literal[""] = ""
    providers: tuple[Provider, ...] = ()
    transaction: Seconds = 600
    code: Seconds = 300
    tries: Annotated[int, Field(ge=1)] = 5
    requests: Annotated[int, Field(ge=1)] = 5
    requests_per: Seconds = 60
    step_up_max_age: Annotated[float, Field(ge=0)] = 300
    link_max_age: Seconds = 300
    grant: Seconds = 300
    login: Seconds = 12 * 3600
    unused: Seconds = 30 * 86400
    life: Seconds = 180 * 86400
    refresh: Seconds = 86400
    kept: Seconds = 90 * 86400
    idle: dict[str, Seconds] = {"webchat": 900.0}
