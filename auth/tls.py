"""The TLS context of calls to providers."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def tls(*, plain: bool) -> ssl.SSLContext:
    """One context for all calls: reading the certificates anew holds the event loop for 50 ms, four times a sign-in.

    For plain http on this machine one that trusts nobody will do.
    """
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx2.create_ssl_context()
