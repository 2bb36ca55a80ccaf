"""A limit or a dead token concerns the whole Page: its other messages wait with the one that was refused."""

from __future__ import annotations

import time
from collections.abc import Callable

from adapters.messenger.errors import TooFast
from bot.errors import SendTemporary
from bot.ports import OutboxClaim

_LONGEST = 300.0


class Pause:
    """In this process; another one meets the limit once itself."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = 0.0
        self._probe: tuple[str, int, int] | None = None

    def check(self, held: OutboxClaim) -> None:
        """Raises `TooFast` while the Page rests. The row that was refused is let through: its retry tells how it is."""
        left = self._until - self._monotonic()
        if left > 0 and (held.conversation, held.seq, held.n) != self._probe:
            raise TooFast(retry_after=left)

    def begin(self, held: OutboxClaim, error: SendTemporary) -> None:
        """The platform refused this row for the Page's sake."""
        self._until = self._monotonic() + min(error.retry_after or 1.0, _LONGEST)
        self._probe = held.conversation, held.seq, held.n

    def end(self, held: OutboxClaim) -> None:
        """This row went through; if it is the one that was refused, so will others."""
        if (held.conversation, held.seq, held.n) == self._probe:
            self._until = 0.0
