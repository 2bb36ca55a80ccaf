"""A strict OpenID Connect provider for trying Parley out and for its tests: one tap signs in as a persona."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from authlib.common.urls import add_params_to_uri  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2 import OAuth2Error  # type: ignore[import-untyped, unused-ignore]

from auth.demo_idp.faults import Faults
from auth.demo_idp.server import ACRS, METHODS, Answer, Request, Say, Server
from auth.demo_idp.signing import ALG, Signing
from auth.demo_idp.state import DemoClient, Login, Persona, State
from auth.pages.render import headers, templates
from auth.settings import origin
from bot.ports import Clock
from bot.web import form as posted_form

COOKIE = "demo-idp"


class DemoIdp:
    """The provider at `issuer`, to be mounted at that address's path: `app.add_subapp("/idp", DemoIdp(…).app())`.

    `personas` have sub, name, story and customer_ref. `folder` keeps the signing key and, where it is `shared` by
    several processes, all else, which otherwise is in memory. `say` rewrites an id_token's claims, for standing in
    for a provider with others.
    """

    def __init__(
        self,
        *,
        issuer: str,
        clients: Sequence[DemoClient],
        personas: Sequence[Mapping[str, Any]],
        clock: Clock,
        folder: Path | None = None,
        shared: bool = False,
        brand: Mapping[str, str] | None = None,
        customer_claim: str = "customer_ref",
        faults: Faults | None = None,
        say: Say | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.issuer = issuer.rstrip("/")
        self._brand = {"name": "Demo", "logo": "", "theme": "", **(brand or {})}
        remembered = folder / "state.db" if folder is not None and shared else None
        self._state = State(clients, [_persona(one) for one in personas], remembered)
        self.signing = Signing(folder)
        self._server = Server(self.issuer, self._state, self.signing, clock, self.faults, customer_claim, say)
        self._clock = clock
        self._pages = templates(Path(__file__).parent)

    def app(self) -> web.Application:
        """The application, with paths relative to the issuer."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._discovery, name="idp_discovery"),
                web.get("/jwks", self._jwks, name="idp_jwks"),
                web.get("/authorize", self._authorize, name="idp_authorize"),
                web.post("/authorize", self._sign_in, name="idp_sign_in"),
                web.post("/token", self._token, name="idp_token"),
                web.get("/userinfo", self._userinfo, name="idp_userinfo"),
                web.post("/revoke", self._revoke, name="idp_revoke"),
                web.get("/end-session", self._end_session, name="idp_end_session"),
            ]
        )
        return app

    async def _discovery(self, request: web.Request) -> web.Response:
        if self.faults.discovery == "down":
            return web.Response(status=503)
        at = self.issuer
        document: dict[str, Any] = {
            "issuer": "https://other.example" if self.faults.discovery == "wrong_issuer" else at,
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "jwks_uri": f"{at}/jwks",
            "userinfo_endpoint": f"{at}/userinfo",
            "revocation_endpoint": f"{at}/revoke",
            "end_session_endpoint": f"{at}/end-session",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "scopes_supported": ["openid", "profile", "offline_access"],
            "acr_values_supported": list(ACRS),
            "id_token_signing_alg_values_supported": [ALG],
            "token_endpoint_auth_methods_supported": METHODS,
            "code_challenge_methods_supported": ["plain"] if self.faults.discovery == "no_s256" else ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }
        return _json(200, document)

    async def _jwks(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.faults.slow_jwks)
        return _json(200, self.signing.jwks())

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = await self._read(request)
        login = self._remembered(request, asked)
        try:
            grant = self._server.get_consent_grant(asked, end_user=login)
        except OAuth2Error as refused:
            return self._refuse(asked, refused)
        if login is not None:
            return _response(self._server.create_authorization_response(asked, grant_user=login, grant=grant))
        return self._page(request, asked)

    async def _sign_in(self, request: web.Request) -> web.Response:
        chosen = str((await posted_form(request)).get("sub", ""))
        # Only our own page may sign somebody in here: a forged form would sign a victim in as somebody else.
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return web.Response(status=403, text="Please sign in on this page itself.")
        asked = await self._read(request, form=False)
        persona = self._offered(asked).get(chosen)
        login = Login(persona, self._server.now()) if persona else None
        try:
            grant = self._server.get_consent_grant(asked, end_user=login)
        except OAuth2Error as refused:
            return self._refuse(asked, refused)
        response = _response(self._server.create_authorization_response(asked, grant_user=login, grant=grant))
        if login is not None:
            response.set_cookie(
                COOKIE,
                self._state.sign_in(login),
                path=urlsplit(self.issuer).path or "/",
                httponly=True,
                samesite="Lax",
                secure=self.issuer.startswith("https://"),
            )
        return response

    async def _token(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.faults.slow_token)
        return _response(self._server.create_token_response(await self._read(request)))

    async def _revoke(self, request: web.Request) -> web.Response:
        return _response(self._server.create_endpoint_response("revocation", await self._read(request)))

    async def _userinfo(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        held = self._state.token(token, "access", self._server.now()) if scheme.lower() == "bearer" else None
        if held is None:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return _json(200, {"sub": held.login.persona.sub, **self._server.claims(held.login)})

    async def _end_session(self, request: web.Request) -> web.Response:
        self._state.sign_out(request.cookies.get(COOKIE, ""))
        client = self._state.clients.get(request.query.get("client_id", ""))
        target = request.query.get("post_logout_redirect_uri", "")
        if client and target in client.post_logout_uris:
            query = {"state": request.query["state"]} if "state" in request.query else {}
            response = web.Response(status=303, headers={"Location": str(add_params_to_uri(target, query))})
        else:
            html = self._pages.get_template("signed_out.html").render(brand=self._brand)
            response = web.Response(text=html, content_type="text/html", headers=headers())
        response.del_cookie(COOKIE, path=urlsplit(self.issuer).path or "/")
        return response

    def _remembered(self, request: web.Request, asked: Request) -> Login | None:
        """Whoever is signed in here already, unless the request wants a new login (OpenID Connect Core §3.1.2.1)."""
        login = self._state.session(request.cookies.get(COOKIE, ""), self._server.now())
        if login is not None and login.persona.sub not in self._offered(asked):
            return None
        if login is None or self.faults.ignore_prompt:
            return login
        if "login" in asked.payload.data.get("prompt", "").split():
            return None
        max_age = asked.payload.data.get("max_age", "")
        if max_age.isdigit() and self._server.now() - login.auth_time > int(max_age):
            return None
        return login

    def _page(self, request: web.Request, asked: Request) -> web.Response:
        html = self._pages.get_template("sign_in.html").render(
            brand=self._brand, personas=list(self._offered(asked).values()), action=request.rel_url.raw_path_qs
        )
        onward = origin(asked.payload.redirect_uri)
        return web.Response(text=html, content_type="text/html", headers=headers((onward,)))

    def _offered(self, asked: Request) -> dict[str, Persona]:
        """Whom this client's users may be: staff at a client for staff, customers at any other."""
        client = self._state.clients.get(asked.payload.client_id)
        staff = client is not None and client.staff
        return {sub: one for sub, one in self._state.personas.items() if one.staff == staff}

    def _refuse(self, asked: Request, refused: Any) -> web.Response:
        answer: Answer = self._server.handle_error_response(asked, refused)
        if answer.location:
            answer.location = str(add_params_to_uri(answer.location, {"iss": self.issuer}))
        return _response(answer)

    async def _read(self, request: web.Request, *, form: bool = True) -> Request:
        posted = [(name, str(value)) for name, value in (await posted_form(request)).items()] if form else []
        # By its public name: behind a proxy the request itself looks like plain http.
        uri = f"{self.issuer}{request.rel_url.path[request.rel_url.path.rfind('/') :]}"
        query = [(name, str(value)) for name, value in request.query.items()]
        return Request(request.method, uri, query=query, form=posted, headers=request.headers)


_FIELDS = ("sub", "name", "story", "customer_ref")


def _persona(given: Mapping[str, Any]) -> Persona:
    return Persona(
        **{name: given[name] for name in _FIELDS}, staff="roles" in given, roles=tuple(given.get("roles", ()))
    )


def _response(answer: Answer) -> web.Response:
    kept = {name: value for name, value in answer.headers.items() if name.lower() != "content-type"}
    kept.setdefault("Cache-Control", "no-store")
    kept.setdefault("Referrer-Policy", "no-referrer")
    if isinstance(answer.body, dict):
        return _json(answer.status, answer.body, kept)
    return web.Response(status=answer.status, text=answer.body or "", headers=kept)


def _json(status: int, body: Mapping[str, Any], more: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=msgspec.json.encode(body),
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(more or {})},
    )
