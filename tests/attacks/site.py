"""A site with the sign-in pages and the demo provider over real HTTP, and browsers to visit it with."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from http.cookies import Morsel
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
from aiohttp import ClientSession, DummyCookieJar, web
from aiohttp.test_utils import TestServer, unused_port
from cryptography.fernet import Fernet
from yarl import URL

from adapters.intake import Intake
from auth import Auth, AuthSettings, ProviderSettings
from auth.demo_idp import DemoClient, DemoIdp, Faults
from auth.keys import Keys
from auth.pages import Hint
from bot.model import Accepted, Address, Inbound, Standing
from bot.ports import Begun, Sql, Store
from bot.store import open_sqlite
from bot.web.ui import FOLDER, serve
from tests.attacks import scan
from tests.attacks.social import APP, APP_SECRET, PAGE, TEAM, VERSION, FakeFacebook, slack_idp, telegram_idp

PEOPLE = [
    {"sub": "ana", "name": "Ana", "story": "Bill up £14", "customer_ref": "C-1001"},
    {"sub": "tom", "name": "Tom", "story": "Pay as you go", "customer_ref": "C-1002"},
    {"sub": "visitor", "name": "Vi", "story": "No customer", "customer_ref": ""},
]
ACTION = {"action": "cancel_direct_debit", "arguments": {"mandate": "M2"}}
SHOWN = "Cancel the direct debit for Mobile ending 412, £23.00 a month"
SERVER_KEY = b"0123456789abcdef0123456789abcdef"
VAULT_KEY = Fernet.generate_key()


class HandClock:
    """Meaning's clock, moved by the test. Whole seconds, as tokens have them."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Sessions:
    """The web chat's sessions, as the page's own cookie would have them."""

    async def user_of(self, request: web.Request) -> str | None:
        return request.cookies.get("chat")


@dataclass
class Page:
    """What a browser shows after following every redirect."""

    status: int
    url: str
    text: str
    headers: dict[str, str]
    hops: list[str] = field(default_factory=list)

    @property
    def heading(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return unescape(found.group(1)).strip() if found else ""

    @property
    def token(self) -> str:
        found = re.search(r'name="token" value="([^"]+)"', self.text)
        assert found, self.text
        return found.group(1)

    @property
    def action(self) -> str:
        found = re.search(r'<form method="post" action="([^"]+)"', self.text)
        assert found, self.text
        return urljoin(self.url, unescape(found.group(1)))


class Browser:
    """Cookies, redirects and the headers a real one sends. `user` is whose chat it has open.

    What is public at `origin` answers at `inside`, as behind a proxy.
    """

    def __init__(self, origin: str, inside: str, session: ClientSession, user: str | None) -> None:
        self.origin = origin
        self.inside = inside
        self.session = session
        self.cookies: dict[str, str] = {"chat": user} if user else {}
        self.set: dict[str, Morsel[str]] = {}
        self.visited: list[str] = []

    async def get(self, url: str, *, agent: str = "Mozilla/5.0") -> Page:
        return await self._go("GET", url, None, {"User-Agent": agent}, True)

    async def post(
        self, url: str, data: dict[str, str], *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Page:
        sent = {"Origin": "null", "Sec-Fetch-Site": "same-origin", **(headers or {})}
        return await self._go("POST", url, data, sent, follow)

    async def press(self, page: Page, act: str = "yes") -> Page:
        return await self.post(page.action, {"token": page.token, "act": act})

    async def sign_in(self, page: Page, sub: str, *, follow: bool = True) -> Page:
        assert page.heading == "Who are you today?", (page.status, page.url, page.text)
        return await self.post(page.action, {"sub": sub}, follow=follow)

    async def _go(
        self, method: str, url: str, data: dict[str, str] | None, headers: dict[str, str], follow: bool
    ) -> Page:
        hops: list[str] = []
        for _ in range(10):
            assert url.startswith(self.origin), url
            self.visited.append(url)
            at = URL(self.inside + url[len(self.origin) :], encoded=True)
            sent = {**headers, "Cookie": self._cookies()}
            async with self.session.request(method, at, data=data, headers=sent, allow_redirects=False) as answer:
                page = Page(answer.status, url, await answer.text(), dict(answer.headers), hops)
                self.set.update(answer.cookies)
                self.cookies.update({name: one.value for name, one in answer.cookies.items()})
            location = page.headers.get("Location")
            if not location or not follow:
                return page
            url, method, data, headers = urljoin(url, location), "GET", None, {}
            hops.append(url)
            if not url.startswith(self.origin):
                return page
        raise AssertionError("redirected in circles")

    def _cookies(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)


class Site:
    """Everything a test needs to attack."""

    def __init__(
        self, store: Store, clock: HandClock, auth: Auth, idp: DemoIdp, origin: str, inside: str, facebook: FakeFacebook
    ) -> None:
        self.facebook = facebook
        self.store = store
        self.clock = clock
        self.auth = auth
        self.idp = idp
        self.origin = origin
        self.inside = inside
        self.sessions: list[ClientSession] = []
        self.browsers: list[Browser] = []
        self.keys = Keys([SERVER_KEY])
        self.ops = 0

    @property
    def faults(self) -> Faults:
        return self.idp.faults

    def browser(self, user: str | None = "dl_ana") -> Browser:
        session = ClientSession(cookie_jar=DummyCookieJar())
        self.sessions.append(session)
        self.browsers.append(Browser(self.origin, self.inside, session, user))
        return self.browsers[-1]

    def address(self, user: str = "dl_ana", channel: str = "webchat") -> Address:
        return Address("larkspur", channel, channel, user)

    async def begin(self, user: str = "dl_ana", channel: str = "webchat", **more: Any) -> tuple[Begun, str]:
        """Ask for a link (or what `more` says) in a user's chat; returns it and its address."""
        address = self.address(user, channel)
        conversation = await self.store.conversation_of(address)
        self.ops += 1
        asked = {"purpose": "link", "op": f"op-{self.ops}", **more}
        begun = self.auth.login.begin(conversation=conversation, address=address, now=self.clock.now(), **asked)
        await self.store.change(begun.changes)
        url = await self.auth.minter.url(begun.transaction, conversation)
        assert url
        return begun, url

    async def begin_step_up(self, user: str = "dl_ana", **more: Any) -> tuple[Begun, str]:
        standing = await self.standing(user)
        return await self.begin(user, purpose="stepup", shown=SHOWN, standing=standing, **{**ACTION, **more})

    async def link(self, user: str = "dl_ana", sub: str = "ana", browser: Browser | None = None) -> Browser:
        """Link a user's chat the straight way."""
        browser = browser or self.browser(user)
        _, url = await self.begin(user)
        done = await browser.sign_in(await browser.press(await browser.get(url)), sub)
        assert done.heading == "Your account is connected", (done.status, done.text)
        return browser

    async def approve(self, browser: Browser, user: str = "dl_ana", sub: str = "ana") -> str:
        """Approve the action the straight way; returns the grant."""
        begun, url = await self.begin_step_up(user)
        page = await browser.press(await browser.get(url))
        if page.heading == "Who are you today?":
            page = await browser.sign_in(page, sub)
        assert page.heading == "Approved", (page.status, page.text)
        [grant] = await self.store.query("SELECT id FROM step_up_grant WHERE txn = :txn", txn=begun.transaction)
        assert [one["outcome"].get("grant") for one in await self.signals()].count(grant["id"]) == 1
        return str(grant["id"])

    async def standing(self, user: str = "dl_ana") -> Standing:
        return await self.auth.identity.standing(self.address(user), self.clock.now())

    async def writes(self, text: str, user: str = "4711", channel: str = "telegram", **more: Any) -> Accepted:
        """A customer's message, the way an adapter takes it in."""
        self.ops += 1
        given: dict[str, Any] = {"key": f"m{self.ops}", "kind": "message", "address": self.address(user, channel)}
        inbound = Inbound(at=self.clock.now(), text=text, **{**given, **more})
        return await Intake(self.store, lambda text, locale: None, channel, self.auth.redactor).take(inbound)

    async def notices(self) -> list[str]:
        """What the bot was asked to say of its own accord."""
        return [one["notice"] for one in await self.signals() if "notice" in one]

    async def consume(self, grant: str, standing: Standing, key: str = "key-1", **more: Any) -> None:
        changes = self.auth.login.consume(
            grant=grant, standing=standing, key=key, now=self.clock.now(), **{**ACTION, **more}
        )
        await self.store.change(changes)

    async def signals(self) -> list[dict[str, Any]]:
        rows = await self.store.query("SELECT data FROM inbound WHERE kind = 'signal' ORDER BY at, conversation, seq")
        return [msgspec.json.decode(row["data"]) for row in rows]

    async def audited(self) -> list[tuple[str, str]]:
        rows = await self.store.query("SELECT what, detail FROM audit ORDER BY at")
        return [(row["what"], msgspec.json.decode(row["detail"]).get("why", "")) for row in rows]

    async def links(self) -> list[dict[str, Any]]:
        return await self.store.query("SELECT * FROM identity_link WHERE revoked_at IS NULL")

    async def run(self, text: str, **values: Any) -> None:
        await self.store.change([Sql(text, values)])

    def path(self, url: str) -> str:
        return urlsplit(url).path


def social_settings(name: str, origin: str, more: Mapping[str, Any]) -> ProviderSettings:
    """A social provider as the fakes know it."""
    at = f"{origin}/{name}"
    known: dict[str, dict[str, Any]] = {
        "telegram": {"client_id": "telegram-client", "client_secret": "telegram secret"},
        "slack": {"client_id": "slack-client", "client_secret": "slack secret", "team": TEAM},
        "facebook": {"client_id": APP, "client_secret": APP_SECRET, "api": f"{at}/{VERSION}", "page": PAGE},
    }
    kind: Any = name
    return ProviderSettings(
        **{"id": name, "kind": kind, "issuer": at, "label": name.capitalize(), **known[name], **more}
    )


@asynccontextmanager
async def site(
    *,
    settings: AuthSettings | None = None,
    store: Store | None = None,
    public: str = "",
    social: Mapping[str, Mapping[str, Any]] | None = None,
    hints: Mapping[str, Hint] | None = None,
    **provider: Any,
) -> AsyncIterator[Site]:
    """The site on a free port; closes its browsers with it."""
    clock = HandClock()
    port = unused_port()
    inside = f"http://127.0.0.1:{port}"
    origin = public or inside
    held = store or open_sqlite(":memory:", clock=clock, log_channels=frozenset({"webchat"}))
    brand = {"name": "Larkspur", "phone": "0800 000 111", "theme": "", "logo": ""}
    idp = DemoIdp(
        issuer=f"{origin}/idp",
        clients=[DemoClient("parley", "demo secret", (f"{origin}/link/callback/larkspur",))],
        personas=PEOPLE,
        clock=clock,
        brand=brand,
    )
    chosen: dict[str, Any] = {
        "scopes": ("openid", "offline_access"),
        "allowed_algs": ("ES256", "RS256"),
        "timeout": 2.0,
        **provider,
    }
    social = social or {}
    facebook = FakeFacebook(origin)
    others = {
        "telegram": lambda: telegram_idp(origin, clock).app(),
        "slack": lambda: slack_idp(origin, clock).app(),
        "facebook": facebook.app,
    }
    if public:
        chosen["back_channel"] = f"{inside}/idp"
    auth = Auth(
        store=held,
        clock=clock,
        providers=[
            ProviderSettings("larkspur", f"{origin}/idp", "parley", "demo secret", label="Larkspur", **chosen),
            *(social_settings(name, origin, more) for name, more in social.items()),
        ],
        server_keys=[SERVER_KEY],
        vault_keys=[VAULT_KEY],
        public_url=origin,
        brand=brand,
        proof=Sessions(),
        hints=hints,
        settings=settings,
    )
    app = web.Application()
    app.add_routes([*auth.routes(), *serve("/ui", FOLDER)])
    app.add_subapp("/idp", idp.app())
    for name in social:
        app.add_subapp(f"/{name}", others[name]())
    server = TestServer(app, host="127.0.0.1", port=port)
    await server.start_server(access_log=None)
    here = Site(held, clock, auth, idp, origin, inside, facebook)
    try:
        with scan.listening() as heard:
            yield here
        # After every attack, whatever came of it.
        if found := await scan.found_in(here, heard):
            raise AssertionError(f"secrets are left lying about: {found}")
    finally:
        for session in here.sessions:
            await session.close()
        await server.close()
        await held.close()
