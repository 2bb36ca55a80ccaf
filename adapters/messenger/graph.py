"""The Graph API's client. The token travels in the body or a header, never in an address.

https://developers.facebook.com/docs/messenger-platform/reference/send-api
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from adapters.messenger.errors import Unreachable, meaning
from adapters.messenger.settings import MessengerSettings
from bot.errors import SendUncertain


class Graph:
    """The calls that this channel makes. Each raises `SendTemporary`, `SendUncertain` or `SendPermanent`."""

    def __init__(self, settings: MessengerSettings) -> None:
        self._settings = settings
        self.api = settings.api
        """Where it is."""
        self._base = f"{settings.api}/{settings.version}"
        # Shows that whoever uses the token also knows the app's secret; an app can be set to insist on it.
        self._proof = hmac.new(settings.app_secret.encode(), settings.token.encode(), "sha256").hexdigest()
        self._client: aiohttp.ClientSession | None = None

    async def send(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send a message, or an action such as typing_on; returns `{recipient_id, message_id}`."""
        return await self.post(f"{self._settings.page}/messages", message)

    async def post(self, path: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST with the Page's token."""
        proof = {"access_token": self._settings.token, "appsecret_proof": self._proof}
        return await self._call("POST", path, data=msgspec.json.encode({**fields, **proof}))

    async def post_as_app(self, path: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """POST with the app's own token."""
        token = f"{self._settings.app_id}|{self._settings.app_secret}"
        return await self._call("POST", path, data=msgspec.json.encode({**fields, "access_token": token}))

    async def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """GET with the Page's token in a header."""
        query["appsecret_proof"] = self._proof
        return await self._call("GET", path, params=query)

    async def _call(self, method: str, path: str, **what: Any) -> Mapping[str, Any]:
        if self._client is None or self._client.closed:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._settings.answer))
        headers = {"Content-Type": "application/json"}
        if method == "GET":
            headers = {"Authorization": f"Bearer {self._settings.token}"}
        try:
            async with self._client.request(
                method, f"{self._base}/{path}", headers=headers, allow_redirects=False, **what
            ) as response:
                raw, status = await response.read(), response.status
                retry_after = _seconds(response.headers.get("Retry-After"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(type(error).__name__) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SendUncertain(type(error).__name__) from error
        body = _json(raw)
        if status == 200 and isinstance(body, Mapping) and "error" not in body:
            return body
        raise meaning(status, body, retry_after=retry_after, rest=self._settings.rest)

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isascii() and header.isdecimal() else None
