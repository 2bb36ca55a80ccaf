"""Understanding: which backend reads, and from what score it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from bot.settings.kinds import Factory, Seconds, Section, Share, Url


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
    trust: Literal["fitted", "kept"] = "fitted"
    encoder: str = ".encoder"
    apart: bool = True
    keep_unsure: bool = False
    rasa: RasaSettings = RasaSettings()
    start: Share = 0.30
    interrupt: Share = 0.45
    near: Share = 0.12
    mention: Share = 0.15
