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
    """A page with a decision on it. `shown` is the exact action; `providers` are (value, label) of the button `field`.

    `hint` is what a channel's own app sent along, carried from the page's address into its form.
    """

    kind: str
    action: str
    token: str
    yes: str
    providers: Sequence[tuple[str, str]]
    ago: str
    shown: str = ""
    field: str = "provider"
    channel: str = "webchat"
    provider: str = ""
    name: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """A form of one button: where it goes, what it carries, what it says."""

    action: str
    token: str
    label: str


class Renderer:
    """Renders pages with the brand's words and look. `brand` has name, phone, small print
    (`legal`, a line each), and addresses of logo and theme."""

    def __init__(
        self,
        brand: Mapping[str, str],
        *,
        words: Mapping[str, str] | None = None,
        chat: str = "/chat",
        locale: str = "en-GB",
    ) -> None:
        self._brand = {"name": "", "phone": "", "logo": "", "theme": "", "legal": "", **brand}
        self._words = {**WORDS, **(words or {})}
        self._chat = chat
        self._locale = locale
        self._pages = templates(FOLDER)

    def word(self, name: str, /, **values: str) -> str:
        """One text, filled in."""
        return self._words[name].format_map({**self._base(), **values})

    def ago(self, seconds: float) -> str:
        """How long ago something was, in words."""
        minutes = int(seconds // 60)
        name = "ago.now" if minutes < 1 else "ago.one" if minutes == 1 else "ago.more"
        return self.word(name, minutes=str(minutes))

    def channel(self, name: str) -> str:
        """What customers call a channel."""
        key = f"channel.{name}"
        return self.word(key) if key in self._words else name.capitalize()

    def ask(self, ask: Ask, *, form_origins: Sequence[str]) -> web.Response:
        """The page that asks: connect, bind, or approve."""
        values = {
            "ago": ask.ago,
            "provider": ask.provider or (ask.providers[0][1] if ask.providers else ""),
            "channel": self.channel(ask.channel),
            "name": f", {ask.name}" if ask.name else "",
        }
        heading = "ask.heading_on" if ask.kind == "ask" and ask.channel != "webchat" else f"{ask.kind}.heading"
        html = self._pages.get_template("ask.html").render(
            self._frame(self.word(f"{ask.kind}.title", **values)),
            ask=ask,
            heading=self.word(heading, **values),
            why=self.word(f"{ask.kind}.why", **values),
            warning=self.word(f"{ask.kind}.warning", **values),
            yes=self.word(ask.yes, **values),
            no=self.word(f"{ask.kind}.no", **values),
            several=ask.providers if len(ask.providers) > 1 else (),
        )
        return self._page(html, 200, form_origins)

    def with_provider(self, label: str) -> str:
        """What the button of one among several providers says."""
        return self.word("ask.yes_with", provider=label)

    def code(self, code: str, *, masked: str, channel: str, minutes: int) -> web.Response:
        """The page that shows the code to type in the chat."""
        values = {"masked": masked, "channel": self.channel(channel), "minutes": str(minutes)}
        html = self._pages.get_template("code.html").render(
            self._frame(self.word("code.heading", **values)),
            heading=self.word("code.heading", **values),
            why=self.word("code.why", **values),
            warning=self.word("code.warning", **values),
            label=self.word("code.label"),
            code=code,
        )
        return self._page(html, 200, ())

    def end(
        self,
        kind: str,
        *,
        status: int = 200,
        again: str = "",
        button: Button | None = None,
        channel: str = "",
        **values: str,
    ) -> web.Response:
        """The page that says how it ended, why in one sentence, and what to do.

        `again` is where its own button leads, `button` a form instead. `channel`: the chat to lead back to.
        """
        values["channel"] = self.channel(channel or "webchat")
        own = self._words.get(f"{kind}.button") if again else None
        html = self._pages.get_template("end.html").render(
            self._frame(self.word(f"{kind}.heading", **values)),
            kind=kind,
            heading=self.word(f"{kind}.heading", **values),
            why=self.word(f"{kind}.why", **values),
            href=again if own else self._chat if channel in ("", "webchat") else "",
            label=own or self.word("chat"),
            button=button,
            close=self.word("close"),
            good=kind in ("linked", "approved", "sent", "unlinked"),
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
            "legal": self._brand["legal"].splitlines(),
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
