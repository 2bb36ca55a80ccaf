"""Wires a whole site: store, engine, identity, web chat, pages, workers.

With `app.py` and the modules beside it the only one that knows neighbours.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.webchat import WebchatChannel
from auth import Auth
from auth.logout import NOTICES
from auth.pages import PAGES, Hint
from backends.receipts import EffectReceipts
from bot import assembly, web
from bot.assembly import Parts, Tell
from bot.checking import require_whole
from bot.dev.routes import DevRoutes
from bot.dev.saving import save_transcript
from bot.dev.traces import Traces
from bot.errors import SchemaBehind
from bot.overflow import Overflow, paces
from bot.pace import Pace
from bot.ports import Channel, Recogniser, Store
from bot.script.catalogue import Services
from bot.secret import derive
from bot.serving import RELOAD, ParentGone, Process, Worker, writable
from bot.settings import HOME, Settings
from bot.store import migrate, open_store
from bot.store.urls import POSTGRES
from bot.tending import reading, tended, tending
from bot.tuning import tune
from bot.web import openapi
from bot.web.home import TYPED, Welcome, one_host, welcome_of
from bot.web.home import routes as home_routes
from channels import Pushed, hints_of, pushed
from desks import desk_of
from dialogs.services import Receipts
from signin import Proof, auth_of, demo_idp, listens
from webchat import downloads_of, webchat_of

if TYPE_CHECKING:
    from aiohttp.typedefs import Middleware
    from aiohttp.web import Application, RouteDef

    from bot.dev.watching import Seen
    from bot.script.scope import Host

LOG_CHANNELS = frozenset({"webchat"})
"""Channels whose pages read the log themselves."""


async def opened_store(settings: Settings, *, readonly: bool = False) -> Store:
    """The database; an embedded one is migrated first. Raises `SchemaBehind` and the store's other errors."""
    kept = partial(open_store, settings.store_url, fsync=settings.store.fsync, writer=settings.store.writer)
    opening = partial(kept, log_channels=LOG_CHANNELS, readonly=readonly)
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
    reads: Callable[[], Awaitable[str]]


@asynccontextmanager
async def site(made: Parts, tell: Tell, *, dev: bool = False, shared: bool = False) -> AsyncIterator[Site]:
    """Build everything. `made.settings.server.port` is the port it will be reached at; `shared`: by others as well."""
    settings = made.settings
    secrets = assembly.secrets_of(settings)
    store = await opened_store(settings)
    try:
        recogniser = await asyncio.to_thread(assembly.recogniser_of, made, tell)
        async with tending(recogniser):
            built = await _built(made, store, recogniser, secrets, dev=dev, shared=shared)
            try:
                yield built
            finally:
                for one in built.pushed.values():
                    await one.close()
    finally:
        await store.close()
        assembly.close_backends(made)


async def _built(
    made: Parts, store: Store, recogniser: Recogniser, secrets: list[bytes], *, dev: bool, shared: bool
) -> Site:
    # It imports botbuilder, which takes a second or two, so not before there is a site to run.
    from background import workers_of

    settings = made.settings
    drain = web.Drain()
    process = Process(drain, seconds=settings.server.drain, shared=shared)
    personas = assembly.personas_of(made)
    # Sessions are made by the web chat, and the web chat shows the login's links: the proof is bound afterwards.
    proof = Proof()
    hints: dict[str, Hint] = {}
    auth = auth_of(made, store, secrets, proof, hints)
    offered = services(made, store)
    handoff = assembly.handoff_of(made)
    host, bridge = assembly.engine(
        made,
        store=store,
        services=offered,
        recogniser=recogniser,
        identity=auth.identity,
        login=auth.login,
        secret=secrets[0],
        handoff=handoff,
    )
    downloads = downloads_of(made, store, auth.identity, offered, proof)
    chat = webchat_of(made, store, secrets[0], auth, recogniser, downloads, drain, dev=dev)
    proof.sessions = chat.sessions
    push = pushed(
        made,
        store,
        secrets[0],
        control=recogniser.control,
        redactor=_overflow(settings, store, auth, recogniser, secrets[0]),
        links=auth.minter,
        files=downloads,
        unlinks=auth.login,
    )
    hints.update(hints_of(push))
    channels: dict[str, Channel] = {"webchat": WebchatChannel(), **{name: one.channel for name, one in push.items()}}
    desk = desk_of(
        made,
        handoff,
        store=store,
        identity=auth.identity,
        recogniser=recogniser,
        channels=channels,
        drain=drain,
        secret=secrets[0],
        listens=listens(settings),
    )
    traces = Traces() if dev else None
    subapps = []
    if settings.identity.demo:
        subapps.append(("/idp", demo_idp(made, personas, secrets[0]).app()))
    welcome = welcome_of(settings, personas)
    behind, reads = tended(recogniser), reading(recogniser)
    checks = {"store": writable(store), "workers": process.workers, **{name: one.ready for name, one in behind.items()}}
    app = web.build_app(
        routes=[
            *home_routes(welcome, reads),
            *(chat.routes() if settings.channels.webchat.enabled else []),
            *(route for one in push.values() for route in one.routes()),
            *auth.routes(),
            *downloads.routes(),
            *(desk.routes() if desk is not None else []),
            *web.static_routes(settings.brand_folder),
            openapi.route(HOME / "openapi.yml", title=f"{settings.brand.name}: Parley"),
            *(_dev(made, store, traces) if traces is not None else []),
        ],
        health=web.Health(checks, drain=drain),
        drain=drain,
        https=settings.public_url.startswith("https://"),
        body=settings.limits.body,
        requests=settings.limits.requests,
        guards=[
            (TYPED, one_host(settings.public_url)),
            (PAGES, _paced_pages(settings, store, secrets[0])),
            (NOTICES, _paced_notices(settings, store, secrets[0])),
        ],
        subapps=subapps,
    )
    app[openapi.APP] = app
    workers = {**workers_of(host, bridge, auth, made, push, channels, traces), **behind}
    if desk is not None:
        workers.update(desk.workers())
    return Site(app, host, process, workers, welcome, push, reads)


def whole(settings: Settings, listening: socket.socket) -> Parts:
    """The site's parts, checked, for the port that is listened on. Starts no thread, so that a process may fork after
    it. Raises `SettingsError`, `DialogError`."""
    made = assembly.parts(settings.with_port(int(listening.getsockname()[1])))
    require_whole(made)
    return made


def _overflow(settings: Settings, store: Store, auth: Auth, recogniser: Recogniser, secret: bytes) -> Overflow:
    """What platforms' customers may send; the web chat tells its own to wait."""
    limits = settings.limits
    allowed = paces(store, derive(secret, "pace"), rate=limits.messages, burst=limits.messages_burst)
    return Overflow(store, auth.redactor, recogniser.control, allowed, waiting=limits.waiting)


def _paced_pages(settings: Settings, store: Store, secret: bytes) -> Middleware:
    """What one network address may ask of the sign-in pages."""
    limits = settings.limits
    pace = Pace(store, "pages", rate=limits.pages, burst=limits.pages_burst, secret=derive(secret, "pace"))
    return web.per_address(pace, proxies=settings.server.proxies)


def _paced_notices(settings: Settings, store: Store, secret: bytes) -> Middleware:
    """What one network address may post of logouts that do not hold. A provider's do, and it posts all from one."""
    limits = settings.limits
    pace = Pace(store, "logouts", rate=limits.logouts, burst=limits.logouts_burst, secret=derive(secret, "pace"))
    return web.in_vain_per_address(pace, proxies=settings.server.proxies, of=("link", "logouts"))


async def run(
    made: Parts,
    listening: socket.socket,
    tell: Tell,
    *,
    dev: bool = False,
    since: Seen | None = None,
    parent: int = 0,
    shared: Callable[[], None] | None = None,
) -> int:
    """Serve until stopped; returns the exit code. `parent`: the supervisor's process id, without which it ends.
    `since`: end with `RELOAD` once a file is no longer as it was then.

    `shared`: others serve on the same socket; it is called when this one is ready, instead of the welcome.
    """
    async with site(made, tell, dev=dev, shared=shared is not None) as built:
        workers = dict(built.workers)
        if parent:
            workers["parent"] = ParentGone(built.process, parent)
        watching = asyncio.create_task(_watch(made, built.process, since)) if since is not None else None
        tune()

        reads = await built.reads()

        def ready() -> None:
            for line in built.welcome.lines(reads):
                tell(line)

        try:
            return await built.process.serve(built.app, listening, workers, ready=shared or ready)
        finally:
            if watching is not None:
                watching.cancel()


async def _watch(made: Parts, process: Process, since: Seen) -> None:
    from bot.dev.watching import changed

    await changed(made.settings, since)
    process.stop(RELOAD)


def _dev(made: Parts, store: Store, traces: Traces) -> list[RouteDef]:
    folder = made.settings.brand_folder / "transcripts"
    return DevRoutes(store, traces, assembly.failures_of(made), partial(save_transcript, store, folder)).routes()
