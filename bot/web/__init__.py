"""The web side every neighbour's routes stand in: application, boundary, health, drain, refusals."""

from __future__ import annotations

from bot.web.app import build_app
from bot.web.boundary import EXTRA
from bot.web.drain import Drain
from bot.web.health import Check, Health
from bot.web.problems import BadBody, Forbidden, NotFound, Refused, TooLarge, TooMany, json, problem
from bot.web.static import static_routes

__all__ = [
    "EXTRA",
    "BadBody",
    "Check",
    "Drain",
    "Forbidden",
    "Health",
    "NotFound",
    "Refused",
    "TooLarge",
    "TooMany",
    "build_app",
    "json",
    "problem",
    "static_routes",
]
