"""Token buckets, per process: what one sender may ask of us."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable


class Buckets:
    """One bucket a key: `burst` at once, `rate` a second on average. The least used keys are forgotten first.

    Counts in this process alone: with N workers a sender may get up to N times as much.
    """

    def __init__(
        self, *, rate: float, burst: float, keys: int = 50_000, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._keys = keys
        self._monotonic = monotonic
        self._held: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one token. Returns 0.0 if it was there, else the seconds until the next one."""
        now = self._monotonic()
        tokens, at = self._held.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._held[key] = (tokens if wait else tokens - 1, now)
        if len(self._held) > self._keys:
            self._held.popitem(last=False)
        return wait
