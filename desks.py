"""Composes the desk: the built-in one at `/desk`, its agents' sign-in, the brand's own acts, the demo's agents."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auth import AuthSettings, ProviderSettings
from auth.demo_idp import DemoClient
from auth.errors import ProviderMisconfigured, SignInRefused
from auth.oidc import OidcProvider
from bot import assembly
from bot.assembly import Parts
from bot.ports import Channel, Clock, Handoff, Identity, Recogniser, Store
from bot.secret import derive
from bot.settings import Settings
from bot.web import Drain
from desk.api import DeskSite
from desk.builtin import BuiltInDesk
from desk.external import ExternalDesk, FeedWorker, Hook
from desk.staff import SignedInStaff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp.web import RouteDef

    from bot.serving import Worker

DEMO_AGENTS: Sequence[dict[str, Any]] = (
    {
        "sub": "agent-priya",
        "name": "Priya Shah",
        "story": "An agent, also for billing and for people in difficulty",
        "customer_ref": "",
        "roles": ("agent", "billing", "care"),
    },
    {
        "sub": "agent-tom",
        "name": "Tom Reed",
        "story": "An agent for everything",
        "customer_ref": "",
        "roles": ("agent", "billing"),
    },
    {
        "sub": "lead-amara",
        "name": "Amara Cole",
        "story": "Leads the desk: figures, approvals, every conversation",
        "customer_ref": "",
        "roles": ("lead", "billing", "care"),
    },
    {
        "sub": "staff-lee",
        "name": "Lee Park",
        "story": "Works here, but not at the desk: is refused",
        "customer_ref": "",
        "roles": (),
    },
)
"""Who can sign in at the demo desk."""


class StaffSignIn:
    """Implements `desk.api.SignIn` over the provider that the brand's own people use."""

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self._durations = AuthSettings()
        self._issuer = settings.issuer
        self._provider = OidcProvider(settings, clock, self._durations)

    async def begin(self, *, redirect_uri: str, state: str) -> tuple[str, dict[str, str]]:
        """The provider's page, and the secrets to finish with."""
        return await self._provider.begin(redirect_uri=redirect_uri, state=state, max_age=self._durations.link_max_age)

    async def problem(self) -> str:
        """What is wrong with the provider, or with its settings here; "" if it can be used."""
        return await self._provider.problem()

    async def finish(self, *, query: Mapping[str, str], secrets: Mapping[str, str]) -> SignedInStaff:
        """Who came back. Raises `SignInRefused`, `ProviderDown`, `ProviderMisconfigured`."""
        issuer = query.get("iss")
        named = issuer is not None or not await self._provider.requires_iss()
        if not named or issuer not in (None, self._issuer):
            raise SignInRefused("iss")
        code = query.get("code", "")
        if not code:
            raise SignInRefused("code")
        max_age = self._durations.link_max_age
        found = await self._provider.finish(code=code, secrets=secrets, max_age=max_age)
        return SignedInStaff(found.issuer, found.sub, found.name, found.roles)


def demo_client(settings: Settings, secret: bytes) -> DemoClient:
    """The desk at the built-in provider."""
    at = settings.public_url
    return DemoClient("desk", derive(secret, "demo-idp-desk").hex(), (f"{at}/desk/callback",), staff=True)


def _provider(settings: Settings, secret: bytes, listens: str) -> ProviderSettings | None:
    login = settings.desk.login
    if login.issuer:
        return ProviderSettings(
            id="desk",
            issuer=login.issuer,
            client_id=login.client_id,
            client_secret=login.client_secret.get_secret_value(),
            scopes=login.scopes,
            acr_values=(),
            roles_claim=login.roles_claim,
            back_channel=login.back_channel,
        )
    if settings.identity.demo:
        client = demo_client(settings, secret)
        return ProviderSettings(
            id="desk",
            issuer=f"{settings.public_url}/idp",
            client_id=client.client_id,
            client_secret=client.client_secret,
            scopes=("openid", "profile"),
            acr_values=(),
            roles_claim=login.roles_claim,
            back_channel=f"http://{listens}:{settings.server.port}/idp",
        )
    return None


async def sign_in_problem(settings: Settings, clock: Clock) -> str:
    """What keeps agents from signing in, and what to do; "" where nothing is seen to."""
    try:
        provider = _provider(settings, b"", listens="")
        if provider is None:
            return "desk.login is empty: nobody can sign in at the desk. Name your people's provider there."
        # The demo's is served by the running process itself.
        found = await StaffSignIn(provider, clock).problem() if settings.desk.login.issuer else ""
    except ProviderMisconfigured as wrong:
        found = str(wrong)
    return found.replace("identity.providers.desk", "desk.login")


@dataclass(frozen=True, slots=True)
class External:
    """A desk elsewhere: our hook for it, and the feed that tells it of everything."""

    store: Store
    clock: Clock
    settings: Settings

    def routes(self) -> list[RouteDef]:
        """Its webhooks."""
        return Hook(self.store, self.clock, self.settings.desk).routes()

    def workers(self) -> dict[str, Worker]:
        """What is sent there."""
        return {"desk": FeedWorker(self.store, self.clock, self.settings.desk)}


def desk_of(
    made: Parts,
    handoff: Handoff,
    *,
    store: Store,
    identity: Identity,
    recogniser: Recogniser,
    channels: Mapping[str, Channel],
    drain: Drain,
    secret: bytes,
    listens: str,
) -> DeskSite | External | None:
    """The desk that the configuration names, as far as it has something to serve."""
    if isinstance(handoff, ExternalDesk):
        return External(store, made.clock, made.settings)
    if not isinstance(handoff, BuiltInDesk):
        return None
    settings = made.settings
    provider = _provider(settings, secret, listens)
    acts = assembly.from_factory(made, settings.desk.acts) if settings.desk.acts else None
    return DeskSite(
        handoff,
        store=store,
        clock=made.clock,
        identity=identity,
        recogniser=recogniser,
        channels=channels,
        dialogs=made.dialogs,
        texts=made.texts,
        provider=StaffSignIn(provider, made.clock) if provider is not None else None,
        brand_acts=acts,
        drain=drain,
        public_url=settings.public_url,
        brand=settings.brand_view,
        locale=settings.texts.locales[0],
        secret=secret,
        key=base64.urlsafe_b64encode(derive(secret, "desk-login")),
    )
