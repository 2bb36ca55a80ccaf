"""The whole configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bot.settings.channels import Channels
from bot.settings.desk import DeskSettings
from bot.settings.identity import IdentitySettings
from bot.settings.kinds import HOME, Factory
from bot.settings.nlu import NluSettings
from bot.settings.retention import RetentionSettings
from bot.settings.site import Brand, DialogSettings, LimitSettings, LogSettings, Server, StoreSettings, TextSettings


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
    assurance: dict[str, Literal["anyone", "linked", "known", "approved"]] = {}
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
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
        """What pages are told of the brand; logo and theme are addresses, `legal` the small print, a line
        each."""
        brand = self.brand
        return {
            "name": brand.name,
            "phone": brand.phone,
            "hours": brand.hours,
            "logo": f"/brand/{brand.logo}" if brand.logo else "",
            "theme": f"/brand/{brand.theme}" if brand.theme else "",
            "legal": "\n".join(brand.legal),
        }

    def for_reload(self) -> Settings:
        """The same, for a process that starts anew at each change and must be quick about it."""
        return self.model_copy(update={"nlu": self.nlu.model_copy(update={"trust": "kept"})})

    def with_port(self, port: int) -> Settings:
        """The same, reached at this port: the one a socket was given where the configuration says 0."""
        return self.model_copy(update={"server": self.server.model_copy(update={"port": port})})
