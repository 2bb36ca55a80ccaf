"""Every setting, typed. `config.yml` at the root of the tree holds each with its meaning and default.

A value is taken from the environment first (`PARLEY_SERVER__PORT`, or `PARLEY_SECRET_FILE` naming a file with it), then
from the configuration file, then from `brand.yml` in the brand's folder, then from the default here.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

HOME = Path(__file__).resolve().parent.parent
"""The tree this release was started from; `{parley}` in a path stands for it."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
Factory = Annotated[str, StringConstraints(pattern=r"^\.?[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`module:function`; a module that begins with a dot stands in the brand's folder."""
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^?#\s]+[^/?#\s]$")]
"""Where a platform's interface is, without a slash at its end."""
Number = Annotated[str, Field(coerce_numbers_to_str=True, pattern=r"^\d*$")]
"""Digits that are a name; YAML reads them as a number where nobody quotes them."""
Shift = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""Part of a day, local time: "08:00-12:30"."""
Seconds = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """One section of the configuration; a name it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Brand(Section):
    """Who the brand is and where its folder is."""

    folder: Path = Path(".")
    id: Name = "brand"
    name: str = "Your brand"
    phone: str = ""
    hours: str = ""
    website: str = ""
    logo: str = ""
    theme: str = ""
    legal: tuple[str, ...] = ()
    kept: str = ""
    starters: tuple[str, ...] = ("Talk to a person",)
    reference_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,6}$")] = "P"


class Server(Section):
    """Where it listens and how it is reached."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: Annotated[str, StringConstraints(pattern=r"^(https?://[^/?#\s]+)?$")] = ""
    drain: Seconds = 20.0
    workers: Annotated[int, Field(ge=0, le=64)] = 0


class StoreSettings(Section):
    """The engine's database."""

    url: str = "sqlite:///var/parley.db"
    fsync: Literal["full", "normal"] = "full"


class DialogSettings(Section):
    """Which dialogs there are."""

    packages: tuple[str, ...] = ("dialogs", ".dialogs")
    disable: tuple[str, ...] = ()


class TextSettings(Section):
    """Which languages there are, and where their texts stand."""

    locales: Annotated[tuple[str, ...], Field(min_length=1)] = ("en-GB",)
    folders: tuple[Path, ...] = ()


class RasaSettings(Section):
    """Rasa's own process."""

    url: Url = "http://127.0.0.1:5005"
    token: SecretStr = SecretStr("")
    timeout: Seconds = 1.0
    at_once: Annotated[int, Field(ge=1)] = 8
    look: Seconds = 2.0
    epochs: Annotated[int, Field(ge=1)] = 30


class NluSettings(Section):
    """What messages mean."""

    data: tuple[Path, ...] = ()
    recogniser: Factory = "nlu:build"
    backend: Literal["rasa", "embedded", "rasa-then-embedded"] = "rasa-then-embedded"
    rasa: RasaSettings = RasaSettings()
    start: Share = 0.30
    interrupt: Share = 0.45
    near: Share = 0.12
    mention: Share = 0.15


class WebChatChannel(Section):
    """The chat page and its Direct Line endpoint."""

    enabled: bool = True
    bot_name: str = "Assistant"
    origins: tuple[str, ...] = ()
    embed_origins: tuple[str, ...] = ()
    site_secrets: tuple[SecretStr, ...] = ()
    session_days: Annotated[int, Field(gt=0)] = 30
    rate: Annotated[float, Field(gt=0)] = 1.0
    burst: Annotated[float, Field(ge=1)] = 20.0


class TelegramChannel(Section):
    """A Telegram bot."""

    enabled: bool = False
    token: SecretStr = SecretStr("")
    mode: Literal["webhook", "polling"] = "polling"
    api: Url = "https://api.telegram.org"


class SlackChannel(Section):
    """A Slack app in one workspace."""

    enabled: bool = False
    token: SecretStr = SecretStr("")
    mode: Literal["http", "socket"] = "http"
    signing_secret: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    api: Url = "https://slack.com/api"


class MessengerChannel(Section):
    """A Facebook Page's Messenger."""

    enabled: bool = False
    page: Number = ""
    token: SecretStr = SecretStr("")
    app_id: Number = ""
    app_secret: SecretStr = SecretStr("")
    verify_token: SecretStr = SecretStr("")
    api: Url = "https://graph.facebook.com"
    version: Annotated[str, StringConstraints(pattern=r"^v\d{1,3}\.\d$")] = "v25.0"


class Channels(Section):
    """The ways in and out."""

    webchat: WebChatChannel = WebChatChannel()
    telegram: TelegramChannel = TelegramChannel()
    slack: SlackChannel = SlackChannel()
    messenger: MessengerChannel = MessengerChannel()


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


class DeskHours(Section):
    """When somebody answers: by day, one or more shifts as "08:00-12:30"; an empty list is a day off."""

    mon: tuple[Shift, ...] = ()
    tue: tuple[Shift, ...] = ()
    wed: tuple[Shift, ...] = ()
    thu: tuple[Shift, ...] = ()
    fri: tuple[Shift, ...] = ()
    sat: tuple[Shift, ...] = ()
    sun: tuple[Shift, ...] = ()


class DeskLogin(Section):
    """How agents sign in: an OpenID Connect provider whose id_token says who may do what."""

    issuer: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    scopes: tuple[str, ...] = ("openid", "profile")
    roles_claim: str = "roles"
    agent_role: str = "agent"
    lead_role: str = "lead"
    back_channel: str = ""
    session: Seconds = 9 * 3600


class DeskExternal(Section):
    """A desk elsewhere, spoken to over HTTP."""

    url: Annotated[str, StringConstraints(pattern=r"^(https?://[^?#\s]+[^/?#\s])?$")] = ""
    token: SecretStr = SecretStr("")
    secret: SecretStr = SecretStr("")


class DeskSettings(Section):
    """People: where they are reached, when, and what they may do by themselves. Money is pence."""

    handoff: Factory = "desk.callback:build"
    login: DeskLogin = DeskLogin()
    timezone: str = "Europe/London"
    hours: DeskHours = DeskHours()
    bank_holidays: Literal["", "england"] = ""
    closed: tuple[date, ...] = ()
    skills: dict[str, str] = {}
    urgency: dict[str, Annotated[int, Field(ge=0, le=3)]] = {
        "danger": 3,
        "bereavement": 2,
        "cannot_pay": 2,
        "complaint": 1,
        "effect_unknown": 1,
        "effect_unsettled": 1,
    }
    risk: Seconds = 300
    capacity: Annotated[int, Field(ge=1)] = 3
    offline: Seconds = 45
    unanswered: Seconds = 300
    offer: Seconds = 60
    abandoned: Seconds = 3600
    update: Annotated[float, Field(ge=300)] = 300
    csat: bool = True
    goodwill: dict[Literal["agent", "lead"], Annotated[int, Field(ge=0)]] = {"agent": 1000, "lead": 5000}
    acts: Factory | Literal[""] = ""
    tariff: Factory | Literal[""] = ""
    upload: Annotated[int, Field(gt=0)] = 5_000_000
    external: DeskExternal = DeskExternal()


class LimitSettings(Section):
    """What one turn, one question and one process may take."""

    turn: Seconds = 15.0
    lease: Seconds = 30.0
    read: Seconds = 5.0
    reads_tried: Annotated[int, Field(ge=1)] = 4
    effect_grace: Annotated[float, Field(ge=0)] = 2.0
    question: Seconds = 86400
    confirm: Seconds = 900
    login: Seconds = 600
    misunderstood: Annotated[int, Field(ge=1)] = 3
    poison: Annotated[int, Field(ge=1)] = 3
    turns: Annotated[int, Field(ge=1)] = 32
    sends: Annotated[int, Field(ge=1)] = 32
    timers: Seconds = 0.5


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"


class Settings(BaseSettings):
    """The whole configuration. `load_settings` reads it."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="PARLEY_", env_nested_delimiter="__", env_ignore_empty=True
    )

    brand: Brand = Brand()
    server: Server = Server()
    data: Path = Path("var")
    secret: SecretStr = SecretStr("")
    earlier_secrets: tuple[SecretStr, ...] = ()
    store: StoreSettings = StoreSettings()
    dialogs: DialogSettings = DialogSettings()
    texts: TextSettings = TextSettings()
    nlu: NluSettings = NluSettings()
    services: dict[str, Factory] = {}
    backends: dict[str, dict[str, Any]] = {}
    channels: Channels = Channels()
    identity: IdentitySettings = IdentitySettings()
    desk: DeskSettings = DeskSettings()
    assurance: dict[str, Literal["anyone", "linked", "known"]] = {}
    limits: LimitSettings = LimitSettings()
    log: LogSettings = LogSettings()

    _base: Path = PrivateAttr(default_factory=Path.cwd)
    _file: Path | None = PrivateAttr(default=None)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over what the files say."""
        return env_settings, init_settings

    @property
    def base(self) -> Path:
        """The configuration file's folder, which paths are relative to."""
        return self._base

    @property
    def file(self) -> Path | None:
        """The configuration file."""
        return self._file

    def at(self, path: Path | str) -> Path:
        """A path of the configuration as an absolute one."""
        return self._base / str(path).replace("{parley}", str(HOME))

    @property
    def brand_folder(self) -> Path:
        """Where the brand's texts, data, look and code are."""
        return self.at(self.brand.folder)

    @property
    def data_folder(self) -> Path:
        """Where the server keeps its secret, its models and, by default, its database."""
        return self.at(self.data)

    @property
    def store_url(self) -> str:
        """The database's address, with a relative SQLite path made absolute."""
        url = self.store.url
        if url.startswith("sqlite:///") and not url.startswith("sqlite:////") and ":memory:" not in url:
            return f"sqlite:///{self.at(url.removeprefix('sqlite:///'))}"
        return url

    @property
    def public_url(self) -> str:
        """Where customers reach this server, without a slash at its end."""
        if self.server.public_url:
            return self.server.public_url
        host = "127.0.0.1" if self.server.host in ("0.0.0.0", "::") else self.server.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.server.port}"

    @property
    def brand_view(self) -> dict[str, str]:
        """What pages are told of the brand; logo and theme are addresses."""
        brand = self.brand
        return {
            "name": brand.name,
            "phone": brand.phone,
            "hours": brand.hours,
            "logo": f"/brand/{brand.logo}" if brand.logo else "",
            "theme": f"/brand/{brand.theme}" if brand.theme else "",
        }

    def with_port(self, port: int) -> Settings:
        """The same, reached at this port: the one a socket was given where the configuration says 0."""
        return self.model_copy(update={"server": self.server.model_copy(update={"port": port})})
