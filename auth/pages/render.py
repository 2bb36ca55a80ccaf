"""Turns a page's name into HTML under a strict policy: no script, never framed, never stored, no referrer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from auth.pages.words import WORDS

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Ask:
    """A page with a decision on it. `shown` is the exact action; `providers` are (id, label)."""

    kind: str
    action: str
    token: str
    yes: str
    providers: Sequence[tuple[str, str]]
    ago: str
    shown: str = ""


class Renderer:
    """Renders pages with the brand's words and look. `brand` has name, phone, and addresses of logo and theme."""

    def __init__(
        self,
        brand: Mapping[str, str],
        *,
        words: Mapping[str, str] | None = None,
        chat: str = "/chat",
        locale: str = "en-GB",
    ) -> None:
        self._brand = {"name": "", "phone": "", "logo": "", "theme": "", **brand}
        self._words = {**WORDS, **(words or {})}
        self._chat = chat
        self._locale = locale
        self._pages = templates(FOLDER)

    def word(self, name: str, **values: str) -> str:
        """One text, filled in."""
        return self._words[name].format_map({**self._base(), **values})

    def ago(self, seconds: float) -> str:
        """How long ago something was, in words."""
        minutes = int(seconds // 60)
        name = "ago.now" if minutes < 1 else "ago.one" if minutes == 1 else "ago.more"
        return self.word(name, minutes=str(minutes))

    def ask(self, ask: Ask, *, form_origins: Sequence[str]) -> web.Response:
        """The page that asks: connect, or approve."""
        values = {"ago": ask.ago, "provider": ask.providers[0][1] if ask.providers else ""}
        html = self._pages.get_template("ask.html").render(
            self._frame(self.word(f"{ask.kind}.title")),
            ask=ask,
            heading=self.word(f"{ask.kind}.heading"),
            why=self.word(f"{ask.kind}.why", **values),
            warning=self.word(f"{ask.kind}.warning"),
            yes=self.word(ask.yes),
            no=self.word(f"{ask.kind}.no"),
            with_provider=[(key, self.word("ask.yes_with", provider=label)) for key, label in ask.providers],
        )
        return self._page(html, 200, form_origins)

    def end(self, kind: str, *, status: int = 200, again: str = "", channel: str = "", **values: str) -> web.Response:
        """The page that says how it ended, why in one sentence, and what to do, with one button."""
        button = again and self._words.get(f"{kind}.button")
        html = self._pages.get_template("end.html").render(
            self._frame(self.word(f"{kind}.heading")),
            kind=kind,
            heading=self.word(f"{kind}.heading"),
            why=self.word(f"{kind}.why", **values),
            href=again if button else self._chat if channel in ("", "webchat") else "",
            button=button or self._words.get(f"{kind}.button") or self.word("chat"),
            close=self.word("close"),
            good=kind in ("linked", "approved"),
        )
        return self._page(html, status, ())

    def _base(self) -> dict[str, str]:
        return {"brand": self._brand["name"], "phone": self._brand["phone"]}

    def _frame(self, title: str) -> dict[str, object]:
        return {
            "title": title,
            "locale": self._locale,
            "brand": self._brand,
            "phone": self.word("phone") if self._brand["phone"] else "",
        }

    def _page(self, html: str, status: int, form_origins: Sequence[str]) -> web.Response:
        return web.Response(text=html, status=status, content_type="text/html", headers=headers(form_origins))


@cache
def templates(folder: Path) -> Environment:
    """The templates beside a page's code: always escaped, and an unknown name is an error."""
    loader = FileSystemLoader(folder / "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)


def headers(form_origins: Sequence[str] = ()) -> dict[str, str]:
    """The headers of every page. Chromium holds a form's redirects to `form-action`: the sign-in is in it."""
    forms = " ".join(dict.fromkeys(("'self'", *(one for one in form_origins if urlsplit(one).scheme))))
    return {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
