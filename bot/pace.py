"""Token buckets in the store: what one sender may ask of all processes together."""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import Conflict
from bot.ports import Sql, Store

_REFILLED = "rate.tokens + (:db_now - rate.held) * :rate"
_FULL = f"CASE WHEN {_REFILLED} > :burst THEN :burst ELSE {_REFILLED} END"
_TAKE = (
    "INSERT INTO rate (bucket, tokens, held) VALUES (:bucket, :burst - :wanted, :db_now)"
    f" ON CONFLICT (bucket) DO UPDATE SET tokens = {_FULL} - :wanted, held = :db_now WHERE {_FULL} >= :wanted"
)
SHARE = 5
"""One process passes a fifth of a bucket by itself before it looks into the store, and tells the store afterwards."""


@dataclass(frozen=True, slots=True)
class Taken:
    """`wait`: seconds until the next one may come, 0.0 where this one may. `busy`: the sender is no longer slow."""

    wait: float
    busy: bool


@dataclass(slots=True)
class _Local:
    free: float
    owed: float
    at: float
    until: float = 0.0
    """Till when the store needs no asking: it has just said no."""


class Pace:
    """One bucket a key: `burst` at once, `rate` a second on average, over all processes of the store.

    Whoever is slow costs no statement: each process passes a few of a sender's by itself and owes them to the store,
    which are taken with the next it asks for. So of N processes each may pass `burst / SHARE` more once, and no more on
    average. Keys are kept as a keyed hash: a row says nothing of anybody.
    """

    def __init__(
        self,
        store: Store,
        purpose: str,
        *,
        rate: float,
        burst: float,
        secret: bytes,
        keys: int = 50_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._purpose, self._secret = store, purpose, secret
        self._rate, self._burst = rate, float(burst)
        self._few = burst / SHARE
        self._keys, self._monotonic = keys, monotonic
        self._local: OrderedDict[str, _Local] = OrderedDict()

    async def take(self, key: str) -> Taken:
        """Take one. Raises `StoreUnavailable`."""
        local = self._seen(key)
        if local.free >= 1:
            local.free -= 1
            local.owed += 1
            return Taken(0.0, False)
        if local.at < local.until:
            return Taken(local.until - local.at, True)
        # Whatever is owed more than a whole bucket has been there long enough to have been refilled.
        wanted = min(local.owed + 1, self._burst)
        values = {"bucket": self.bucket(key), "rate": self._rate, "burst": self._burst, "wanted": float(wanted)}
        try:
            await self._store.change([Sql(_TAKE, values, rows=1)])
        except Conflict:
            local.until = local.at + 1 / self._rate
            return Taken(1 / self._rate, True)
        local.owed = 0.0
        return Taken(0.0, True)

    def spent(self, key: str) -> bool:
        """Whether half of what this process may pass of a key's by itself is gone; takes nothing, asks nobody."""
        local = self._local.get(key)
        return local is not None and local.free + (self._monotonic() - local.at) * self._rate / SHARE < self._few / 2

    def bucket(self, key: str) -> str:
        """The name a key's bucket has in the store."""
        return f"{self._purpose}:{hmac.digest(self._secret, key.encode(), 'sha256').hex()[:32]}"

    def _seen(self, key: str) -> _Local:
        now = self._monotonic()
        local = self._local.pop(key, None) or _Local(self._few, 0.0, now)
        passed = now - local.at
        local.free = min(self._few, local.free + passed * self._rate / SHARE)
        local.owed = max(0.0, local.owed - passed * self._rate)
        local.at = now
        self._local[key] = local
        for _ in range(2):
            # Whoever was away for a whole bucket's time is as one who never came: nothing is free to lose, or owed.
            oldest = next(iter(self._local.values()))
            if now - oldest.at > self._burst / self._rate or len(self._local) > self._keys:
                self._local.popitem(last=False)
        return local
