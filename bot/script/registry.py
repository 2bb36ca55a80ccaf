"""`@dialog` and the registry of dialogs. Registration holds no state of a conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.model import Assurance

anyone = Assurance.ANYONE
linked = Assurance.LINKED
known = Assurance.KNOWN

Script = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Script)


@dataclass(frozen=True, slots=True)
class DialogSpec:
    """A dialog as registered: its id, what opens it, what it requires, its code and version."""

    id: str
    fn: Script
    intents: tuple[str, ...] = ()
    requires: Assurance = Assurance.ANYONE
    version: int = 1
    title: str = ""
    private: bool | None = None
    upgrade: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = field(default=None, compare=False)


def dialog(
    id: str,
    *,
    intents: tuple[str, ...] | list[str] = (),
    requires: Assurance = Assurance.ANYONE,
    version: int = 1,
    title: str = "",
    upgrade: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> Callable[[F], F]:
    """Make an `async def` a dialog. `intents` open it; an entity fills the parameter of its name, the intent
    `intent`."""

    def mark(fn: F) -> F:
        spec = DialogSpec(
            id, fn, tuple(intents), requires, version, title or f"dialog-{id.replace('_', '-')}", upgrade=upgrade
        )
        fn.__dialog__ = spec  # type: ignore[attr-defined]
        return fn

    return mark
