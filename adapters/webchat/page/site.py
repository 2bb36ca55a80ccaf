"""Serves the chat page: `/chat`, `/chat/embed.js` and `/chat/assets/…`, under a strict content security policy."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import msgspec
from aiohttp import web

from bot.web.ui import serve

FOLDER = Path(__file__).parent
DEV_FILES = frozenset({"dev.js", "dev.css"})


@dataclass(frozen=True, slots=True)
class PageConfig:
    """What the page is told. `brand` has name, phone, hours, `legal` (small print, a line each), and addresses of a logo
    and a `theme` stylesheet.

    `starters` are offered while the chat is empty; `words` replaces any text of `words.js` by its name.
    """

    brand: Mapping[str, str]
    locale: str = "en-GB"
    directline: str = "/v3/directline"
    session: str = "/chat/session"
    starters: Sequence[str] = ("Why is my bill higher?", "Cancel a direct debit", "Talk to a person")
    words: Mapping[str, str] = field(default_factory=dict)
    dev: bool = False


def document(config: PageConfig) -> str:
    """index.html with the brand's name, its stylesheet and the configuration filled in; all of it escaped."""
    theme = config.brand.get("theme", "")
    # "<" inside the JSON block could end the script element early.
    block = msgspec.json.encode(config).decode().replace("<", "\\u003c")
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    for mark, text in {
        "{{locale}}": escape(config.locale),
        "{{brand}}": escape(config.brand.get("name", "")),
        "{{phone}}": escape(config.brand.get("phone", "")),
        "<!-- brand theme -->": f'<link rel="stylesheet" href="{escape(theme)}">' if theme else "",
        "{{config}}": block,
    }.items():
        page = page.replace(mark, text)
    return page


def policy(request: web.Request, embed_origins: Sequence[str] = ()) -> str:
    """The page's Content-Security-Policy: its own origin alone; framed only by itself and the listed origins."""
    # Older Safari does not count ws: of the same host as 'self'. A Host header is the client's word, so it is checked.
    sockets = f"ws://{request.host} wss://{request.host}" if re.fullmatch(r"[\w.:\[\]-]+", request.host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"connect-src 'self' {sockets}".rstrip(),
            "img-src 'self' data:",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors " + " ".join(("'self'", *embed_origins)),
        )
    )


def routes(config: PageConfig, *, embed_origins: Sequence[str] = ()) -> list[web.RouteDef]:
    """The page's routes. The dev pane's files exist only where `config.dev` is set."""

    async def page(request: web.Request) -> web.Response:
        response = web.Response(
            text=document(config),
            content_type="text/html",
            headers={
                "Content-Security-Policy": policy(request, embed_origins),
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
            },
        )
        response.enable_compression()
        return response

    assets = serve("/chat/assets", FOLDER, without=(frozenset() if config.dev else DEV_FILES) | {"embed.js"})
    embed = [route for route in serve("/chat", FOLDER) if route.path == "/chat/embed.js"]
    return [web.get("/chat", page), *embed, *assets]
