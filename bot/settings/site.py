"""The site: brand, server, store, dialogs, texts, limits, log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from bot.settings.kinds import Name, Seconds, Section


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
    proxies: Annotated[int, Field(ge=0, le=10)] = 0
    workers: Annotated[int, Field(ge=0, le=64)] = 0


class StoreSettings(Section):
    """The engine's database."""

    url: str = "sqlite:///var/parley.db"
    fsync: Literal["full", "normal"] = "full"
    writer: Literal["process", "thread"] = "process"


class DialogSettings(Section):
    """Which dialogs there are."""

    packages: tuple[str, ...] = ("dialogs", ".dialogs")
    disable: tuple[str, ...] = ()


class TextSettings(Section):
    """Which languages there are, and where their texts stand."""

    locales: Annotated[tuple[str, ...], Field(min_length=1)] = ("en-GB",)
    folders: tuple[Path, ...] = ()


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
    turns: Annotated[int, Field(ge=1)] = 128
    sends: Annotated[int, Field(ge=1)] = 32
    send: Seconds = 12.0
    timers: Seconds = 0.5
    messages: Annotated[float, Field(gt=0)] = 0.5
    messages_burst: Annotated[int, Field(ge=1)] = 20
    waiting: Annotated[int, Field(ge=1)] = 50
    requests: Annotated[int, Field(ge=1)] = 2000
    body: Annotated[int, Field(ge=16 * 1024)] = 256 * 1024
    pages: Annotated[float, Field(gt=0)] = 1.0
    pages_burst: Annotated[int, Field(ge=1)] = 60
    logouts: Annotated[float, Field(gt=0)] = 1.0
    logouts_burst: Annotated[int, Field(ge=1)] = 200


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["json", "text"] = "json"
