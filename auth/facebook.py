"""Facebook Login: OAuth 2.0 without id_token, so the person is asked of the Graph API.

https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and
https://developers.facebook.com/docs/graph-api/guides/secure-requests (`appsecret_proof`).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from hmac import new as new_hmac
from typing import Any
from urllib.parse import urlencode

import httpx2
import msgspec

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused, TokenRevoked
from auth.id_token import SignedIn
from auth.keys import fresh
from auth.settings import ProviderSettings, loopback, origin
from auth.tls import tls
from bot.ports import Clock

_BAD_TOKEN = 190
_MAX = 65536


class Facebook:
    """Facebook as a provider. It says nothing of when somebody signed in: that is when the code was exchanged.

    Its access token is used for one look and never kept.
    """

    def __init__(self, settings: ProviderSettings, clock: Clock) -> None:
        self.settings = settings
        self._clock = clock

    async def form_origins(self) -> tuple[str, ...]:
        """The sign-in's own origin, and those of its mobile pages."""
        own = origin(self.settings.issuer)
        return (own, own.replace("//www.", "//m."), *self.settings.form_origins)

    async def begin(self, *, redirect_uri: str, state: str, max_age: float) -> tuple[str, dict[str, str]]:
        """The address of the dialog, and the verifier to exchange its code with."""
        verifier = fresh()
        asked = {
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "response_type": "code",
            "scope": ",".join(self.settings.scopes),
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        version = self.settings.api.rstrip("/").rsplit("/", 1)[1]
        at = f"{self.settings.issuer.rstrip('/')}/{version}/dialog/oauth"
        return f"{at}?{urlencode(asked)}", {"verifier": verifier, "redirect_uri": redirect_uri}

    async def requires_iss(self) -> bool:
        """False: it does not know RFC 9207. Its redirect address is its own."""
        return False

    async def finish(self, *, code: str, secrets: Mapping[str, str], max_age: float) -> SignedIn:
        """Exchange the code and ask who it is. Raises `SignInRefused`, `ProviderDown`, `ProviderMisconfigured`."""
        exchanged = {
            "code": code,
            "redirect_uri": secrets["redirect_uri"],
            "code_verifier": secrets["verifier"],
        }
        token = (await self._ask("POST", "oauth/access_token", form=exchanged)).get("access_token")
        if not isinstance(token, str) or not token:
            raise SignInRefused("token")
        me = await self._ask("GET", "me", token=token, fields="id,name")
        sub = me.get("id")
        if not isinstance(sub, str) or not sub.isdigit():
            raise SignInRefused("sub")
        return SignedIn(
            issuer=self.settings.issuer,
            sub=sub,
            auth_time=self._clock.now().timestamp(),
            account=await self._page_account(sub),
            name=str(me.get("name", "")),
        )

    async def refresh(self, refresh_token: str) -> str:
        """There is nothing to refresh."""
        raise TokenRevoked

    async def revoke(self, refresh_token: str) -> None:
        """There is nothing to revoke."""

    async def logout_claims(self, token: str) -> Mapping[str, Any]:
        """It has no back-channel logout."""
        raise SignInRefused("provider")

    async def problem(self) -> str:
        """Ask for a token of the application itself: the same id and secret as for customers."""
        try:
            answer = await self._ask("POST", "oauth/access_token", form={"grant_type": "client_credentials"})
        except ProviderDown as down:
            return f"{down} Its address answers from here? Nothing to change in the settings."
        except (ProviderMisconfigured, SignInRefused):
            return f"identity.providers.{self.settings.id}: Facebook refuses client_id or client_secret."
        if "access_token" not in answer:
            return f"identity.providers.{self.settings.id}: {self.settings.api} is no Graph API."
        return ""

    async def _page_account(self, sub: str) -> str | None:
        """The id by which this person writes to our page, if they ever did (Graph API, `ids_for_pages`)."""
        if not self.settings.page:
            return None
        # The application's own token, which Facebook defines as these two joined.
        ours = f"{self.settings.client_id}|{self.settings.client_secret}"
        found = await self._ask("GET", f"{sub}/ids_for_pages", token=ours, page=self.settings.page)
        for one in found.get("data", []):
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                page = one.get("page")
                if isinstance(page, dict) and page.get("id") == self.settings.page:
                    return str(one["id"])
        return None

    async def _ask(
        self, method: str, path: str, *, token: str = "", form: Mapping[str, str] | None = None, **query: str
    ) -> Mapping[str, Any]:
        settings = self.settings
        secret = settings.client_secret
        if form is not None:
            # In the body, never in an address that somebody may log.
            form = {"client_id": settings.client_id, "client_secret": secret, **form}
        else:
            query["appsecret_proof"] = new_hmac(secret.encode(), token.encode(), "sha256").hexdigest()
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        verify, trust_env = tls(plain=settings.api.startswith("http:")), not loopback(settings.api)
        try:
            async with httpx2.AsyncClient(timeout=settings.timeout, verify=verify, trust_env=trust_env) as client:
                answer = await client.request(
                    method, f"{settings.api.rstrip('/')}/{path}", data=form, params=query, headers=bearer
                )
        except (httpx2.HTTPError, httpx2.InvalidURL) as failed:
            raise ProviderDown(f"{settings.id}: {type(failed).__name__}.") from None
        return self._read(answer)

    def _read(self, answer: httpx2.Response) -> Mapping[str, Any]:
        who, status = self.settings.id, answer.status_code
        if status >= 500 or status == 429:
            raise ProviderDown(f"{who}: HTTP {status}.")
        try:
            said = msgspec.json.decode(answer.content[:_MAX], type=dict[str, Any])
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise ProviderDown(f"{who}: its answer is not JSON.") from None
        if status < 400:
            return said
        error = said.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if code in (1, 2, 4, 17, 341):
            raise ProviderDown(f"{who}: Graph error {code}.")
        if code == 101 or (code == _BAD_TOKEN and "|" in answer.request.headers.get("Authorization", "")):
            raise ProviderMisconfigured(f"identity.providers.{who}: Facebook refuses client_id or client_secret.")
        raise SignInRefused("token")
