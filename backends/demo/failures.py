"""Failure switches: the backend can be told, while it runs, to be slow, to be down or to lose an answer."""

from __future__ import annotations

import asyncio
from typing import Literal, get_args

from backends.demo.errors import ResponseLost, ToldToBeDown

Mode = Literal["ok", "slow", "down", "lose_response"]
MODES: tuple[Mode, ...] = get_args(Mode)


class Failures:
    """The switch. `slow` answers after `slow_seconds`; `lose_response` commits an effect and then fails, or with
    `hangs` never answers at all."""

    def __init__(self, *, slow_seconds: float = 3.0, hangs: bool = False) -> None:
        self._mode: Mode = "ok"
        self.slow_seconds = slow_seconds
        self.hangs = hangs

    @property
    def mode(self) -> Mode:
        """How the backend behaves now."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        if mode not in MODES:
            raise ValueError(f"The backend can be {', '.join(MODES)}; not {mode}.")
        self._mode = mode

    async def before(self) -> None:
        """Before any call; raises `ToldToBeDown`."""
        if self._mode == "slow":
            await asyncio.sleep(self.slow_seconds)
        elif self._mode == "down":
            raise ToldToBeDown()

    async def after_effect(self) -> None:
        """After an effect's commit, before its answer; raises `ResponseLost`."""
        if self._mode != "lose_response":
            return
        if self.hangs:
            await asyncio.Event().wait()
        raise ResponseLost()
