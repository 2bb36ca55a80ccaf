"""Everything the demo provider remembers: codes, tokens and who is signed in where."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from auth.demo_idp.shelf import Shelf

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
    key: str = ""

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
    key: str = ""

    def check_client(self, client: DemoClient) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return self.scope


class State:
    """Keyed by hashes, so that a dump of it signs nobody in. In memory, or in a file that several workers share."""

    def __init__(self, clients: Sequence[DemoClient], personas: Sequence[Persona], file: Path | None = None) -> None:
        self.clients = {one.client_id: one for one in clients}
        self.personas = {one.sub: one for one in personas}
        shelf = Shelf(file)
        self._nonces = shelf.board("nonce", bool)
        self._revoked = shelf.board("revoked", bool)
        self._codes = shelf.board("code", Code)
        self._tokens = shelf.board("token", Token)
        self._sessions = shelf.board("session", Login)

    def knows_nonce(self, client_id: str, nonce: str) -> bool:
        return self._nonces.get(_key(f"{client_id} {nonce}")) is not None

    def add_nonce(self, client_id: str, nonce: str) -> None:
        self._nonces.put(_key(f"{client_id} {nonce}"), True)

    def revoke(self, family: str) -> None:
        """End all that came from one sign-in."""
        self._revoked.put(family, True)

    def spend(self, held: Code | Token) -> None:
        """It was used, and is good for nothing more."""
        held.used = True
        if isinstance(held, Code):
            self._codes.put(held.key, held)
        else:
            self._tokens.put(held.key, held)

    def add_code(self, code: str, held: Code) -> None:
        held.key = _key(code)
        self._codes.put(held.key, held)

    def code(self, code: str, client_id: str, now: float) -> Code | None:
        """An unused code of this client. A second use revokes what the first brought (RFC 6749 §4.1.2)."""
        held = self._codes.get(_key(code))
        if held is None or held.client_id != client_id:
            return None
        if held.used:
            self.revoke(held.family)
            return None
        return held if now < held.expires_at else None

    def add_token(self, token: str, held: Token) -> None:
        held.key = _key(token)
        self._tokens.put(held.key, held)

    def token(self, token: str, kind: str, now: float) -> Token | None:
        """A live token. A refresh token shown a second time revokes its whole family (RFC 9700 §4.14)."""
        held = self._tokens.get(_key(token))
        if held is None or held.kind != kind or self._revoked.get(held.family) or now >= held.expires_at:
            return None
        if held.used:
            self.revoke(held.family)
            return None
        return held

    def sign_in(self, login: Login) -> str:
        """Begin a session of this provider's own; returns its cookie's value."""
        value = secrets.token_urlsafe(32)
        self._sessions.put(_key(value), login)
        return value

    def session(self, cookie: str, now: float) -> Login | None:
        login = self._sessions.get(_key(cookie))
        return login if login and now - login.auth_time < SESSION_LIFE else None

    def sign_out(self, cookie: str) -> None:
        self._sessions.drop(_key(cookie))


def _key(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
