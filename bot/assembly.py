"""Makes the engine's parts from the configuration: dialogs, texts, recogniser, services, host.

All that is not the engine's own is named in the configuration as `module:function`. Nothing here imports botbuilder
until `engine` is called, so that checks and small commands start at once.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bot.brand import module, modules_in, named, package_of
from bot.errors import SettingsError, UnknownDialog
from bot.model import Assurance
from bot.ports import Clock, Handoff, Recogniser, Store
from bot.script.catalogue import Dialogs, Services, dialogs_in
from bot.script.lock import read_lock
from bot.script.scope import Limits
from bot.script.texts import HOST, Texts
from bot.secret import derive, server_secret
from bot.settings import Settings
from bot.store.system_clock import SystemClock

if TYPE_CHECKING:
    from bot.bridge import Bridge
    from bot.ports import Identity, Login
    from bot.script.scope import Host

ACTION = "action."  # what a step-up's text begins with, and its name under `assurance`
_PATHS = ("./", "../", "{parley}/", "{data}/")

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the configuration names, before any database is opened."""

    settings: Settings
    package: str
    clock: Clock
    texts: Texts
    dialogs: Dialogs


def parts(settings: Settings, clock: Clock | None = None) -> Parts:
    """Dialogs and texts. Raises `SettingsError`, `DialogError`."""
    clock = clock or SystemClock()
    folder = settings.brand_folder
    if not folder.is_dir():
        raise SettingsError(f"brand.folder: there is no folder {folder}.")
    package = package_of(settings.brand.id, folder)
    texts, dialogs = texts_of(settings, package, clock), dialogs_of(settings, package)
    for action in dialogs.actions:
        if not texts.has(f"{ACTION}{action}"):
            raise SettingsError(f"assurance.{ACTION}{action}: no text {ACTION}{action} says what the action is.")
    return Parts(settings, package, clock, texts, dialogs)


def dialog_packages(settings: Settings) -> list[str]:
    """The packages dialogs are taken from; the brand's own counts only where it has one."""
    here = settings.brand_folder
    return [
        name
        for name in settings.dialogs.packages
        if name != ".dialogs" or (here / "dialogs").is_dir() or (here / "dialogs.py").is_file()
    ]


def home_of(name: str, package: str) -> Path:
    """The folder a dialog package stands in."""
    found = module(name, package)
    return Path(next(iter(found.__path__))) if hasattr(found, "__path__") else Path(str(found.__file__)).parent


def dialogs_of(settings: Settings, package: str) -> Dialogs:
    """Every package's dialogs, later ones over earlier ones, with the levels the configuration asks for."""
    modules: list[ModuleType] = []
    retired: list[ModuleType] = []
    locked: dict[tuple[str, int], str] = {}
    for name in dialog_packages(settings):
        modules += modules_in(name, package)
        home = home_of(name, package)
        if (home / "retired").is_dir():
            retired += modules_in(f"{name}.retired", package)
        locked.update(read_lock(home / "versions.lock"))
    specs = {spec.id: spec for spec in dialogs_in(*modules)}
    levels = {id: Assurance[level.upper()] for id, level in settings.assurance.items()}
    actions = {id.removeprefix(ACTION): level for id, level in levels.items() if id.startswith(ACTION)}
    asked = {id: level for id, level in levels.items() if not id.startswith(ACTION)}
    for id in (*asked, *settings.dialogs.disable):
        if id not in specs:
            where = "assurance" if id in asked else "dialogs.disable"
            raise SettingsError(f"{where}: {UnknownDialog.__doc__} ({id}) There are: {', '.join(sorted(specs))}.")
    for id, level in asked.items():
        if level > Assurance.KNOWN:
            raise SettingsError(f"assurance.{id}: a dialog is for anyone, linked or known; approved is for an action.")
        specs[id] = dataclasses.replace(specs[id], requires=level)
    for action, level in actions.items():
        if level < Assurance.KNOWN:
            raise SettingsError(f"assurance.{ACTION}{action}: an action needs known or approved.")
    made = Dialogs(specs.values(), retired=dialogs_in(*retired), disable=settings.dialogs.disable)
    made.locked, made.actions = locked, actions
    return made


def text_files(settings: Settings, package: str) -> dict[str, list[Path]]:
    """Each language's catalogue files: the engine's, each dialog package's, the brand's; later ones win."""
    folders = [HOST, *(home_of(name, package) / "text" for name in dialog_packages(settings))]
    folders += [settings.brand_folder / "text", *(settings.at(folder) for folder in settings.texts.folders)]
    found: dict[str, list[Path]] = {}
    for locale in settings.texts.locales:
        names = list(dict.fromkeys((f"{locale.split('-')[0]}.ftl", f"{locale}.ftl")))
        files = [folder / name for folder in dict.fromkeys(folders) for name in names]
        found[locale] = [file for file in files if file.is_file()]
        if not found[locale]:
            raise SettingsError(f"texts.locales: no catalogue has {' or '.join(names)}.")
    return found


def texts_of(settings: Settings, package: str, clock: Clock) -> Texts:
    """The catalogue; `$brand-…` are the brand's own facts."""
    brand = settings.brand
    facts = {"name": brand.name, "phone": brand.phone, "hours": brand.hours, "website": brand.website}
    return Texts(text_files(settings, package), facts, lambda: clock.now().date())


def nlu_files(settings: Settings) -> list[Path]:
    """The understanding data: the brand's `nlu/nlu*.yml` and whatever `nlu.data` names."""
    files = sorted((settings.brand_folder / "nlu").glob("nlu*.yml"))
    for given in settings.nlu.data:
        path = settings.at(given)
        if not path.exists():
            raise SettingsError(f"nlu.data: there is no {path}.")
        files += sorted(path.glob("nlu*.yml")) if path.is_dir() else [path]
    if not files:
        raise SettingsError(f"nlu.data: no file of examples is named, and {settings.brand_folder}/nlu has none.")
    return list(dict.fromkeys(file.resolve() for file in files))


def recogniser_of(made: Parts, tell: Tell) -> Recogniser:
    """The recogniser, trained where its data is new. Blocks for seconds: call it in a thread."""
    settings = made.settings
    build = named(settings.nlu.recogniser, made.package)
    models = settings.data_folder / "nlu"
    found: Recogniser = build(nlu_files(settings), models, lambda: made.clock.now().date(), tell, settings.nlu)
    return found


# Services


def from_factory(made: Parts, factory: str) -> Any:
    """What a `module:function` makes of its module's settings and the clock."""
    return named(factory, made.package)(backend_settings(made.settings, factory.partition(":")[0]), made.clock)


def services_of(
    made: Parts, shipped: Mapping[type[Any], Any], make: Callable[[Parts, str], Any] = from_factory
) -> Services:
    """What dialogs act on: `shipped`, and over it what each contract's factory makes."""
    instances = dict(shipped)
    for name, factory in made.settings.services.items():
        instances[_contract(made, name)] = make(made, factory)
    return Services(instances)


def _contract(made: Parts, name: str) -> type[Any]:
    if ":" in name:
        found = named(name, made.package)
    else:
        found = None
        for package in dialog_packages(made.settings):
            try:
                services = module(f"{package}.services", made.package)
            except SettingsError:
                continue  # A dialog package need not have contracts of its own.
            found = getattr(services, name, found)
    if not isinstance(found, type):
        raise SettingsError(f"services.{name}: no dialog package's `services` has a contract of this name.")
    return found


def backend_settings(settings: Settings, name: str) -> dict[str, Any]:
    """What is configured for a backend's module; values that begin with "./", "{parley}" or "{data}" become absolute
    paths."""
    given, data = settings.backends.get(name, {}), str(settings.data_folder)

    def read(value: Any) -> Any:
        path = isinstance(value, str) and value.startswith(_PATHS)
        return str(settings.at(value.replace("{data}", data))) if path else value

    return {key: read(value) for key, value in given.items()}


def backend_modules(made: Parts) -> dict[str, ModuleType]:
    """The modules that services come from, each once, by the names the configuration has for them."""
    names = dict.fromkeys(factory.partition(":")[0] for factory in made.settings.services.values())
    return {name: module(name, made.package) for name in names}


def failures_of(made: Parts) -> Any:
    """The failure switch (`mode`) of the first backend that has one, for developers; None without."""
    for name, backend in backend_modules(made).items():
        if hasattr(backend, "shared"):
            shared = backend.shared(backend_settings(made.settings, name), made.clock)
            if hasattr(shared, "failures"):
                return shared.failures
    return None


def close_backends(made: Parts) -> None:
    """Close what the factories opened."""
    for backend in backend_modules(made).values():
        if hasattr(backend, "close_all"):
            backend.close_all()


def personas_of(made: Parts) -> list[dict[str, str]]:
    """Whom the demo sign-in page offers."""
    if not (made.settings.identity.demo and made.settings.identity.personas):
        return []
    found = from_factory(made, made.settings.identity.personas)
    return [{f: getattr(one, f) for f in ("sub", "name", "story", "customer_ref")} for one in found]


# The engine


def limits_of(settings: Settings) -> Limits:
    """The engine's limits."""
    given = settings.limits
    return Limits(
        turn=given.turn,
        lease=given.lease,
        read=given.read,
        reads_tried=given.reads_tried,
        effect_grace=given.effect_grace,
        question=timedelta(seconds=given.question),
        confirm=timedelta(seconds=given.confirm),
        login=timedelta(seconds=given.login),
        misunderstood=given.misunderstood,
        poison=given.poison,
    )


def secrets_of(settings: Settings) -> list[bytes]:
    """The server's secret, and earlier ones that are still recognised."""
    now = server_secret(settings.secret.get_secret_value(), settings.data_folder)
    return [now, *(server_secret(one.get_secret_value(), settings.data_folder) for one in settings.earlier_secrets)]


def vault_keys(secrets: list[bytes]) -> list[bytes]:
    """Fernet keys for what is sealed at rest."""
    return [base64.urlsafe_b64encode(derive(secret, "vault")) for secret in secrets]


def handoff_of(made: Parts) -> Handoff:
    """Where people are reached, as the configuration names it."""
    found: Handoff = named(made.settings.desk.handoff, made.package)(made.settings)
    return found


def engine(
    made: Parts,
    *,
    store: Store,
    services: Services,
    recogniser: Recogniser,
    identity: Identity,
    login: Login,
    secret: bytes,
    handoff: Handoff | None = None,
) -> tuple[Host, Bridge]:
    """The host and the one door to botbuilder, which is imported here (about a second)."""
    from bot.bridge import Bridge
    from bot.script.scope import Host

    host = Host(
        store=store,
        clock=made.clock,
        texts=made.texts,
        dialogs=made.dialogs,
        services=services,
        recogniser=recogniser,
        identity=identity,
        login=login,
        handoff=handoff or handoff_of(made),
        secret=derive(secret, "nonces"),
        brand=made.settings.brand.id,
        reference_prefix=made.settings.brand.reference_prefix,
        limits=limits_of(made.settings),
    )
    return host, Bridge(made.dialogs)
