"""Fetches a file from a platform: only from its own hosts, never from inside our network, never more than we keep."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from bot.errors import Permanent, Temporary

SIZE = 10 * 1024 * 1024
"""Bytes of one file that are kept."""
_HOPS = 3
_CHUNK = 64 * 1024
_GONE = frozenset({400, 401, 403, 404, 410})


class NotFetched(Temporary):
    """The platform did not give the file now."""


class FileGone(Permanent):
    """The platform no longer has the file, or does not give it to us."""


class FileTooLarge(Permanent):
    """The file is larger than is kept."""


class ForeignHost(Permanent):
    """The file's address is not one of the platform's own."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a file is. `hosts`: names it may come from; one that begins with a dot stands for all below it.

    `headers` carry the platform's token and are sent to the first host alone. `local`: the one host that may be on this
    machine or network, where a platform's interface is (a fake, or a Bot API server of our own).
    """

    url: str = field(repr=False)
    hosts: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    local: str = ""


def inside(api: str) -> str:
    """The host of an interface that the operator has on their own network: one without https; else ""."""
    found = urlsplit(api)
    return (found.hostname or "") if found.scheme == "http" else ""


class _Outside(AbstractResolver):
    """Names that lead into our own network lead nowhere; the platform's own address was named by the operator."""

    def __init__(self, local: str) -> None:
        self._local, self._inner = local, DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        kept = [one for one in found if host == self._local or ip_address(one["host"]).is_global]
        if not kept:
            raise OSError(f"{host} is not outside")
        return kept

    async def close(self) -> None:
        await self._inner.close()


async def fetch(source: Source, *, seconds: float = 20.0, most: int = SIZE) -> bytes:
    """The file's bytes. Raises `NotFetched`, `FileGone`, `FileTooLarge`, `ForeignHost`."""
    connector = aiohttp.TCPConnector(resolver=_Outside(source.local), force_close=True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
            url, headers = source.url, source.headers
            for _ in range(_HOPS):
                _checked(url, source)
                async with client.get(url, headers=headers, allow_redirects=False) as response:
                    if response.status in (301, 302, 303, 307, 308):
                        # The token is for the platform's interface, not for wherever that sends us.
                        url, headers = urljoin(url, response.headers.get("Location", "")), {}
                        continue
                    return await _body(response, most)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        # Its words may quote the address, and that may hold a token.
        raise NotFetched(type(error).__name__) from None
    raise FileGone("It leads from one address to the next.")


async def _body(response: aiohttp.ClientResponse, most: int) -> bytes:
    if response.status in _GONE:
        raise FileGone(f"HTTP {response.status}")
    if response.status != 200:
        raise NotFetched(f"HTTP {response.status}")
    if (response.content_length or 0) > most:
        raise FileTooLarge
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > most:
            raise FileTooLarge
    return bytes(body)


def _checked(url: str, source: Source) -> None:
    found = urlsplit(url)
    host = found.hostname or ""
    if host and host == source.local:
        return
    named = any(host.endswith(one) if one.startswith(".") else host == one for one in source.hosts)
    if found.scheme != "https" or not named or found.port not in (None, 443) or found.username is not None:
        raise ForeignHost
