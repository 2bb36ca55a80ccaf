"""Direct Line tokens: short JWTs that name one user and one conversation. The client reads `user` from them."""

from __future__ import annotations

from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from adapters.webchat.keys import derive
from adapters.webchat.problems import TokenExpired, TokenInvalid
from bot.ports import Clock

ISSUER = "parley"
AUDIENCE = "directline"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows: to speak as `user` in `conversation`. `origins`: from pages of these origins alone."""

    user: str
    conversation: str
    thread: str = ""
    origins: tuple[str, ...] = ()


class Tokens:
    """Mints and reads tokens (HS256, RFC 7519). Expiry is judged by the injected clock."""

    def __init__(self, secret: bytes, clock: Clock, *, seconds: int) -> None:
        self._key = OctKey.import_key(derive(secret, "token"))
        self._clock = clock
        self.seconds = seconds

    def mint(self, grant: Grant) -> str:
        """A token for `seconds` from now."""
        now = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "user": grant.user,
            "conv": grant.conversation,
            "iat": now,
            "exp": now + self.seconds,
        }
        if grant.thread:
            claims["thread"] = grant.thread
        if grant.origins:
            claims["origins"] = list(grant.origins)
        return jwt.encode({"alg": "HS256"}, claims, self._key, algorithms=["HS256"])

    def read(self, token: str) -> Grant:
        """What the token allows. Raises `TokenInvalid`, or `TokenExpired` for one of ours that is too old."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"]).claims
        except (JoseError, ValueError) as error:
            raise TokenInvalid from error
        user, conversation, expires = claims.get("user"), claims.get("conv"), claims.get("exp")
        ours = claims.get("iss") == ISSUER and claims.get("aud") == AUDIENCE
        if not (ours and isinstance(user, str) and isinstance(conversation, str) and isinstance(expires, int)):
            raise TokenInvalid
        if expires <= self._clock.now().timestamp():
            raise TokenExpired
        return Grant(user, conversation, str(claims.get("thread", "")), tuple(claims.get("origins", ())))
