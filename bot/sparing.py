"""How often a stranger's refusal is written down: an audit row costs a commit and stays for years."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.observe.metrics import LIMITED


class Sparing:
    """So many at once and so many a second, counted in this process alone. `what`: who keeps them, for the figures."""

    def __init__(
        self, what: str, *, rate: float = 1.0, burst: float = 60.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._rate, self._burst, self._monotonic = what, rate, burst, monotonic
        self._left, self._at = burst, monotonic()

    def may(self) -> bool:
        """Whether one more is to be kept; one that is not is counted (`parley_limited_total`)."""
        now = self._monotonic()
        self._left, self._at = min(self._burst, self._left + (now - self._at) * self._rate), now
        if self._left < 1:
            LIMITED.labels(self._what, "refusals").inc()
            return False
        self._left -= 1
        return True
