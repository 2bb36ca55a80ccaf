"""The first page, `/`: where the chat is, whom one can sign in as, and what to type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


DEMO = "the demo's sign-in: anybody may be anybody, at the desk too"
"""Said wherever its people are named, so that no brand goes to its customers with it unawares."""


@dataclass(frozen=True, slots=True)
class Welcome:
    """What is up: `addresses` by what they are for; `personas` as (name, story), only where the demo sign-in runs."""

    brand: str
    addresses: Mapping[str, str]
    starters: Sequence[str]
    personas: Sequence[tuple[str, str]] = ()
    theme: str = ""
    locale: str = "en-GB"
    logo: str = ""

    def lines(self, reads: str = "") -> list[str]:
        """The same for a terminal. `reads`: which recogniser reads messages."""
        wide = max((len(what) for what in self.addresses), default=0)
        said = [f"{self.brand} is up:", *(f"  {what:<{wide}}  {url}" for what, url in self.addresses.items())]
        if reads:
            said.append(f"  {'messages':<{wide}}  {reads}")
        if self.personas:
            said += [f"Sign in as ({DEMO}):", *(f"  {name}: {story}" for name, story in self.personas)]
        if self.starters:
            said += ["Try typing:", *(f"  {starter}" for starter in self.starters)]
        return said


def welcome_of(settings: Settings, personas: Sequence[Mapping[str, str]]) -> Welcome:
    """What this configuration serves."""
    at = settings.public_url
    chat = {"chat": f"{at}/chat"} if settings.channels.webchat.enabled else {}
    # Where real customers come, nobody needs to be shown the way to it.
    desk = {"desk": f"{at}/desk"} if personas and settings.desk.handoff == "desk.builtin:build" else {}
    return Welcome(
        brand=settings.brand.name,
        addresses={**chat, **desk, "this page": f"{at}/", "health": f"{at}/readyz"},
        starters=settings.brand.starters,
        personas=[(one["name"], one["story"]) for one in personas],
        theme=settings.brand_view["theme"],
        locale=settings.texts.locales[0],
        logo=settings.brand_view["logo"],
    )


def routes(welcome: Welcome, reading: Callable[[], Awaitable[str]]) -> list[web.RouteDef]:
    """`/`. `reading` says which recogniser reads messages."""

    async def home(request: web.Request) -> web.Response:
        said = page(welcome, await reading())
        return web.Response(text=said, content_type="text/html", headers={"Cache-Control": "no-cache"})

    return [web.get("/", home, name="home")]


def page(welcome: Welcome, reads: str = "") -> str:
    """The page as HTML; everything in it is escaped."""
    addresses = "".join(
        f'<li><a href="{escape(url)}">{escape(what)}</a> <code>{escape(url)}</code></li>'
        for what, url in welcome.addresses.items()
    )
    addresses += f"<li>messages: {escape(reads)}</li>" if reads else ""
    starters = "".join(f"<li>{escape(starter)}</li>" for starter in welcome.starters)
    personas = "".join(f"<li><b>{escape(name)}</b>: {escape(story)}</li>" for name, story in welcome.personas)
    theme = f'<link rel="stylesheet" href="{escape(welcome.theme)}">' if welcome.theme else ""
    # Without one named, a browser asks for /favicon.ico, which is not there.
    icon = f'<link rel="icon" href="{escape(welcome.logo or "data:,")}">'
    return (
        f'<!doctype html><html lang="{escape(welcome.locale)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(welcome.brand)}</title><link rel="stylesheet" href="/ui/theme.css">{theme}{icon}</head>'
        f'<body><main class="plain-page"><h1>{escape(welcome.brand)}</h1><ul>{addresses}</ul>'
        + (f"<h2>Try typing</h2><ul>{starters}</ul>" if starters else "")
        + (f"<h2>Sign in as</h2><p>By {escape(DEMO)}.</p><ul>{personas}</ul>" if personas else "")
        + "</main></body></html>"
    )


TYPED = frozenset({"home", "/chat"})
"""Routes whose addresses people type."""


def one_host(public_url: str) -> Middleware:
    """Send `localhost` to `127.0.0.1`, or the other way: links and cookies belong to one name of this machine."""
    public = urlsplit(public_url)

    @web.middleware
    async def same(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method == "GET" and public.hostname in LOOPBACK:
            asked = urlsplit(f"//{request.host}")
            if asked.hostname in LOOPBACK and asked.hostname != public.hostname and asked.port == public.port:
                raise web.HTTPFound(f"{public_url}{request.path_qs}")
        return await handler(request)

    return same
