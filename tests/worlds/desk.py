"""The demo brand with its desk, over HTTP: agents with real sessions, a customer, and the engine run by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import msgspec
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet

from bot.errors import DomainError, SendTemporary
from bot.model import Address, Inbound, Outbound
from bot.ports import Channel, Store
from bot.settings import DeskSettings
from bot.testing.login import ScriptedLogin
from bot.testing.player import CHANNEL
from bot.testing.shown import shown
from bot.turn import Turns
from bot.web import Drain, Health, build_app
from desk.api import DeskSite
from desk.builtin import BuiltInDesk
from desk.staff import SignedInStaff
from tests.worlds.demo import DemoWorld, all_dialogs, recogniser

PEOPLE = {
    "priya": SignedInStaff("https://staff.example", "priya", "Priya Shah", ("agent", "billing", "care")),
    "tom": SignedInStaff("https://staff.example", "tom", "Tom Reed", ("agent",)),
    "amara": SignedInStaff("https://staff.example", "amara", "Amara Cole", ("lead", "billing", "care")),
    "nia": SignedInStaff("https://staff.example", "nia", "Nia Rees", ("agent", "cy", "fr")),
    "lee": SignedInStaff("https://staff.example", "lee", "Lee Park", ("warehouse",)),
}
ORIGIN = "http://chat.example"


class Provider:
    """Signs in whoever the code names."""

    async def begin(self, *, redirect_uri: str, state: str) -> tuple[str, dict[str, str]]:
        return f"https://staff.example/authorize?state={state}", {"verifier": "v"}

    async def finish(self, *, query: Mapping[str, str], secrets: Mapping[str, str]) -> SignedInStaff:
        if query.get("code") not in PEOPLE or secrets["verifier"] != "v":
            raise SendTemporary("no such code")
        return PEOPLE[query["code"]]


class Refuses(DomainError):
    """The brand says no."""


class FakeActs:
    """The brand's systems: what was done by key; can be told to fail."""

    def __init__(self) -> None:
        self.done_by: dict[str, tuple[str, int]] = {}
        self.calls = 0
        self.how = ""

    async def do(self, *, act: str, customer: str | None, amount: int, text: str, at: str, key: str) -> str:
        self.calls += 1
        if self.how == "refuse":
            raise Refuses
        if self.how == "down":
            raise SendTemporary
        self.done_by.setdefault(key, (act, amount))
        if self.how == "lost":
            raise SendTemporary
        return "GW-1"

    async def done(self, *, key: str) -> str | None:
        if self.how in ("down", "lost"):
            raise SendTemporary
        return "GW-1" if key in self.done_by else None

    async def tariff(self, *, customer: str) -> str | None:
        return "monthly"


class Agents:
    """One agent's browser."""

    def __init__(self, session: aiohttp.ClientSession, base: str, world: DeskWorld) -> None:
        self.session, self.base, self.world, self.csrf = session, base, world, ""
        self.keys = 0

    async def sign_in(self, who: str) -> int:
        """Through the provider and back; the status of the last answer."""
        async with self.session.get(f"{self.base}/desk/login", allow_redirects=False) as answer:
            state = parse_qs(urlsplit(answer.headers["Location"]).query)["state"][0]
        at = f"{self.base}/desk/callback?code={who}&state={state}"
        async with self.session.get(at, allow_redirects=False) as answer:
            status = answer.status
        if status == 303:
            self.csrf = (await self.get("me"))[1]["csrf"]
        return status

    async def get(self, path: str) -> tuple[int, Any]:
        """A GET of the API."""
        async with self.session.get(f"{self.base}/desk/api/{path}") as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, body: Any = None, *, run: bool = True, **headers: str) -> tuple[int, Any]:
        """A POST of the API with this page's token; the engine runs on afterwards."""
        sent = {"X-Desk-CSRF": self.csrf, "Origin": ORIGIN, **headers}
        async with self.session.post(f"{self.base}/desk/api/{path}", json=body or {}, headers=sent) as answer:
            made = await answer.json() if answer.content_type == "application/json" else None
            status = answer.status
        if run:
            await self.world.settle()
        return status, made

    def key(self) -> str:
        """A fresh key."""
        self.keys += 1
        return f"key-{id(self):x}-{self.keys:08}"[-40:]


class DeskWorld(DemoWorld):
    """The demo world with the built-in desk."""

    def __init__(
        self, given: list[str] | None = None, store: Store | None = None, settings: DeskSettings | None = None
    ) -> None:
        super().__init__([*(given or []), "desk open"])
        self.spare = self.store if store is not None else None
        if store is not None:
            self.store = store
            self.login = ScriptedLogin(store, self.clock, "larkspur")
        assert isinstance(self.handoff, BuiltInDesk)
        if settings is not None:
            self.handoff.settings = settings
        self.acts = FakeActs()
        self.channels: dict[str, Channel] = {}
        self.drain = Drain()
        self.site = DeskSite(
            self.handoff,
            store=self.store,
            clock=self.clock,
            identity=self.login,
            recogniser=recogniser(),
            channels=self.channels,
            dialogs=all_dialogs(),
            texts=self._texts,
            provider=Provider(),
            brand_acts=self.acts,
            drain=self.drain,
            public_url=ORIGIN,
            brand={"name": "Larkspur Mobile", "phone": "0800 496 0150", "hours": "", "logo": "", "theme": ""},
            locale="en-GB",
            secret=b"desk" * 8,
            key=Fernet.generate_key(),
        )
        self._turns: Turns | None = None
        self._said = 0
        self._rows = (0, -1)

    async def close(self) -> None:
        """Close the stores and the backend."""
        if self.spare is not None:
            await self.spare.close()
        await super().close()

    @property
    def settings(self) -> DeskSettings:
        assert isinstance(self.handoff, BuiltInDesk)
        return self.handoff.settings

    def address(self, user: str = "ana") -> Address:
        return Address("larkspur", CHANNEL, CHANNEL, user)

    async def says(self, text: str, user: str = "ana", nonce: str = "") -> list[str]:
        """The customer writes or presses; what is said to it."""
        self._said += 1
        inbound = Inbound(
            f"m{self._said}",
            "press" if nonce else "message",
            self.clock.now(),
            self.address(user),
            text=text,
            data={"nonce": nonce} if nonce else {},
        )
        control = recogniser().control(text) if not nonce else None
        await self.store.accept(inbound, control)
        await self.settle()
        return await self.new()

    async def presses(self, label: str, user: str = "ana") -> list[str]:
        """The newest button with this label."""
        rows = await self.store.query("SELECT body FROM outbound ORDER BY seq DESC, n DESC LIMIT 40")
        for row in rows:
            for choice in msgspec.json.decode(row["body"], type=Outbound).choices:
                if choice.label == label:
                    return await self.says(label, user, choice.nonce)
        raise AssertionError(f"there is no button {label}")

    async def settle(self) -> None:
        """Run turns until none is ready."""
        if self._turns is None:
            self._turns = Turns(*self.process(lambda services: services, self.store))
        for _ in range(200):
            claims = await self.store.claim(16, lease=30.0)
            for claim in claims:
                following: Any = claim
                while following is not None:
                    following = await self._turns.one(following)
            if not claims:
                return

    async def new(self) -> list[str]:
        """What the customer has been sent since the last time."""
        rows = await self.store.query(
            "SELECT rowid_ AS at, body FROM (SELECT e.pos AS rowid_, e.body, e.conversation FROM entry e"
            " WHERE e.kind = 'message' AND e.side <> 'customer') AS said WHERE rowid_ > :after ORDER BY rowid_",
            after=self._rows[0],
        )
        if rows:
            self._rows = (rows[-1]["at"], 0)
        return [shown(msgspec.json.decode(row["body"], type=Outbound)) for row in rows]

    async def later(self, **passed: float) -> None:
        """Time passes, the desk's rounds run, and the engine."""
        until = self.clock.now() + timedelta(**passed)
        self.clock.set(until)
        await self.store.due_timers(self.clock.now())
        await self.settle()
        await self.site.sweep.once()
        await self.settle()

    async def case(self, user: str = "ana") -> str:
        """The case of a customer at the desk."""
        rows = await self.store.query(
            "SELECT i.id FROM desk_item i JOIN conversation c ON c.id = i.conversation WHERE c.user_id = :user"
            " ORDER BY i.opened_at DESC",
            user=user,
        )
        return str(rows[0]["id"])

    async def audited(self) -> list[str]:
        """What the audit holds of the desk, in order."""
        rows = await self.store.query("SELECT what FROM audit WHERE what LIKE 'desk.%' ORDER BY at")
        return [row["what"].removeprefix("desk.") for row in rows]


@asynccontextmanager
async def serving(world: DeskWorld) -> AsyncIterator[TestServer]:
    """The desk on a port of its own."""
    app = build_app(routes=world.site.routes(), health=Health({}, drain=world.drain), drain=world.drain)
    async with TestServer(app) as server:
        yield server


@asynccontextmanager
async def browser(server: TestServer, world: DeskWorld, who: str = "") -> AsyncIterator[Agents]:
    """A browser at the desk, signed in where a name is given."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        made = Agents(session, str(server.make_url("")).rstrip("/"), world)
        if who:
            assert await made.sign_in(who) == 303
        yield made
