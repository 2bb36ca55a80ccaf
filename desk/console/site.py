"""The agents' console as a document and its files, under a strict content security policy.

The document is the same for everyone and holds no customer's data: who may see what is the API's to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import msgspec
from aiohttp import web

from bot.web.ui import serve

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ConsoleConfig:
    """What the console is told. `brand` has a name and the addresses of a logo and a `theme` stylesheet.

    `words` replaces any text of `words.js` by its name.
    """

    brand: Mapping[str, str]
    locale: str = "en-GB"
    api: str = "/desk/api"
    events: str = "/desk/events"
    words: Mapping[str, str] = field(default_factory=dict)


def document(config: ConsoleConfig) -> str:
    """index.html with the brand's name, its stylesheet and the configuration filled in; all of it escaped."""
    theme = config.brand.get("theme", "")
    # "<" inside the JSON block could end the script element early.
    block = msgspec.json.encode(config).decode().replace("<", "\\u003c")
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    marks = {
        "{{locale}}": escape(config.locale),
        "{{brand}}": escape(config.brand.get("name", "")),
        "<!-- brand theme -->": f'<link rel="stylesheet" href="{escape(theme)}">' if theme else "",
        "{{config}}": block,
    }
    # In one pass, so that a value which looks like a mark stays as it is.
    return re.sub("|".join(map(re.escape, marks)), lambda found: marks[found[0]], page)


def policy() -> str:
    """The console's Content-Security-Policy: its own origin alone, framed by nobody."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def page_headers() -> dict[str, str]:
    """The headers of the document: never kept, never framed, its own origin alone."""
    return {
        "Content-Security-Policy": policy(),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }


def assets() -> list[web.RouteDef]:
    """The console's files, `/desk/console/…`: scripts and styles, nothing of a customer's."""
    return serve("/desk/console", FOLDER)
