"""Accidents on purpose: the process is thrown away after a checkpoint, a commit or an effect, once each."""

from __future__ import annotations

import functools
import types
from dataclasses import dataclass, field
from typing import Any

from bot.ports import Store
from bot.script.effects import spec_of


class Crash(BaseException):
    """The process is thrown away here."""


@dataclass(slots=True)
class Accidents:
    """Where a process is thrown away, once each."""

    on: bool
    seen: set[str] = field(default_factory=set)

    def maybe(self, point: str) -> None:
        """Throw the process away the first time this point is reached."""
        if self.on and point not in self.seen:
            self.seen.add(point)
            raise Crash(point)


class CrashingStore:
    """The store, with an accident after each checkpoint and commit."""

    def __init__(self, store: Store, accidents: Accidents) -> None:
        self._store, self._accidents = store, accidents

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def checkpoint(self, claim: Any, work: Any) -> Any:
        mark = await self._store.checkpoint(claim, work)
        keys = sorted(str(change.values["key"]) for change in work.changes if "deadline" in change.values)
        self._accidents.maybe(f"checkpoint {keys}")
        return mark

    async def commit(self, claim: Any, work: Any, *, lease: float) -> Any:
        following = await self._store.commit(claim, work, lease=lease)
        self._accidents.maybe(f"commit {claim.seq}")
        return following


class CrashingService:
    """A service, with an accident after each of its effects has returned."""

    def __init__(self, contract: type[Any], real: Any, accidents: Accidents) -> None:
        self._contract, self._real, self._accidents = contract, real, accidents

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if spec_of(self._contract, name) is None:
            return real

        @functools.wraps(real.__func__)
        async def once(self: CrashingService, /, **arguments: Any) -> Any:
            value = await real(**arguments)
            self._accidents.maybe(f"effect {name} {sorted(arguments.items())}")
            return value

        return types.MethodType(once, self)
