"""Strict fakes of the social providers: Telegram's and Slack's OpenID Connect, Facebook's OAuth 2.0 and Graph API."""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from auth.demo_idp import DemoClient, DemoIdp
from bot.ports import Clock

TEAM = "T0001"
PAGE = "900100"
APP, APP_SECRET = "4200", "facebook's app secret"
VERSION = "v25.0"


def telegram_idp(origin: str, clock: Clock) -> DemoIdp:
    """Names an account by its number in `id`; says nothing of when somebody signed in."""

    def say(claims: dict[str, Any]) -> dict[str, Any]:
        kept = _kept(claims)
        return {**kept, "sub": f"tg-{claims['sub']}", "id": int(claims["sub"])}

    return _idp("telegram", origin, clock, {"4711": "Ana", "4712": "Tom"}, say)


def slack_idp(origin: str, clock: Clock) -> DemoIdp:
    """Names a member and a workspace; Vi is a member of another one under the same id as Ana in ours."""

    def say(claims: dict[str, Any]) -> dict[str, Any]:
        kept = _kept(claims)
        team, _, member = str(claims["sub"]).rpartition(":")
        return {
            **kept,
            "sub": member,
            "https://slack.com/user_id": member,
            "https://slack.com/team_id": team or TEAM,
        }

    return _idp("slack", origin, clock, {"U01ANA": "Ana", "U02TOM": "Tom", "T9999:U01ANA": "Vi"}, say)


def _kept(claims: dict[str, Any]) -> dict[str, Any]:
    return {name: claims[name] for name in ("iss", "aud", "iat", "exp", "nonce", "name") if name in claims}


def _idp(name: str, origin: str, clock: Clock, people: dict[str, str], say: Any) -> DemoIdp:
    return DemoIdp(
        issuer=f"{origin}/{name}",
        clients=[DemoClient(f"{name}-client", f"{name} secret", (f"{origin}/link/callback/{name}",))],
        personas=[{"sub": sub, "name": who, "story": "", "customer_ref": ""} for sub, who in people.items()],
        clock=clock,
        say=say,
    )


class FakeFacebook:
    """Signs in whoever the cookie `fb` names. Every call is checked as the real one documents it."""

    def __init__(self, origin: str) -> None:
        self.redirect = f"{origin}/link/callback/facebook"
        self.people = {"1001": "Ana", "1002": "Tom"}
        self.page_accounts = {"1001": "7001", "1002": "7002"}
        self.codes: dict[str, tuple[str, str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.calls: list[str] = []
        self.down = False

    def app(self) -> web.Application:
        """To be mounted at /facebook."""
        app = web.Application()
        app.add_routes(
            [
                web.get(f"/{VERSION}/dialog/oauth", self._dialog),
                web.post(f"/{VERSION}/oauth/access_token", self._exchange),
                web.get(f"/{VERSION}/me", self._me),
                web.get(f"/{VERSION}/{{person}}/ids_for_pages", self._pages),
            ]
        )
        return app

    async def _dialog(self, request: web.Request) -> web.Response:
        asked = request.query
        right = {
            "client_id": APP,
            "redirect_uri": self.redirect,
            "response_type": "code",
            "code_challenge_method": "S256",
        }
        if any(asked.getall(name, []) != [value] for name, value in right.items()) or not asked.get("state"):
            return web.Response(status=400, text="URL blocked")
        person = request.cookies.get("fb", "")
        if person not in self.people:
            back = {"error": "access_denied", "error_reason": "user_denied", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(24)
            self.codes[code] = (person, asked["code_challenge"], asked["redirect_uri"])
            back = {"code": code, "state": asked["state"]}
        return web.Response(status=302, headers={"Location": f"{self.redirect}?{urlencode(back)}"})

    async def _exchange(self, request: web.Request) -> web.Response:
        self.calls.append("exchange")
        if self.down:
            return web.Response(status=503)
        form = await request.post()
        if request.query or form.get("client_id") != APP or form.get("client_secret") != APP_SECRET:
            return _error(101, "Error validating application.")
        if form.get("grant_type") == "client_credentials":
            return _json(200, {"access_token": f"{APP}|{APP_SECRET}", "token_type": "bearer"})
        person, challenge, redirect = self.codes.pop(str(form.get("code", "")), ("", "", ""))
        made = urlsafe_b64encode(sha256(str(form.get("code_verifier", "")).encode()).digest()).rstrip(b"=").decode()
        if not person or made != challenge or form.get("redirect_uri") != redirect:
            return _error(100, "This authorization code has been used, or the verifier is wrong.")
        token = "EAA" + secrets.token_urlsafe(40)
        self.tokens[token] = person
        return _json(200, {"access_token": token, "token_type": "bearer", "expires_in": 5183944})

    async def _me(self, request: web.Request) -> web.Response:
        token = self._bearer(request)
        if token not in self.tokens:
            return _error(190, "Invalid OAuth access token.")
        if not self._proven(request, token) or request.query.get("fields") != "id,name":
            return _error(100, "Invalid appsecret_proof provided in the API argument")
        person = self.tokens[token]
        return _json(200, {"id": person, "name": self.people[person]})

    async def _pages(self, request: web.Request) -> web.Response:
        token = self._bearer(request)
        if token != f"{APP}|{APP_SECRET}" or not self._proven(request, token):
            return _error(190, "Invalid OAuth access token.")
        account = self.page_accounts.get(request.match_info["person"])
        known = account is not None and request.query.get("page") == PAGE
        data = [{"id": account, "page": {"id": PAGE, "name": "Larkspur"}}] if known else []
        return _json(200, {"data": data})

    def _bearer(self, request: web.Request) -> str:
        assert "access_token" not in request.query
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    def _proven(self, request: web.Request, token: str) -> bool:
        made = hmac.new(APP_SECRET.encode(), token.encode(), "sha256").hexdigest()
        return hmac.compare_digest(request.query.get("appsecret_proof", ""), made)


def _error(code: int, message: str) -> web.Response:
    return _json(400, {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}})


def _json(status: int, body: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
