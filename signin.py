"""Composes how customers prove who they are: providers, the built-in one for trying out, the browser's own proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auth import Auth, AuthSettings, ProviderSettings
from auth.demo_idp import DemoClient, DemoIdp
from auth.pages import Hint
from bot import assembly
from bot.assembly import Parts
from bot.model import Address
from bot.ports import Store
from bot.secret import derive
from bot.settings import Settings
from desks import DEMO_AGENTS, demo_client

if TYPE_CHECKING:
    from aiohttp.web import Request


class Proof:
    """The web chat's sessions, for the link pages and the downloads."""

    sessions: Any = None

    async def user_of(self, request: Request) -> str | None:
        """See `auth.WebProof`."""
        found: str | None = await self.sessions.user_of(request)
        return found

    async def same_browser(self, request: Request, address: Address) -> bool:
        """Whether the chat of this address is in the browser that asks."""
        return address.channel != "webchat" or await self.user_of(request) == address.user


def auth_of(
    made: Parts, store: Store, secrets: list[bytes], proof: Proof, hints: Mapping[str, Hint] | None = None
) -> Auth:
    """Linking and step-up, as configured. `hints` may be filled afterwards: channels need the links made here."""
    settings = made.settings
    return Auth(
        store=store,
        clock=made.clock,
        providers=_providers(settings, secrets[0]),
        server_keys=[derive(one, "links") for one in secrets],
        vault_keys=assembly.vault_keys(secrets),
        public_url=settings.public_url,
        brand=settings.brand_view,
        proof=proof,
        hints=hints,
        settings=AuthSettings(**settings.identity.model_dump(exclude={"demo", "personas", "providers"})),
        locale=settings.texts.locales[0],
    )


def _providers(settings: Settings, secret: bytes) -> list[ProviderSettings]:
    found = [
        ProviderSettings(**{**one.model_dump(), "client_secret": one.client_secret.get_secret_value()})
        for one in settings.identity.providers
    ]
    if settings.identity.demo:
        found.append(
            ProviderSettings(
                id="demo",
                issuer=f"{settings.public_url}/idp",
                client_id="parley",
                client_secret=derive(secret, "demo-idp").hex(),
                label=f"{settings.brand.name} (demo sign-in)",
                acr_values=(),
                # This server calls itself by the address it listens on; the public one may lead through a tunnel.
                back_channel=f"http://{listens(settings)}:{settings.server.port}/idp",
            )
        )
    return found


def listens(settings: Settings) -> str:
    """The address this server answers itself at."""
    return "127.0.0.1" if settings.server.host in ("0.0.0.0", "::", "localhost") else settings.server.host


def demo_idp(made: Parts, personas: list[dict[str, str]], secret: bytes) -> DemoIdp:
    """The built-in provider, known to this site alone."""
    at = made.settings.public_url
    client = DemoClient("parley", derive(secret, "demo-idp").hex(), (f"{at}/link/callback/demo",), (f"{at}/chat",))
    return DemoIdp(
        issuer=f"{at}/idp",
        clients=[client, demo_client(made.settings, secret)],
        personas=[*personas, *DEMO_AGENTS],
        clock=made.clock,
        folder=made.settings.data_folder / "demo-idp",
        shared=made.settings.server.workers > 0,
        brand=made.settings.brand_view,
    )
