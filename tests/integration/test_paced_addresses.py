"""What one network address may ask of the whole site, as it is composed: the limits stand before their routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer, unused_port

import compose
from auth.demo_idp.faults import Faults
from auth.demo_idp.signing import Signing
from auth.logout import EVENT
from auth.oidc import OidcProvider
from bot import assembly
from bot.configuration import load_settings
from bot.settings import HOME
from bot.testing.clock import SetClock

FEW = {
    "PARLEY_SERVER__PROXIES": "1",
    "PARLEY_CHANNELS__WEBCHAT__OPENS": "0.01",
    "PARLEY_CHANNELS__WEBCHAT__OPENS_BURST": "3",
    "PARLEY_LIMITS__PAGES": "0.01",
    "PARLEY_LIMITS__PAGES_BURST": "3",
    "PARLEY_LIMITS__LOGOUTS": "0.01",
    "PARLEY_LIMITS__LOGOUTS_BURST": "5",
}
STRANGER, PROVIDER = "203.0.113.7", "198.51.100.9"


def reader(*_: object) -> object:
    """A recogniser that takes no time to build."""
    return SimpleNamespace(control=lambda text, locale: None)


class Here:
    """The site, its clock, and whoever comes from an address."""

    def __init__(self, url: str, client: aiohttp.ClientSession, clock: SetClock, folder: Path) -> None:
        self.url, self.client, self.clock, self.folder = url, client, clock, folder

    async def asks(self, method: str, path: str, address: str, times: int, **more: Any) -> list[int]:
        found = []
        headers = {"X-Forwarded-For": address, "Origin": self.url}
        for _ in range(times):
            self.client.cookie_jar.clear()
            async with self.client.request(method, self.url + path, headers=headers, **more) as answer:
                found.append(answer.status)
                if answer.status == 429:
                    assert (await answer.json())["error"]["code"] == "TooManyRequests"
                    assert int(answer.headers["Retry-After"]) >= 1
        return found

    async def logouts(self, address: str, times: int, faults: Faults | None = None) -> list[int]:
        """Logout tokens of the built-in provider, signed as it does, or as the faults say."""
        at = int(self.clock.now().timestamp())
        signing = Signing(self.folder / "demo-idp")
        found = []
        for _ in range(times):
            claims = {
                "iss": f"{self.url}/idp",
                "aud": "parley",
                "iat": at,
                "exp": at + 120,
                "jti": token_hex(8),
                "sub": "nobody",
                "events": {EVENT: {}},
            }
            data = {"logout_token": signing.sign(claims, faults or Faults())}
            found += await self.asks("POST", "/link/logout/demo", address, 1, data=data)
        return found


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Here]:
    port = unused_port()
    kept = {
        "PARLEY_DATA": str(folder),
        "PARLEY_STORE__URL": f"sqlite:///{folder}/p.db",
        "PARLEY_STORE__WRITER": "thread",
        "PARLEY_PORT": str(port),
        "PARLEY_NLU__RECOGNISER": f"{__name__}:reader",
        "PARLEY_SECRET": "a secret of these tests alone, long enough",
    }
    clock = SetClock()
    made = assembly.parts(load_settings(HOME / "config.yml", {**kept, **FEW}), clock)
    async with (
        compose.site(made, lambda line: None) as built,
        TestServer(built.app, host="127.0.0.1", port=port),
        aiohttp.ClientSession() as client,
    ):
        yield Here(f"http://127.0.0.1:{port}", client, clock, folder)


async def test_chats_and_sign_in_pages_are_paced_by_address(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        assert await here.asks("POST", "/chat/session", STRANGER, 5) == [200] * 3 + [429] * 2
        assert await here.asks("GET", f"/link/{'a' * 43}", STRANGER, 5) == [404] * 3 + [429] * 2
        assert await here.asks("POST", "/chat/session", PROVIDER, 1) == [200]


@pytest.mark.promise("assured")
async def test_logouts_that_do_not_hold_are_soon_not_looked_at_and_a_provider_s_all_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    claims = OidcProvider.logout_claims

    async def counted(self: OidcProvider, token: str) -> Any:
        looked.append(token)
        return await claims(self, token)

    monkeypatch.setattr(OidcProvider, "logout_claims", counted)
    async with site(tmp_path) as here:
        assert await here.logouts(STRANGER, 12, Faults(alg="bad_signature")) == [400] * 5 + [429] * 7
        assert len(looked) == 5
        assert await here.asks("POST", "/link/logout/demo", STRANGER, 2, data={"logout_token": "x"}) == [429] * 2
        # A provider ends as many logins as there are, all from one address.
        assert await here.logouts(PROVIDER, 40) == [200] * 40
        assert len(looked) == 45
