"""The files all pages share: `/ui/…` (Lit, theme, message parts) and `/brand/…` (the brand's stylesheet and
pictures)."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from bot.web.ui import FOLDER, serve

LOOKS = frozenset({".css", ".png", ".svg", ".woff2"})
"""What a brand's folder may show the world; never a script, and never anything from a folder inside it."""


def static_routes(brand: Path | None = None) -> list[web.RouteDef]:
    """Routes for the shared files and, given a brand's folder, for its look."""
    routes = serve("/ui", FOLDER)
    if brand is not None and brand.is_dir():
        routes += [
            route
            for route in serve("/brand", brand)
            if Path(route.path).suffix in LOOKS and "/" not in route.path.removeprefix("/brand/")
        ]
    return routes
