"""One OpenID Connect provider, spoken to through authlib. The only place that imports authlib's client.

Authorization code flow with PKCE S256 (RFC 7636), issuer in the response (RFC 9207), revocation (RFC 7009).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any

import httpx2
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.base_client.async_app import AsyncOAuth2Mixin  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.base_client.async_openid import AsyncOpenIDMixin  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.base_client.sync_app import BaseApp  # type: ignore[import-untyped, unused-ignore]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped, unused-ignore]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped, unused-ignore]
from joserfc.errors import JoseError

from auth.errors import ProviderDown, ProviderMisconfigured, SignInRefused, TokenRevoked
from auth.id_token import Expected, SignedIn, check
from auth.keys import fresh
from auth.settings import AuthSettings, ProviderSettings, loopback, origin, secure
from auth.tls import tls
from bot.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

# Its debug lines print verifiers and tokens.
logging.getLogger("authlib").setLevel(logging.WARNING)
# Its info lines print whole addresses.
logging.getLogger("httpx2").setLevel(logging.WARNING)


KEYS = 10.0
"""Seconds between two looks for keys that a token names and nobody knows."""


class _Client(AsyncOAuth2Mixin, AsyncOpenIDMixin, BaseApp):  # type: ignore[misc, unused-ignore]
    client_cls = AsyncOAuth2Client
    _looked = float("-inf")

    async def fetch_jwk_set(self, force: bool = False) -> Any:
        """The provider's keys; `force`: anew, for a token names one that is not among them."""
        # Anybody can post a token that names a key of its own, and would have us ask the provider each time.
        force = force and monotonic() - self._looked >= KEYS
        if force:
            self._looked = monotonic()
        return await super().fetch_jwk_set(force)


class OidcProvider:
    """A provider by discovery (OpenID Connect Discovery 1.0). Its document is fetched when first needed and kept."""

    def __init__(self, settings: ProviderSettings, clock: Clock, durations: AuthSettings) -> None:
        self.settings = settings
        self._clock = clock
        self._durations = durations
        self._kept: tuple[float, _Client] | None = None

    async def form_origins(self) -> tuple[str, ...]:
        """The origins that a form leading to the sign-in may be sent on to. Raises as `begin`."""
        client = await self._client()
        return (origin(client.server_metadata["authorization_endpoint"]), *self.settings.form_origins)

    async def begin(self, *, redirect_uri: str, state: str, max_age: float) -> tuple[str, dict[str, str]]:
        """The address of the sign-in, and the secrets to finish it with.

        It always asks for a new login, but of a social provider, whose point is that one tap will do. Raises
        `ProviderDown`, `ProviderMisconfigured`.
        """
        client = await self._client()
        more: dict[str, Any] = {"acr_values": " ".join(self.settings.acr_values) or None}
        if not self.settings.social:
            more |= {"prompt": "login", "max_age": int(max_age), "response_mode": "query"}
        verifier, nonce = fresh(), fresh()
        with self._told():
            made = await client.create_authorization_url(
                redirect_uri,
                state=state,
                code_verifier=verifier,
                nonce=nonce,
                **more,
            )
        return str(made["url"]), {"verifier": verifier, "nonce": nonce, "redirect_uri": redirect_uri}

    async def requires_iss(self) -> bool:
        """Whether the provider says that its responses name their issuer (RFC 9207 §3)."""
        client = await self._client()
        return bool(client.server_metadata.get("authorization_response_iss_parameter_supported"))

    async def finish(self, *, code: str, secrets: Mapping[str, str], max_age: float) -> SignedIn:
        """Exchange the code and validate the sign-in. Raises `SignInRefused` and as `begin`."""
        client = await self._client()
        with self._told():
            token = await client.fetch_access_token(
                redirect_uri=secrets["redirect_uri"], code=code, code_verifier=secrets["verifier"]
            )
            if not isinstance(token.get("id_token"), str):
                raise SignInRefused("id_token")
            claims = await client.parse_id_token(token, nonce=secrets["nonce"], claims_cls=_claims_at(self._clock))
        expected = Expected(
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=secrets["nonce"],
            max_age=max_age,
            acr_values=self.settings.acr_values,
            leeway=self._durations.leeway,
            auth_time=not self.settings.social,
        )
        signed_in = check(claims, expected, self._clock.now(), self.settings.customer_claim)
        if self.settings.social:
            return replace(signed_in, account=self._account(claims), name=str(claims.get("name", "")))
        refresh = token.get("refresh_token")
        return replace(
            signed_in,
            refresh_token=refresh if isinstance(refresh, str) else None,
            name=str(claims.get("name", "")) if self.settings.roles_claim else "",
            roles=_roles(claims, self.settings.roles_claim),
        )

    def _account(self, claims: Mapping[str, Any]) -> str:
        """The person's id on the provider's own channel: the id of a Telegram account, of a member of a workspace."""
        settings = self.settings
        # The same member id may stand for somebody else in another workspace.
        if settings.kind == "slack" and claims.get("https://slack.com/team_id") != settings.team:
            raise SignInRefused("team")
        account = claims.get(settings.account_claim)
        if isinstance(account, bool) or not isinstance(account, str | int) or not account:
            raise SignInRefused("account")
        return str(account)

    async def logout_claims(self, token: str) -> Mapping[str, Any]:
        """The claims of a logout token whose signature holds; nothing else of it is checked. Raises `SignInRefused`."""
        client = await self._client()
        with self._told():
            claims = await client.parse_id_token({"id_token": token}, nonce=None, claims_cls=_Unchecked)
        return dict(claims)

    async def refresh(self, refresh_token: str) -> str:
        """Turn a refresh token in for the next one. Raises `TokenRevoked`, `ProviderDown`."""
        client = await self._client()
        with self._told():
            try:
                async with client._get_oauth_client(**client.server_metadata) as session:
                    token = await session.refresh_token(
                        client.server_metadata["token_endpoint"], refresh_token=refresh_token
                    )
            except OAuthError as refused:
                if refused.error == "invalid_grant":
                    raise TokenRevoked from None
                raise
        return str(token.get("refresh_token") or refresh_token)

    async def revoke(self, refresh_token: str) -> None:
        """Tell the provider that a token is no longer wanted (RFC 7009). Raises `ProviderDown`."""
        client = await self._client()
        endpoint = client.server_metadata.get("revocation_endpoint")
        if not endpoint:
            return
        with self._told():
            async with client._get_oauth_client(**client.server_metadata) as session:
                answer = await session.revoke_token(endpoint, token=refresh_token, token_type_hint="refresh_token")
                answer.raise_for_status()

    async def problem(self) -> str:
        """Fetch the discovery document anew: "" if the provider can be used, else what is wrong and how to mend it."""
        self._kept = None
        try:
            await self._client()
        except ProviderDown as down:
            return f"{down} Its address answers from here? Nothing to change in the settings."
        except ProviderMisconfigured as wrong:
            return str(wrong)
        return ""

    async def _client(self) -> _Client:
        now = self._clock.now().timestamp()
        if self._kept and now - self._kept[0] < self._durations.metadata:
            return self._kept[1]
        settings = self.settings
        inside = settings.back_channel or settings.issuer
        client = _Client(
            None,
            name=settings.id,
            client_id=settings.client_id,
            client_secret=settings.client_secret or None,
            server_metadata_url=f"{inside.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(settings.scopes),
                "code_challenge_method": "S256",
                "timeout": settings.timeout,
                "verify": tls(plain=inside.startswith("http:")),
                # A proxy of the environment cannot reach this machine's own provider.
                "trust_env": not loopback(inside),
            },
        )
        with self._told():
            metadata = await client.load_server_metadata()
        self._fits(metadata)
        for name in ("token_endpoint", "jwks_uri", "revocation_endpoint"):
            if settings.back_channel and str(metadata.get(name, "")).startswith(settings.issuer):
                metadata[name] = settings.back_channel.rstrip("/") + metadata[name][len(settings.issuer.rstrip("/")) :]
        # The library would take whatever algorithms the document lists.
        metadata["id_token_signing_alg_values_supported"] = list(settings.allowed_algs)
        self._kept = (now, client)
        return client

    def _fits(self, metadata: Mapping[str, Any]) -> None:
        who = f"identity.providers.{self.settings.id}"
        if metadata.get("issuer") != self.settings.issuer:
            raise ProviderMisconfigured(
                f"{who}.issuer is {self.settings.issuer}, but its discovery document says {metadata.get('issuer')!r}."
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not secure(str(metadata.get(name, ""))):
                raise ProviderMisconfigured(f"{who}: its discovery document has no secure {name}.")
        methods = metadata.get("code_challenge_methods_supported")
        if methods is not None and "S256" not in methods:
            raise ProviderMisconfigured(f"{who}: the provider does not support PKCE with S256.")
        algs = metadata.get("id_token_signing_alg_values_supported")
        if algs and not set(algs) & set(self.settings.allowed_algs):
            raise ProviderMisconfigured(f"{who}.allowed_algs has none of the provider's: {', '.join(map(str, algs))}.")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a library's error means here. Its text is not kept: it may hold a token."""
        try:
            yield
        except httpx2.HTTPStatusError as answer:
            status = answer.response.status_code
            if status >= 500 or status == 429:
                raise ProviderDown(f"{self.settings.id}: HTTP {status}.") from None
            raise ProviderMisconfigured(f"identity.providers.{self.settings.id}: HTTP {status}.") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as failed:
            raise ProviderDown(f"{self.settings.id}: {type(failed).__name__}.") from None
        except OAuthError as refused:
            if refused.error in {"invalid_client", "unauthorized_client"}:
                raise ProviderMisconfigured(
                    f"identity.providers.{self.settings.id}: the provider refuses client_id or client_secret."
                ) from None
            raise SignInRefused("token") from None
        except JoseError as refused:
            raise SignInRefused(str(getattr(refused, "claim", "") or "signature")) from None
        except ValueError:
            raise ProviderDown(f"{self.settings.id}: its answer is not JSON.") from None


class _Unchecked(dict[str, Any]):
    """Claims as they are, for a token that is no id_token."""

    def __init__(self, claims: Mapping[str, Any], *_: Any) -> None:
        super().__init__(claims)

    def validate(self, leeway: int = 0) -> None:
        """Nothing: whoever asked for them does."""


def _roles(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = claims.get(name) if name else None
    return tuple(one for one in given if isinstance(one, str)) if isinstance(given, list) else ()


def _claims_at(clock: Clock) -> type[Any]:
    """The library's own claim checks (at_hash among them), by our clock instead of the machine's."""

    class Claims(CodeIDToken):  # type: ignore[misc, unused-ignore]
        def validate(self, now: int | None = None, leeway: int = 0) -> None:
            super().validate(now=int(clock.now().timestamp()), leeway=leeway)

    return Claims
