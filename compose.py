"""Wires a whole site: store, engine, identity, web chat, pages, workers.

Beside `app.py` and `commands.py` the only module that knows all neighbours.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.webchat import WebChat, WebchatChannel, WebChatSettings
from adapters.webchat.page import PageConfig
from auth import Auth, AuthSettings, ProviderSettings
from auth.demo_idp import DemoClient, DemoIdp
from backends.receipts import EffectReceipts
from bot import assembly, web
from bot.assembly import Parts, Tell
from bot.dev.routes import DevRoutes
from bot.dev.saving import save_transcript
from bot.dev.traces import Traces
from bot.errors import SchemaBehind
from bot.model import Address
from bot.observe.counting import Counting
from bot.ports import Channel, Identity, Recogniser, Store
from bot.script.catalogue import Services
from bot.secret import derive
from bot.serving import RELOAD, Every, ParentGone, Process, Worker, answers
from bot.settings import Settings
from bot.store import migrate, open_store
from bot.store.urls import POSTGRES
from bot.tuning import tune
from bot.web.downloads import Downloads
from bot.web.home import Welcome, one_host, welcome_of
from bot.web.home import routes as home_routes
from channels import Pushed, pushed
from dialogs.services import Files, Receipts

if TYPE_CHECKING:
    from aiohttp.web import Application, Request, RouteDef

    from bot.script.scope import Host

LOG_CHANNELS = frozenset({"webchat"})
"""Channels whose pages read the log themselves."""


async def opened_store(settings: Settings, *, readonly: bool = False) -> Store:
    """The database; an embedded one is migrated first. Raises `SchemaBehind` and the store's other errors."""
    opening = partial(
        open_store, settings.store_url, log_channels=LOG_CHANNELS, fsync=settings.store.fsync, readonly=readonly
    )
    try:
        return await opening()
    except SchemaBehind:
        if readonly or settings.store_url.startswith(POSTGRES):
            raise
        await migrate(settings.store_url)
        return await opening()


def services(made: Parts, store: Store, make: Callable[[Parts, str], Any] = assembly.from_factory) -> Services:
    """What dialogs act on: what the configuration names, and the receipts over the engine's own record."""
    return assembly.services_of(made, {Receipts: EffectReceipts(store, made.settings.brand.id, made.texts)}, make)


@dataclass(frozen=True, slots=True)
class Site:
    """One process's site, ready to be served."""

    app: Application
    host: Host
    process: Process
    workers: Mapping[str, Worker]
    welcome: Welcome
    pushed: Mapping[str, Pushed]


@asynccontextmanager
async def site(made: Parts, tell: Tell, *, dev: bool = False) -> AsyncIterator[Site]:
    """Build everything. `made.settings.server.port` is the port it will be reached at."""
    settings = made.settings
    secrets = assembly.secrets_of(settings)
    store = await opened_store(settings)
    try:
        recogniser = await asyncio.to_thread(assembly.recogniser_of, made, tell)
        built = await _built(made, store, recogniser, secrets, dev=dev)
        try:
            yield built
        finally:
            for one in built.pushed.values():
                await one.close()
    finally:
        await store.close()
        assembly.close_backends(made)


async def _built(made: Parts, store: Store, recogniser: Recogniser, secrets: list[bytes], *, dev: bool) -> Site:
    settings = made.settings
    drain = web.Drain()
    process = Process(drain, seconds=settings.server.drain)
    personas = assembly.personas_of(made)
    # Sessions are made by the web chat, and the web chat shows the login's links: the proof is bound afterwards.
    proof = Proof()
    auth = auth_of(made, store, secrets, proof)
    offered = services(made, store)
    host, bridge = assembly.engine(
        made,
        store=store,
        services=offered,
        recogniser=recogniser,
        identity=auth.identity,
        login=auth.login,
        secret=secrets[0],
    )
    downloads = _downloads(made, store, auth.identity, offered, proof)
    chat = _webchat(made, store, secrets[0], auth, recogniser, downloads, drain, dev=dev)
    proof.sessions = chat.sessions
    push = pushed(
        made,
        store,
        secrets[0],
        control=recogniser.control,
        links=auth.minter,
        files=downloads,
        login=auth.login,
    )
    traces = Traces() if dev else None
    subapps = []
    if settings.identity.demo:
        subapps.append(("/idp", _demo_idp(made, personas, secrets[0]).app()))
    welcome = welcome_of(settings, personas)
    app = web.build_app(
        routes=[
            *home_routes(welcome),
            *(chat.routes() if settings.channels.webchat.enabled else []),
            *(route for one in push.values() for route in one.routes()),
            *auth.routes(),
            *downloads.routes(),
            *web.static_routes(settings.brand_folder),
            *(_dev(made, store, traces) if traces is not None else []),
        ],
        health=web.Health({"store": answers(store), "workers": process.workers}, drain=drain),
        drain=drain,
        https=settings.public_url.startswith("https://"),
        subapps=subapps,
    )
    app.middlewares.append(one_host(settings.public_url))
    return Site(app, host, process, _workers(host, bridge, auth, made, push, traces), welcome, push)


def _workers(
    host: Host, bridge: Any, auth: Auth, made: Parts, push: Mapping[str, Pushed], traces: Traces | None
) -> dict[str, Worker]:
    from bot.delivery import Delivery
    from bot.routing import Thresholds
    from bot.turn import Turns

    limits, nlu = made.settings.limits, made.settings.nlu
    observer = Counting(traces)
    channels: dict[str, Channel] = {"webchat": WebchatChannel(), **{name: one.channel for name, one in push.items()}}
    return {
        **{name: worker for one in push.values() for name, worker in one.workers().items()},
        "turns": Turns(
            host,
            bridge,
            lanes=limits.turns,
            thresholds=Thresholds(start=nlu.start, interrupt=nlu.interrupt, near=nlu.near, mention=nlu.mention),
            observer=observer,
        ),
        "delivery": Delivery(host.store, channels, host.clock, lanes=limits.sends, observer=observer),
        "timers": Every(limits.timers, "timers", lambda: host.store.due_timers(host.clock.now())),
        "logins": Every(5.0, "logins", auth.sweep),
    }


async def run(
    settings: Settings, listening: socket.socket, tell: Tell, *, dev: bool = False, watch: bool = False, parent: int = 0
) -> int:
    """Serve until stopped; returns the exit code. `parent`: the supervisor's process id, without which it ends."""
    port = int(listening.getsockname()[1])
    settings = settings.with_port(port)
    made = assembly.parts(settings)
    async with site(made, tell, dev=dev) as built:
        workers = dict(built.workers)
        if parent:
            workers["parent"] = ParentGone(built.process, parent)
        watching = asyncio.create_task(_watch(made, built.process)) if watch else None

        tune()

        def ready() -> None:
            for line in built.welcome.lines():
                tell(line)

        try:
            return await built.process.serve(built.app, listening, workers, ready=ready)
        finally:
            if watching is not None:
                watching.cancel()


async def _watch(made: Parts, process: Process) -> None:
    from bot.dev.watching import changed

    await changed(made.settings)
    process.stop(RELOAD)


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


def auth_of(made: Parts, store: Store, secrets: list[bytes], proof: Proof) -> Auth:
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
                back_channel=f"http://{_listens(settings)}:{settings.server.port}/idp",
            )
        )
    return found


def _listens(settings: Settings) -> str:
    return "127.0.0.1" if settings.server.host in ("0.0.0.0", "::", "localhost") else settings.server.host


def _demo_idp(made: Parts, personas: list[dict[str, str]], secret: bytes) -> DemoIdp:
    at = made.settings.public_url
    client = DemoClient("parley", derive(secret, "demo-idp").hex(), (f"{at}/link/callback/demo",), (f"{at}/chat",))
    return DemoIdp(
        issuer=f"{at}/idp",
        clients=[client],
        personas=personas,
        clock=made.clock,
        folder=made.settings.data_folder / "demo-idp",
        brand=made.settings.brand_view,
    )


def _downloads(made: Parts, store: Store, identity: Identity, offered: Services, proof: Proof) -> Downloads:
    async def open_file(ref: str, customer: str) -> bytes:
        body: bytes = await offered.get(Files).open_file(ref, customer)
        return body

    return Downloads(store, made.clock, identity, open_file, proof.same_browser, made.settings.public_url)


def _webchat(
    made: Parts,
    store: Store,
    secret: bytes,
    auth: Auth,
    recogniser: Recogniser,
    downloads: Downloads,
    drain: web.Drain,
    *,
    dev: bool,
) -> WebChat:
    settings = made.settings
    page = PageConfig(
        brand=settings.brand_view,
        locale=settings.texts.locales[0],
        starters=settings.brand.starters,
        words={"kept": settings.brand.kept} if settings.brand.kept else {},
        dev=dev,
    )
    return WebChat(
        store=store,
        clock=made.clock,
        settings=_webchat_settings(settings, secret),
        control=recogniser.control,
        links=auth.minter,
        files=downloads,
        page=page,
        drain=drain,
    )


def _webchat_settings(settings: Settings, secret: bytes) -> WebChatSettings:
    given = settings.channels.webchat
    return WebChatSettings(
        brand=settings.brand.id,
        secret=derive(secret, "webchat"),
        public_url=settings.public_url,
        site_secrets=tuple(one.get_secret_value() for one in given.site_secrets),
        **given.model_dump(exclude={"enabled", "site_secrets"}),
    )


def _dev(made: Parts, store: Store, traces: Traces) -> list[RouteDef]:
    folder = made.settings.brand_folder / "transcripts"
    return DevRoutes(store, traces, assembly.failures_of(made), partial(save_transcript, store, folder)).routes()
