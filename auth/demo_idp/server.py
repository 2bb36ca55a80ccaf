"""authlib's authorization server with this provider's own rules: PKCE S256 for everybody, one-time codes, rotation.

RFC 6749, RFC 7636, RFC 9207, RFC 9700 §4.14, OpenID Connect Core 1.0.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import (  # type: ignore[import-untyped, unused-ignore]
    AuthorizationServer,
    InvalidRequestError,
    OAuth2Payload,
    OAuth2Request,
    grants,
)
from authlib.oauth2.rfc6750 import BearerTokenGenerator  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2.rfc7009 import RevocationEndpoint  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2.rfc7636 import CodeChallenge  # type: ignore[import-untyped, unused-ignore]
from authlib.oauth2.rfc9207 import IssuerParameter  # type: ignore[import-untyped, unused-ignore]
from authlib.oidc.core.grants import OpenIDCode  # type: ignore[import-untyped, unused-ignore]
from authlib.oidc.core.util import create_half_hash  # type: ignore[import-untyped, unused-ignore]

from auth.demo_idp.faults import Faults
from auth.demo_idp.signing import ALG, Signing
from auth.demo_idp.state import ACCESS_LIFE, CODE_LIFE, Code, DemoClient, Login, State, Token
from bot.ports import Clock

ACRS = ("urn:parley:demo:basic", "urn:parley:demo:strong")
Say = Callable[[dict[str, Any]], dict[str, Any]]
"""Rewrites an id_token's claims into another provider's own."""
METHODS = ["client_secret_basic", "client_secret_post"]
REFRESH_LIFE = 30 * 86400.0


@dataclass(slots=True)
class Answer:
    """A response before it is aiohttp's. `location` is where authlib's issuer extension writes."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def location(self) -> str | None:
        return self.headers.get("Location")

    @location.setter
    def location(self, address: str) -> None:
        self.headers["Location"] = address


class _Payload(OAuth2Payload):  # type: ignore[misc, unused-ignore]
    def __init__(self, values: Mapping[str, str], lists: defaultdict[str, list[str]]) -> None:
        self._values = values
        self._lists = lists

    @property
    def data(self) -> Mapping[str, str]:
        return self._values

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        return self._lists


class Request(OAuth2Request):  # type: ignore[misc, unused-ignore]
    """A request that was read already: authlib's server is synchronous."""

    def __init__(
        self,
        method: str,
        uri: str,
        *,
        query: list[tuple[str, str]],
        form: list[tuple[str, str]],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(method, uri, headers=headers)
        lists: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in (*query, *form):
            lists[name].append(value)
        self.payload = _Payload({name: values[0] for name, values in lists.items()}, lists)
        self._query = dict(query)
        self._form = dict(form)

    @property
    def args(self) -> dict[str, str]:
        return self._query

    @property
    def form(self) -> dict[str, str]:
        return self._form


class Server(AuthorizationServer):  # type: ignore[misc, unused-ignore]
    """The server. `issuer` is its public address."""

    def __init__(
        self,
        issuer: str,
        state: State,
        signing: Signing,
        clock: Clock,
        faults: Faults,
        customer_claim: str,
        say: Say | None = None,
    ) -> None:
        super().__init__(scopes_supported=["openid", "profile", "offline_access"])
        self.issuer = issuer
        self.state = state
        self.signing = signing
        self.faults = faults
        self._clock = clock
        self._customer_claim = customer_claim
        self.say = say
        self.register_grant(_CodeGrant, [_IdToken(state), _S256(required=True)])
        self.register_grant(_RefreshGrant)
        self.register_endpoint(_Revocation)
        self.register_token_generator("default", BearerTokenGenerator(_opaque, _opaque, ACCESS_LIFE))
        self.register_extension(_Issuer)

    def now(self) -> float:
        return self._clock.now().timestamp()

    def claims(self, login: Login) -> dict[str, Any]:
        """What is said of a persona, in id_tokens and at the userinfo endpoint."""
        if login.persona.staff:
            return {"name": login.persona.name, "roles": list(login.persona.roles)}
        return {"name": login.persona.name, self._customer_claim: login.persona.customer_ref}

    def query_client(self, client_id: str) -> DemoClient | None:
        return self.state.clients.get(client_id)

    def save_token(self, token: dict[str, Any], request: Request) -> None:
        login: Login = request.user
        held = request.authorization_code or request.refresh_token
        for kind, life in (("access", ACCESS_LIFE), ("refresh", REFRESH_LIFE)):
            if f"{kind}_token" in token:
                whose, scope = request.client.client_id, token.get("scope", "")
                kept = Token(kind, whose, scope, login, held.family, self.now() + life)
                self.state.add_token(token[f"{kind}_token"], kept)

    def create_oauth2_request(self, request: Request) -> Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Answer:
        return Answer(status, dict(body) if isinstance(body, list) else body, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class _Issuer(IssuerParameter):  # type: ignore[misc, unused-ignore]
    def __init__(self, server: Server) -> None:
        self._server = server
        super().__call__(server)

    def get_issuer(self) -> str | None:
        fault = self._server.faults.iss
        return None if fault == "missing" else "https://other.example" if fault == "wrong" else self._server.issuer


class _S256(CodeChallenge):  # type: ignore[misc, unused-ignore]
    SUPPORTED_CODE_CHALLENGE_METHOD: ClassVar[list[str]] = ["S256"]

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        payload = grant.request.payload.data
        # The library asks for PKCE only of public clients, and takes no method for "plain".
        if not payload.get("code_challenge") or payload.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with code_challenge_method=S256 is required.")
        super().validate_code_challenge(grant, redirect_uri)


class _CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc, unused-ignore]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code: str, request: Request) -> None:
        payload = request.payload.data
        server: Server = self.server
        asked = [one for one in payload.get("acr_values", "").split() if one in ACRS]
        nonce = payload.get("nonce")
        if nonce:
            server.state.add_nonce(request.client.client_id, nonce)
        held = Code(
            client_id=request.client.client_id,
            redirect_uri=request.payload.redirect_uri,
            scope=request.scope,
            nonce=nonce,
            acr=asked[0] if asked else ACRS[0],
            login=request.user,
            code_challenge=payload["code_challenge"],
            code_challenge_method=payload["code_challenge_method"],
            expires_at=server.now() + CODE_LIFE,
            family=secrets.token_hex(8),
        )
        server.state.add_code(code, held)

    def query_authorization_code(self, code: str, client: DemoClient) -> Code | None:
        held: Code | None = self.server.state.code(code, client.client_id, self.server.now())
        return held

    def delete_authorization_code(self, code: Code) -> None:
        self.server.state.spend(code)

    def authenticate_user(self, code: Code) -> Login:
        return code.login

    def generate_token(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        kwargs["include_refresh_token"] = "offline_access" in (kwargs.get("scope") or "").split()
        token: dict[str, Any] = super().generate_token(*args, **kwargs)
        return token


class _RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc, unused-ignore]
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, token: str) -> Token | None:
        if self.server.faults.refuse_refresh:
            return None
        held: Token | None = self.server.state.token(token, "refresh", self.server.now())
        return held

    def authenticate_user(self, token: Token) -> Login:
        return token.login

    def revoke_old_credential(self, token: Token) -> None:
        self.server.state.spend(token)


class _Revocation(RevocationEndpoint):  # type: ignore[misc, unused-ignore]
    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token: str, hint: str | None) -> Token | None:
        state: State = self.server.state
        now: float = self.server.now()
        return state.token(token, "refresh", now) or state.token(token, "access", now)

    def revoke_token(self, token: Token, request: Request) -> None:
        self.server.state.revoke(token.family)


class _IdToken(OpenIDCode):  # type: ignore[misc, unused-ignore]
    def __init__(self, state: State) -> None:
        super().__init__(require_nonce=True)
        self._state = state

    def exists_nonce(self, nonce: str, request: Request) -> bool:
        return self._state.knows_nonce(request.payload.client_id, nonce)

    def process_token(self, grant: Any, response: Any) -> Any:
        _, token, _ = response
        if "openid" in token.get("scope", "").split() and grant.server.faults.id_token != "missing":
            token["id_token"] = _id_token(grant.server, grant.request, token)
        return token


def _id_token(server: Server, request: Request, token: Mapping[str, Any]) -> str:
    code: Code = request.authorization_code
    faults, now = server.faults, int(server.now())
    claims: dict[str, Any] = {
        "iss": "https://other.example" if faults.id_token == "wrong_iss" else server.issuer,
        "sub": code.login.persona.sub,
        "aud": code.client_id,
        "iat": now,
        "exp": now - 3600 if faults.id_token == "expired" else now + ACCESS_LIFE,
        "auth_time": int(code.login.auth_time),
        "acr": faults.acr or code.acr,
        "at_hash": create_half_hash(token["access_token"], ALG).decode(),
        **server.claims(code.login),
    }
    if code.nonce and faults.nonce != "missing":
        claims["nonce"] = "of another sign-in" if faults.nonce == "wrong" else code.nonce
    if faults.aud:
        claims["aud"] = "another-client" if faults.aud == "wrong" else ["another-client", "a-third"]
        claims["azp"] = code.client_id
    if faults.auth_time == "missing":
        del claims["auth_time"]
    elif faults.auth_time:
        claims["auth_time"] = now - 86400 if faults.auth_time == "stale" else now + 3600
    return server.signing.sign(claims if server.say is None else server.say(claims), faults)


def _opaque(*args: Any, **kwargs: Any) -> str:
    return secrets.token_urlsafe(32)
