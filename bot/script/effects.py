"""Effects are declared where the service contract is: how to read back, whether the backend honours keys, how long."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NewType, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

Key = NewType("Key", str)
"""An idempotency key. The engine fills it; a dialog never passes one."""

UNKEYED = Key("")
"""The default of an effect's `key` parameter in a service contract."""


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """How an effect is run. `read_back` names a method of the same service that takes the same arguments (and key)
    and returns the effect's result if it has taken place, None if not. `deadline` is in seconds."""

    read_back: str
    keys: bool
    deadline: float
    approve: str | None


def effect(
    *, read_back: str, keys: bool, deadline: float = 8.0, approve: str | None = None
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R]]]:
    """Declare a service method that changes the world. `approve`: the step-up action it needs, with equal arguments."""

    def mark(fn: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
        fn.__effect__ = EffectSpec(read_back, keys, deadline, approve)  # type: ignore[attr-defined]
        return fn

    return mark


def spec_of(contract: type[Any], method: str) -> EffectSpec | None:
    """The declaration of a contract's method, or None for a read."""
    return getattr(getattr(contract, method, None), "__effect__", None)
