"""What a transcript is played in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.bridge import Bridge
from bot.ports import Store
from bot.script.catalogue import Services
from bot.script.scope import Host
from bot.testing.clock import SetClock
from bot.testing.login import ScriptedLogin


class World(Protocol):
    """What a composition offers a transcript: the parts that outlive a process, and a way to build one."""

    store: Store
    clock: SetClock
    login: ScriptedLogin

    def process(self, wrap: Callable[[Services], Services], store: Store) -> tuple[Host, Bridge]:
        """A fresh process's engine over `store`, its services wrapped."""
        ...

    def deploy(self) -> None:
        """`~ deploy`: later processes run the newer code, where the world has one."""
        ...

    async def effects(self) -> list[str]:
        """What the backend really did, in order, as "debits.cancel mandate=M2"."""
        ...

    async def backend(self, words: str) -> None:
        """`% backend WORDS`: something happens at the backend."""
        ...

    async def close(self) -> None:
        """The world ends."""
        ...
