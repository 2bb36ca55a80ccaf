"""The web side every neighbour's routes stand in: application, boundary, health, drain, refusals."""

from __future__ import annotations

from bot.web.app import build_app
from bot.web.boundary import EXTRA
from bot.web.drain import Drain
from bot.web.forms import form
from bot.web.health import Check, Health
from bot.web.limiting import from_one_address, in_vain_per_address, per_address, sender
from bot.web.problems import BadBody, Forbidden, NotFound, Refused, TooLarge, TooMany, json, problem
from bot.web.static import static_routes
from bot.web.taken import Taken

__all__ = [
    "EXTRA",
    "BadBody",
    "Check",
    "Drain",
    "Forbidden",
    "Health",
    "NotFound",
    "Refused",
    "Taken",
    "TooLarge",
    "TooMany",
    "build_app",
    "form",
    "from_one_address",
    "in_vain_per_address",
    "json",
    "per_address",
    "problem",
    "sender",
    "static_routes",
]
