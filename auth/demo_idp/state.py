"""Everything the demo provider remembers, in memory: codes, tokens and who is signed in where."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

CODE_LIFE = 60.0
"""Seconds an authorization code may be exchanged in, once."""
ACCESS_LIFE = 300
SESSION_LIFE = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class DemoClient:
    """An application that may use the provider. Addresses are compared exactly."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_uris: tuple[str, ...] = ()
    staff: bool = False
    """Whether the brand's own people sign in here, and not its customers."""

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: a request has to name its address."""

    def get_allowed_scope(self, scope: str | None) -> str:
        known = {"openid", "profile", "offline_access"}
        return " ".join(one for one in (scope or "").split() if one in known)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return secrets.compare_digest(client_secret.encode(), self.client_secret.encode())

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody one can sign in as. `story` says what makes them worth trying."""

    sub: str
    name: str
    story: str
    customer_ref: str
    staff: bool = False
    """One of the brand's own people, who is offered at staff's clients alone; `roles` says what they may do."""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Login:
    """A persona who signed in at `auth_time` (epoch seconds)."""

    persona: Persona
    auth_time: float


@dataclass(slots=True)
class Code:
    """An authorization code, good for one exchange."""

    client_id: str
    redirect_uri: str
    scope: str
    nonce: str | None
    acr: str
    login: Login
    code_challenge: str
    code_challenge_method: str
    expires_at: float
    family: str
    used: bool = False

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(slots=True)
class Token:
    """An access or refresh token. All that come from one sign-in are one family."""

    kind: str
    client_id: str
    scope: str
    login: Login
    family: str
    expires_at: float
    used: bool = False

    def check_client(self, client: DemoClient) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


class State:
    """Keyed by hashes, so that a dump of it signs nobody in."""

    def __init__(self, clients: Sequence[DemoClient], personas: Sequence[Persona]) -> None:
        self.clients = {one.client_id: one for one in clients}
        self.personas = {one.sub: one for one in personas}
        self.nonces: set[tuple[str, str]] = set()
        self.revoked: set[str] = set()
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, Token] = {}
        self._sessions: dict[str, Login] = {}

    def add_code(self, code: str, held: Code) -> None:
        self._codes[_key(code)] = held

    def code(self, code: str, client_id: str, now: float) -> Code | None:
        """An unused code of this client. A second use revokes what the first brought (RFC 6749 §4.1.2)."""
        held = self._codes.get(_key(code))
        if held is None or held.client_id != client_id:
            return None
        if held.used:
            self.revoked.add(held.family)
            return None
        return held if now < held.expires_at else None

    def add_token(self, token: str, held: Token) -> None:
        self._tokens[_key(token)] = held

    def token(self, token: str, kind: str, now: float) -> Token | None:
        """A live token. A refresh token shown a second time revokes its whole family (RFC 9700 §4.14)."""
        held = self._tokens.get(_key(token))
        if held is None or held.kind != kind or held.family in self.revoked or now >= held.expires_at:
            return None
        if held.used:
            self.revoked.add(held.family)
            return None
        return held

    def sign_in(self, login: Login) -> str:
        """Begin a session of this provider's own; returns its cookie's value."""
        value = secrets.token_urlsafe(32)
        self._sessions[_key(value)] = login
        return value

    def session(self, cookie: str, now: float) -> Login | None:
        login = self._sessions.get(_key(cookie))
        return login if login and now - login.auth_time < SESSION_LIFE else None

    def sign_out(self, cookie: str) -> None:
        self._sessions.pop(_key(cookie), None)


def _key(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
