"""Errors of Rasa's process, its environment and its answers."""

from __future__ import annotations

from bot.errors import Permanent, Temporary


class RasaDown(Temporary):
    """Rasa does not answer."""


class RasaGarbled(Temporary):
    """Rasa answered something that is no reading of the message."""


class RasaBusy(Temporary):
    """As many messages as Rasa may be asked at once are with it already."""


class RasaUntrained(Temporary):
    """Rasa runs without a model of this brand's examples. `make rasa` trains one."""


class NoPython310(Permanent):
    """Rasa 3.6 needs Python 3.10, and none was found. Install one (`pyenv install 3.10`, or your system's package
    python3.10 with its venv module), or name it: PARLEY_PYTHON310=/path/to/python3.10."""


class NoUv(Permanent):
    """There is no installer. Run `make env` once."""


class RasaFailed(Permanent):
    """Rasa's own command failed."""
